"""What the tests of torch.ops.fvattn share: the package of this build, and attention in float64."""

import os
import sys

for name in [n for n in os.environ if n.startswith("FASTVIDEO_ATTENTION_")]:
    del os.environ[name]
try:
    import torch
except ImportError:
    print("skipped: this Python has no torch")
    sys.exit(77)

sys.path.insert(0, os.path.join(os.environ["FVATTN_PREFIX"], "lib", "fvattn", "python"))
import fvattn  # noqa: E402

DEVICES = ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])


def qkv(device="cpu", dtype=torch.float32, b=1, sq=33, sk=33, h=4, hkv=2, d=32, grad=False):
    shapes = ((b, sq, h, d), (b, sk, hkv, d), (b, sk, hkv, d))
    return [torch.randn(s, dtype=torch.float64).to(device, dtype).requires_grad_(grad) for s in shapes]


def reference(q, k, v, scale=None, causal=False, mask=None):
    """[B, Sq, H, D] in float64; differentiable. mask: bool, broadcasts to [B, H, Sq, Sk]."""
    q, k, v = (x.double().transpose(1, 2) for x in (q, k, v))
    k, v = (x.repeat_interleave(q.shape[1] // k.shape[1], 1) for x in (k, v))
    s = q @ k.transpose(2, 3) * (q.shape[3] ** -0.5 if scale is None else scale)
    sq, sk = s.shape[2:]
    seen = torch.ones(sq, sk, dtype=torch.bool, device=q.device)
    if causal:
        seen = seen.tril(sk - sq)
    if mask is not None:
        seen = seen & mask
    p = torch.softmax(s.masked_fill(~seen, -1e300), -1).masked_fill(~seen, 0)
    return (p @ v).transpose(1, 2)


def error(got, expected):
    return ((got.double() - expected.double()).norm() / expected.double().norm()).item()
