#!/usr/bin/env bash
# Verifies and measures a carried dist/: every test program that knows a GPU, then the benchmarks. Prints one summary.
set -u
cd "$(dirname "$0")"
. ./env.sh
failed=0
for program in checks/*; do
  [ -x "$program" ] || continue
  echo "== $program"
  "$program" || { failed=1; echo "FAILED: $program"; }
done
exit $failed
