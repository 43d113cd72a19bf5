"""The second input set, "clip data": features of a real clip, where neighbours resemble each other."""

import gzip
import math
import os

import numpy as np
import torch

FRAMES, PATCH, KEPT = 21, 16, 64
SIZES = {(21, 30, 52): (480, 832), (21, 45, 80): (720, 1280)}


def available(grid):
    folder = os.environ.get("PEERS_DIR", "")
    return tuple(grid or ()) in SIZES and os.path.exists(os.path.join(folder, f"clip_{SIZES[tuple(grid)][0]}.gray.gz"))


def _cosines(device):
    k, i = torch.arange(PATCH, device=device)[:, None].float(), torch.arange(PATCH, device=device)[None].float()
    m = torch.cos(math.pi * (i + 0.5) * k / PATCH) * math.sqrt(2 / PATCH)
    m[0] /= math.sqrt(2)
    return m


def tensors(grid, heads, dim, count, dtype, device, seed=0):
    """`count` tensors [1, T*H*W, heads, dim]: the lowest 64 DCT coefficients of each patch, divided by their standard
    deviations, times fixed Gaussian matrices. $PEERS_DIR/clip_480.gray.gz and clip_720.gray.gz hold the luma."""
    height, width = SIZES[tuple(grid)]
    raw = gzip.open(os.path.join(os.environ["PEERS_DIR"], f"clip_{height}.gray.gz")).read()
    luma = torch.from_numpy(np.frombuffer(raw, np.uint8).copy()).view(FRAMES, height, width).to(device).float()
    m = _cosines(device)
    patches = luma.view(FRAMES, height // PATCH, PATCH, width // PATCH, PATCH).permute(0, 1, 3, 2, 4)
    c = (m @ patches @ m.T).reshape(-1, PATCH * PATCH)
    lowest = sorted(range(PATCH * PATCH), key=lambda j: (j // PATCH + j % PATCH, j))[:KEPT]
    c = c[:, lowest] / c[:, lowest].std(0).clamp_min(1e-3)
    g = torch.Generator(device=device).manual_seed(seed)
    mix = [torch.randn(KEPT, heads * dim, device=device, generator=g) / 8 for _ in range(count)]
    return [(c @ x).view(1, -1, heads, dim).to(dtype) for x in mix]
