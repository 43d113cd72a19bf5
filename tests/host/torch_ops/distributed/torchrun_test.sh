#!/bin/sh
# torchrun_test.sh PYTHON RANKS SCRIPT: the script under torchrun; it fails if any rank does.
set -eu
python=$1 ranks=$2 script=$3
"$python" -c 'import torch' 2>/dev/null || { echo "skipped: this Python has no torch"; exit 77; }
exec "$python" -m torch.distributed.run --nnodes=1 --nproc-per-node="$ranks" --rdzv-backend=c10d \
  --rdzv-endpoint=127.0.0.1:0 "$script"
