# cmake -P: the text edits of FvattnManifest.cmake.
cmake_minimum_required(VERSION 3.25)
include(${SDK}/FvattnManifest.cmake)

function(expect what got wanted)
  if(NOT "${got}" STREQUAL "${wanted}")
    message(SEND_ERROR "${what}: got '${got}', wanted '${wanted}'")
  endif()
endfunction()

set(document "a = 1\n")
fvattn_add_key(abi name "\"x\"")
expect("a new table" "${document}" "a = 1\n\n[abi]\nname = \"x\"\n")
fvattn_add_key(abi name "\"y\"")
expect("an existing key stands" "${document}" "a = 1\n\n[abi]\nname = \"x\"\n")
set(document "[abi]\n\n# note\nname = \"x\"\n[[backend]]\nmajor = 2\n")
fvattn_add_key(abi major 1)
expect("a key of another table does not count" "${document}"
       "[abi]\nmajor = 1\n\n# note\nname = \"x\"\n[[backend]]\nmajor = 2\n")
set(document "[requires.libtorch]\nversion = \"==2.11.*\"\n")
fvattn_add_key(requires glibc "\"2.34\"")
expect("a sub-table is another table" "${document}"
       "[requires.libtorch]\nversion = \"==2.11.*\"\n\n[requires]\nglibc = \"2.34\"\n")
set(document "[library]\nshared_x = 1\n")
fvattn_add_key(library "shared.x" "2")
expect("a dot is a dot" "${document}" "[library]\nshared.x = 2\nshared_x = 1\n")

fvattn_floor(floor GLIBC "Name: GLIBC_2.9 Flags Name: GLIBC_2.34 Name: GLIBC_2.2.5 Name: GLIBCXX_3.4.30")
expect("numbers, not text, are compared" "${floor}" "2.34")
fvattn_floor(floor GLIBCXX "Name: GLIBC_2.9")
expect("nothing needed" "${floor}" "")
fvattn_check_architectures("80,90a-real,80-virtual,all-major" "80;90a;100f" "80")
