// The torch-free public API in one include.
#pragma once

#include <fvattn/attention_backend.hpp>
#include <fvattn/context.hpp>
#include <fvattn/device.hpp>
#include <fvattn/environment.hpp>
#include <fvattn/forward_context.hpp>
#include <fvattn/log.hpp>
#include <fvattn/manifest.hpp>
#include <fvattn/metadata.hpp>
#include <fvattn/problem.hpp>
#include <fvattn/registry.hpp>
#include <fvattn/selector.hpp>
#include <fvattn/status.hpp>
#include <fvattn/version.hpp>
