// What a manifest rules out before the library is loaded. Manifests are hints: automatic choice trusts them, a backend
// asked for by name is loaded and asked itself.
#pragma once

#include "catalog.hpp"

#include <fvattn/device.hpp>
#include <fvattn/problem.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace fvattn {

/// Why the backend cannot serve the problem according to its manifest, one sentence each; empty when nothing is ruled
/// out. A plugin without a manifest, and a word that is not known here, rule out nothing.
std::vector<std::string> ruled_out_by_manifest(const Offer& offer, const Device& device, const Problem& problem);

/// Can code built for these targets run on compute capability `major`.`minor`? "80" runs on 8.x from 8.0 on, "90a" on 9.0
/// alone, "100f" on all of 10.x; a PTX target without a letter runs on it and everything later. Entries that are not of
/// this form count as running.
bool runs_on(const std::vector<std::string>& sass, const std::vector<std::string>& ptx, int major, int minor);

}  // namespace fvattn
