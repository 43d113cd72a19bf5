"""What the results should be, in float64, on a sample that is quick to compute."""

import math

import torch

ROWS = 256
CHUNK = 1024


def error(got, want):
    return ((got.double() - want).norm() / want.norm()).item()


def _head(x, b, h):
    return x[b, :, h].double()


def sample_rows(length, device):
    return torch.randperm(length, device=device)[: min(ROWS, length)].sort().values


def dense_rows(q, k, v, rows, causal, seen=None):
    """o [B, rows, H, D]. seen: bool, broadcasts to [H, rows, Sk]."""
    group, shift = q.shape[2] // k.shape[2], k.shape[1] - q.shape[1]
    out = torch.empty(q.shape[0], len(rows), q.shape[2], v.shape[3], device=q.device, dtype=torch.float64)
    for b in range(q.shape[0]):
        for h in range(q.shape[2]):
            s = _head(q, b, h)[rows] @ _head(k, b, h // group).T / math.sqrt(q.shape[3])
            if causal:
                s.masked_fill_(torch.arange(k.shape[1], device=q.device)[None] > rows[:, None] + shift, -math.inf)
            if seen is not None:
                s.masked_fill_(~seen[h % seen.shape[0]], -math.inf)
            out[b, :, h] = s.softmax(-1) @ _head(v, b, h // group)
    return out


def dense_gradients(q, k, v, d_o, causal):
    """(d_q of the first query heads, d_k, d_v of the first kv head), batch entry 0: [Sq, group, D], [Sk, D], [Sk, D]."""
    group, scale, shift = q.shape[2] // k.shape[2], q.shape[3] ** -0.5, k.shape[1] - q.shape[1]
    key, value = _head(k, 0, 0), _head(v, 0, 0)
    d_k, d_v, d_q = torch.zeros_like(key), torch.zeros_like(value), []
    for h in range(group):
        parts = []
        for at in range(0, q.shape[1], CHUNK):
            query, grad = _head(q, 0, h)[at : at + CHUNK], _head(d_o, 0, h)[at : at + CHUNK]
            s = query @ key.T * scale
            if causal:
                rows = torch.arange(at, at + len(query), device=q.device)
                s.masked_fill_(torch.arange(len(key), device=q.device)[None] > rows[:, None] + shift, -math.inf)
            p = s.softmax(-1)
            d_p = grad @ value.T
            d_s = p * (d_p - (d_p * p).sum(-1, keepdim=True)) * scale
            parts.append(d_s @ key)
            d_k += d_s.T @ query
            d_v += p.T @ grad
        d_q.append(torch.cat(parts))
    return torch.stack(d_q, 1), d_k, d_v


def tiles_of(grid, tile, device):
    """The tile of each raster token, and the number of tiles along each axis."""
    counts = [-(-n // t) for n, t in zip(grid, tile)]
    at = torch.meshgrid(*(torch.arange(n, device=device) // t for n, t in zip(grid, tile)), indexing="ij")
    return (((at[0] * counts[1]) + at[1]) * counts[2] + at[2]).flatten(), counts


def vsa_errors(outputs, q, k, v, gate, grid, sparsity, blocks=16, tile=(4, 4, 4)):
    """{name: (median error of a block, share of blocks beyond 5 %)} over sampled query blocks and all heads.

    Beyond 5 % means other key blocks were chosen: at the edge of a top-k list, rounding decides."""
    tile_of, counts = tiles_of(grid, tile, q.device)
    n, heads, scale = math.prod(counts), q.shape[2], q.shape[3] ** -0.5
    topk = max(1, min(n, math.ceil((1 - sparsity) * n)))
    sizes = torch.bincount(tile_of, minlength=n).double()

    def mean(x):
        total = torch.zeros(n, *x.shape[2:], device=x.device, dtype=torch.float64)
        return total.index_add_(0, tile_of, x[0].double()) / sizes[:, None, None]

    q_c, k_c, v_c = (mean(x).transpose(0, 1) for x in (q, k, v))  # [H, n, D]
    scores = q_c @ k_c.transpose(1, 2) * scale
    coarse = scores.softmax(-1) @ v_c
    chosen = scores.topk(topk, -1).indices
    found = {name: [] for name in outputs}
    for block in torch.randperm(n)[:blocks].tolist():
        rows = (tile_of == block).nonzero()[:, 0]
        for h in range(heads):
            marked = torch.zeros(n, dtype=torch.bool, device=q.device)
            marked[chosen[h, block]] = True
            keys = marked[tile_of].nonzero()[:, 0]
            p = (_head(q, 0, h)[rows] @ _head(k, 0, h)[keys].T * scale).softmax(-1)
            want = p @ _head(v, 0, h)[keys] + gate[0, rows, h].double() * coarse[h, block]
            for name, o in outputs.items():
                found[name].append(error(o[0, rows, h], want))
    return {name: (sorted(e)[len(e) // 2], sum(x > 0.05 for x in e) / len(e)) for name, e in found.items()}


def sta_seen(grid, tile, windows, rows, text):
    """bool [H, rows, Sk]: what sliding windows of tiles show to these query rows; text rows and keys see and are seen."""
    device = rows.device
    tile_of, counts = tiles_of(grid, tile, device)
    video = tile_of.numel()
    axes = [tile_of // (counts[1] * counts[2]), tile_of // counts[2] % counts[1], tile_of % counts[2]]
    seen = torch.ones(len(windows), len(rows), video + text, dtype=torch.bool, device=device)
    of_video = rows < video
    for h, window in enumerate(windows):
        for axis, width, count in zip(axes, window, counts):
            if width >= count:
                continue
            half = width // 2
            centre = axis[rows[of_video]].clamp(half, count - 1 - half)
            seen[h, of_video, :video] &= (axis[None] - centre[:, None]).abs() <= half
    return seen
