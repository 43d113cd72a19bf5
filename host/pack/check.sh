#!/usr/bin/env bash
# Verifies and measures a carried dist/: the test programs of checks/ (they need a GPU), every backend against float64,
# torch.ops, then short benchmarks. On a machine without a GPU the same on the CPU. The summary says what failed and what
# was skipped.
set -u
cd "$(dirname "$0")"
. ./env.sh
failed=() skipped=()
step() { # step NAME COMMAND...: 77 means that this machine cannot run it
  local name=$1 code=0
  shift
  echo "== $name"
  "$@" || code=$?
  case $code in
    0) ;;
    77) skipped+=("$name") ;;
    *) failed+=("$name") ;;
  esac
}
summary() {
  [ ${#skipped[@]} -eq 0 ] || printf 'SKIPPED, this machine cannot run it: %s\n' "${skipped[@]}"
  if [ ${#failed[@]} -eq 0 ]; then echo "== all others passed"; exit 0; fi
  printf 'FAILED: %s\n' "${failed[@]}"
  exit 1
}

shopt -s nullglob
programs=(checks/*)
[ ${#programs[@]} -gt 0 ] || skipped+=("the test programs that need a GPU: this dist/ was packed without device code")
for program in "${programs[@]}"; do step "$program" "$program"; done
if ! python3 -c 'import torch' 2>/dev/null; then
  step "list" fvattn list
  skipped+=("verify, torch.ops and bench: this python3 has no torch")
  summary
fi
device=cpu
if python3 -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then device=cuda; else
  echo "== no GPU that torch can use: everything below runs on the CPU"
  skipped+=("verify, torch.ops and bench on a GPU: there is none that torch can use")
fi
step "verify" fvattn verify --device $device --quick
step "torch.ops" python3 - $device <<'PY'
import sys, torch, fvattn
device = sys.argv[1]
dtype = torch.bfloat16 if device == "cuda" else torch.float32
q, k, v = (torch.randn(1, 257, 4, 64, device=device, dtype=dtype) for _ in range(3))
o = fvattn.attention(q, k, v)
s = torch.einsum("bqhd,bkhd->bhqk", q.double(), k.double()) / 8
want = torch.einsum("bhqk,bkhd->bqhd", s.softmax(-1), v.double())
error = ((o.double() - want).norm() / want.norm()).item()
print("torch.ops.fvattn.attention on", device, "of", *fvattn.backends(), ": relative error", error)
sys.exit(error > (1e-2 if device == "cuda" else 1e-5))
PY
step "host" fvattn bench host --device $device
if [ $device = cuda ]; then
  step "bench" fvattn bench --device cuda --preset wan1.3b-480p,16k-d64,16k-causal --seconds 5
else
  step "bench" fvattn bench --axis seq=1024 --axis heads=4 --axis dim=64 --seconds 5
fi
summary
