#!/usr/bin/env bash
# check_exports.sh READELF PLUGINS_FOLDER LIBFVATTN: one export a plugin, nothing unique, no torch or CUDA in the core,
# and only declared libraries (rule FVP-12) and run paths.
set -euo pipefail
export LC_ALL=C
readelf=$1 folder=$2 core=$3 failures=0

fail() { echo "FAIL $1: $2"; failures=$((failures + 1)); }
needed() { "$readelf" -dW "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'; }
exported() { "$readelf" --dyn-syms -W "$1" | awk '$1 ~ /^[0-9]+:$/ && $5 != "LOCAL" && $7 != "UND" {print $8}'; }

check_plugin() {
  local library=$1 manifest=$2 symbols libraries
  symbols=$(exported "$library")
  [ "$symbols" = fvattn_plugin_entry_v1 ] ||
    fail "$library" "exports $(echo "$symbols" | wc -l) symbols: $(echo $symbols | cut -c 1-200)"
  if "$readelf" -sW "$library" | grep -q ' UNIQUE '; then fail "$library" "has STB_GNU_UNIQUE symbols"; fi
  if "$readelf" -dW "$library" | grep -q TEXTREL; then fail "$library" "has text relocations"; fi
  if "$readelf" -lW "$library" | grep 'GNU_STACK' | grep -q 'RWE'; then fail "$library" "wants an executable stack"; fi
  "$readelf" -SW "$library" | grep -q '\.fvattn\.manifest' || fail "$library" "has no embedded manifest"
  if grep -q libtorch "$manifest"; then return; fi
  libraries=$(needed "$library" | grep -vE '^(libc|libm|libgcc_s|libstdc\+\+|ld-linux[^ ]*|libcuda)\.so' || true)
  libraries=$(echo "$libraries" | grep -vE '^(libasan|libubsan)\.so' || true) # the sanitizer presets
  [ -z "$libraries" ] || fail "$library" "needs $(echo $libraries)"
  "$readelf" -dW "$library" | grep -qE '\(RUNPATH\).*\[\$ORIGIN\]' || fail "$library" "its run path is not \$ORIGIN alone"
}

shopt -s nullglob
plugins=("$folder"/libfvattn_*.so)
for library in "${plugins[@]}"; do
  name=$(basename "$library" .so)
  check_plugin "$library" "$folder/${name#libfvattn_}.fvattn.toml"
done
if needed "$core" | grep -E 'torch|c10|cuda|nccl'; then fail "$core" "needs torch or CUDA"; fi
[ $failures -eq 0 ] || exit 1
if [ ${#plugins[@]} -eq 0 ]; then echo "no plugin is built: nothing to check"; exit 77; fi
echo "${#plugins[@]} plugins export one symbol each"
