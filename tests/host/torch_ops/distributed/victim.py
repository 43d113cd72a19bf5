"""victim.py WHAT RANK: a rank; the one of that number does not come to the second call, or raises in its backward."""

import os
import sys
import time

from ranks import dist, fvattn, start, torch

what, victim = sys.argv[1], int(sys.argv[2])
rank, ranks = start()
x = torch.randn(1, 5 + rank, 4, 16, requires_grad=True)
fvattn.distributed_attention(x, x, x, backend="TORCH_SDPA")
print("ready", flush=True)


class OnFire(torch.autograd.Function):
    @staticmethod
    def forward(ctx, t):
        return t.clone()

    @staticmethod
    def backward(ctx, gradient):
        raise RuntimeError("the tensor is on fire")


try:
    if what == "waits" and rank == victim:
        time.sleep(60)
    o, _ = fvattn.distributed_attention(x, x, x, backend="TORCH_SDPA")
    if what == "raises" and rank == victim:
        o = OnFire.apply(o)
    try:
        o.sum().backward()
    except RuntimeError as error:
        if what == "raises" and rank == victim:
            fvattn.abort_group(str(error))
        raise
except RuntimeError as error:
    print(f"rank {rank} ends: {error}", flush=True)
    os._exit(3)  # taking Python and torch down takes a second of its own
