#!/usr/bin/env bash
# Verifies and measures a carried dist/: every test program that knows a GPU, every backend against float64, torch.ops, then
# short benchmarks. On a machine without a GPU the same on the CPU. Prints one summary.
set -u
cd "$(dirname "$0")"
. ./env.sh
failed=()
step() { # step NAME COMMAND...: 77 means that this machine cannot run it
  local name=$1 code=0
  shift
  echo "== $name"
  "$@" || code=$?
  [ $code -eq 0 ] || [ $code -eq 77 ] || failed+=("$name")
}

for program in checks/*; do
  [ -x "$program" ] && [ ! -d "$program" ] && step "$program" "$program"
done
device=cpu
python3 -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' && device=cuda
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
if [ ${#failed[@]} -eq 0 ]; then echo "== all passed"; else printf 'FAILED: %s\n' "${failed[@]}"; exit 1; fi
