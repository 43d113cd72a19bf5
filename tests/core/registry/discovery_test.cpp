// Which files of a folder are candidates, and in which order.
#include "core/support/contains.hpp"
#include "core/support/temporary_folder.hpp"

#include <registry/discovery.hpp>

using namespace fvattn;
using namespace fvattn::test;

namespace {

std::vector<std::string> names(const TemporaryFolder& folder, bool drop_in = false) {
  std::vector<std::string> list;
  for (const Candidate& candidate : list_folder({folder.path(), "path", drop_in}).candidates)
    list.push_back(candidate.path().substr(folder.path().size() + 1));
  return list;
}

}  // namespace

TEST_CASE("sorted, manifests first, one level deep, other files left alone") {
  const TemporaryFolder folder;
  for (const char* file :
       {"libfvattn_z.so", "z.fvattn.toml", "b.fvattn.toml", "libfvattn_a.so", "libfvattn_torch.so", "libfvattn_torch_ops.so",
        "libz.so", "libfvattn_a.so.1", "notes.toml", ".fvattn.toml", "libfvattn_.so", "inner/c.fvattn.toml",
        "inner/libfvattn_c.so", "inner/libfvattn_d.so", "inner/deep/e.fvattn.toml", "also/libfvattn_f.so"})
    folder.write(file, "");
  CHECK(names(folder) == std::vector<std::string>{"b.fvattn.toml", "z.fvattn.toml", "libfvattn_a.so", "also/libfvattn_f.so",
                                                  "inner/c.fvattn.toml", "inner/libfvattn_d.so"});
}

TEST_CASE("the drop-in folder holds manifests of any name") {
  const TemporaryFolder folder;
  for (const char* file : {"b.toml", "a.fvattn.toml", "libfvattn_x.so", "inner/c.toml"}) folder.write(file, "");
  CHECK(names(folder, true) == std::vector<std::string>{"a.fvattn.toml", "b.toml"});
}

TEST_CASE("a folder that is not there, and one that is a file") {
  const TemporaryFolder folder;
  CHECK(list_folder({folder.path("none"), "path"}).missing);
  const FolderContent file = list_folder({folder.write("file", ""), "path"});
  CHECK_FALSE(file.missing);
  CHECK_FALSE(file.trouble.empty());
}

TEST_CASE("names of library and manifest belong together") {
  CHECK(library_name_of("mine.fvattn.toml") == "libfvattn_mine.so");
  CHECK(sidecar_name_of("libfvattn_mine.so") == "mine.fvattn.toml");
  CHECK(plugin_name_of("libfvattn_mine.so") == "mine");
  CHECK(plugin_name_of("libmine.so").empty());
  CHECK(is_reserved_name("torch"));
  CHECK(is_reserved_name("torch_ops"));
  CHECK_FALSE(is_reserved_name("torchy"));
}

TEST_CASE("a file that was named brings its manifest along") {
  const TemporaryFolder folder;
  const std::string library = folder.write("libfvattn_x.so", ""), bare = folder.write("libfvattn_y.so", "");
  const std::string sidecar = folder.write("x.fvattn.toml", "");
  CHECK(candidate_of_file(library).sidecar == sidecar);
  CHECK(candidate_of_file(library).library == library);
  CHECK(candidate_of_file(sidecar).library.empty());
  CHECK(candidate_of_file(sidecar).sidecar == sidecar);
  CHECK(candidate_of_file(bare).sidecar.empty());
  CHECK(candidate_of_file(bare).folder == folder.path());
}
