#!/usr/bin/env bash
# check_stamp.sh OBJCOPY READELF FOLDER NAME...: the sidecar and the embedded manifest of each plugin.
set -euo pipefail
objcopy=$1 readelf=$2 folder=$3
shift 3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

expect() { grep -qxF "$2" "$1" || { echo "FAIL $1 lacks: $2"; cat "$1"; exit 1; }; }

for name in "$@"; do
  library=$folder/libfvattn_$name.so sidecar=$folder/$name.fvattn.toml
  hash=$(sha256sum "$library" | cut -d' ' -f1)
  platform=linux_$(uname -m)
  expect "$sidecar" "sha256.$platform = \"$hash\""
  "$objcopy" -O binary --only-section=.fvattn.manifest --set-section-flags .fvattn.manifest=alloc "$library" "$work/embedded"
  grep -v '^sha256\.' "$sidecar" | cmp - "$work/embedded"
  expect "$sidecar" "shared.$platform = \"libfvattn_$name.so\""
  expect "$sidecar" 'publisher = "Semi;colon [and] brackets"'
  if grep -q '@' "$sidecar"; then echo "FAIL $sidecar has an unfilled CMake variable"; exit 1; fi
  expect "$sidecar" 'glibc = "2.99"'
  floor=$("$readelf" -VW "$library" | grep -o 'GLIBCXX_[0-9.]*' | sort -V | tail -1)
  expect "$sidecar" "glibcxx = \"${floor#GLIBCXX_}\""
  [ "$("$readelf" --dyn-syms -W "$library" | grep -c 'GLOBAL DEFAULT .*fvattn_plugin_entry_v1')" = 1 ]
  if "$readelf" -sW "$library" | grep -q ' UNIQUE '; then echo "FAIL $library has unique symbols"; exit 1; fi
  case $name in
    *_cuda)
      expect "$sidecar" 'sass = ["90a"]'
      expect "$sidecar" 'ptx = ["80"]'
      expect "$sidecar" 'cudart = "static"' ;;
    *) if grep -q '^\[cuda\]' "$sidecar"; then echo "FAIL $sidecar claims device code"; exit 1; fi ;;
  esac
done
echo "stamps are right: $*"
