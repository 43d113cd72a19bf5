"""The rows of the table: what is computed, on what, and by whom."""

import dataclasses
import math
import typing

import torch

import clip
import contenders
import reference


@dataclasses.dataclass
class Row:
    name: str
    kind: str  # dense, vsa, sta, vmoba
    q_len: int
    heads: int
    kv_len: int = 0
    batch: int = 1
    kv_heads: int = 0
    dim: int = 128
    causal: bool = False
    grid: typing.Optional[tuple] = None
    text: int = 0
    options: dict = dataclasses.field(default_factory=dict)
    windows: typing.Optional[list] = None
    sparsity: float = 0.0  # vsa
    direction: str = "forward"  # forward, backward, both
    device: str = "cuda"
    dtype: torch.dtype = torch.bfloat16

    def __post_init__(self):
        self.kv_len = self.kv_len or self.q_len
        self.kv_heads = self.kv_heads or self.heads

    def shape(self):
        text = f"B{self.batch} S{self.q_len}" + (f"x{self.kv_len}" if self.kv_len != self.q_len else "")
        text += f" H{self.heads}" + (f"/{self.kv_heads}" if self.kv_heads != self.heads else "") + f" D{self.dim}"
        return text + (" causal" if self.causal else "")

    def inputs(self, data):
        """q, k, v, gate, d_o of the row; `data` is randn or clip."""
        if data == "clip":
            q, k, v, gate = clip.tensors(self.grid, self.heads, self.dim, 4, self.dtype, self.device)
            return q, k, v, gate, torch.randn_like(q)
        make = lambda s, h: torch.randn(self.batch, s, h, self.dim, device=self.device, dtype=self.dtype)
        q, d_o, gate = (make(self.q_len, self.heads) for _ in range(3))
        return q, make(self.kv_len, self.kv_heads), make(self.kv_len, self.kv_heads), gate, d_o

    def pairs(self):
        """That our backend attends, over batch and heads; each kind by its own definition."""
        if self.kind == "dense":
            seen = min(self.q_len, self.kv_len)
            each = seen * (2 * self.kv_len - seen + 1) // 2 if self.causal else self.q_len * self.kv_len
            return self.batch * self.heads * each
        if self.kind == "vsa":  # of padded blocks, as the peer counts
            blocks = math.prod(-(-n // 4) for n in self.grid)
            topk = max(1, math.ceil((1 - self.sparsity) * blocks))
            return self.heads * blocks * 64 * topk * 64
        if self.kind == "sta":
            tiles = [n // t for n, t in zip(self.grid, contenders.FastVideoSTA.TILE)]
            video = math.prod(self.grid)
            share = [math.prod(min(w, n) / n for w, n in zip(window, tiles)) for window in self.windows]
            return round(sum(video * (video * s + self.text) + self.text * (video + self.text) for s in share))
        return None  # threshold and tie-breaking decide

    def flop(self):
        pairs = self.pairs()
        factor = {"forward": 1, "backward": 2.5, "both": 3.5}[self.direction]
        return None if pairs is None else 4 * pairs * self.dim * factor

    def bytes(self):
        rows = self.q_len * self.heads + self.kv_len * self.kv_heads
        factor = {"forward": 1, "backward": 2, "both": 3}[self.direction]
        return 2 * factor * self.batch * self.dim * rows * self.dtype.itemsize


def video(name, kind, grid, heads, text=0, **more):
    return Row(name, kind, math.prod(grid) + text, heads, grid=grid, text=text, **more)


def _vsa(name, grid, heads, sparsity, direction="forward"):
    options = {"dit_seq_shape": list(grid), "VSA_sparsity": sparsity}
    return video(name, "vsa", grid, heads, options=options, sparsity=sparsity, direction=direction)


def _vsa_fine(name, grid, heads, sparsity):
    options = {"dit_seq_shape": list(grid), "layout": "tiled"}  # the lists are given
    return video(name, "vsa", grid, heads, options=options, sparsity=sparsity)


def _sta(name, grid, heads, windows, text=0, direction="forward"):
    options = {"dit_seq_shape": list(grid), "window_size": windows, "text_length": text}
    return video(name, "sta", grid, heads, text, options=options, windows=windows, direction=direction)


def _vmoba(name, direction="forward", **selection):
    chunk = {
        "temporal_chunk_size": 7,
        "temporal_topk": 2,
        "spatial_chunk_size": [5, 13],
        "spatial_topk": 8,
        "st_chunk_size": [7, 5, 13],
        "st_topk": 8,
    }
    options = {
        "dit_seq_shape": [21, 30, 52],
        "layer_idx": 2,
        "current_timestep": 20,
        "total_steps": 50,
        **chunk,
        **selection,
    }
    return video(name, "vmoba", (21, 30, 52), 12, options=options, direction=direction)


MIXED = ([3, 3, 3], [1, 6, 10], [3, 6, 1], [3, 1, 10])

FORWARD = [
    video("wan1.3b-480p", "dense", (21, 30, 52), 12),
    video("wan14b-720p", "dense", (21, 45, 80), 8),
    Row("16k-d64", "dense", 16384, 16, dim=64),
    Row("16k-causal", "dense", 16384, 16, causal=True),
    Row("8k-gqa", "dense", 8192, 32, kv_heads=8),
    Row("short", "dense", 512, 16, batch=16),
    Row("cross", "dense", 32760, 12, kv_len=512),
    *(Row(f"8k-d{d}", "dense", 8192, 16, dim=d) for d in (80, 96, 192, 256)),
]
SPARSE = [
    _vsa("vsa-480p-s0.9", (21, 30, 52), 12, 0.9),
    _vsa("vsa-480p-even-s0.9", (20, 28, 52), 12, 0.9),
    _vsa("vsa-720p-s0.9", (21, 45, 80), 8, 0.9),
    _vsa("vsa-720p-s0.8", (21, 45, 80), 8, 0.8),
    _vsa_fine("vsa-480p-s0.9-fine", (21, 30, 52), 12, 0.9),
    _vsa("vsa-480p-s0.9-both", (21, 30, 52), 12, 0.9, "both"),
    _vsa("vsa-480p-even-s0.9-both", (20, 28, 52), 12, 0.9, "both"),
    _sta("sta-18x48x80", (18, 48, 80), 12, [[3, 3, 3]] * 12),
    _sta("sta-18x48x80-mixed", (18, 48, 80), 12, [list(MIXED[h % len(MIXED)]) for h in range(12)]),
    _sta("sta-30x48x80-text", (30, 48, 80), 24, [[3, 3, 3]] * 24, 256),
    _sta("sta-18x48x80-both", (18, 48, 80), 12, [[3, 3, 3]] * 12, direction="both"),
    _vmoba("vmoba-topk8", moba_select_mode="topk", moba_threshold_type="query_head"),
    _vmoba("vmoba-topk8-both", "both", moba_select_mode="topk", moba_threshold_type="query_head"),
    _vmoba("vmoba-threshold", moba_select_mode="threshold", moba_threshold=0.25, moba_threshold_type="query_head"),
]
BACKWARD = [
    dataclasses.replace(r, name=r.name + "-backward", direction="backward")
    for r in FORWARD
    if r.name not in ("short", "cross")
]


def _on_cpu(row, grid):
    options = {**row.options, "dit_seq_shape": list(grid)}
    if row.kind == "vmoba":
        options |= {"temporal_chunk_size": 3, "spatial_chunk_size": [8, 8], "st_chunk_size": [3, 8, 8]}
    name = "cpu-" + row.kind
    return dataclasses.replace(
        row, name=name, q_len=math.prod(grid), kv_len=0, grid=grid, options=options, device="cpu", dtype=torch.float32
    )


CPU = [
    Row("cpu-4k", "dense", 4096, 4, dim=64, device="cpu", dtype=torch.float32),
    Row("cpu-4k-backward", "dense", 4096, 4, dim=64, direction="backward", device="cpu", dtype=torch.float32),
    _on_cpu(_vsa("", (5, 14, 18), 2, 0.7), (5, 14, 18)),
    _on_cpu(_sta("", (12, 24, 24), 2, [[1, 3, 1], [1, 1, 3]]), (12, 24, 24)),
    _on_cpu(_vmoba("", moba_select_mode="topk", moba_threshold_type="query_head"), (6, 16, 16)),
]
ALL = {row.name: row for row in FORWARD + SPARSE + BACKWARD + CPU}

BACKENDS = {"dense": "FLASH_ATTN", "vsa": "VIDEO_SPARSE_ATTN", "sta": "SLIDING_TILE_ATTN", "vmoba": "VMOBA_ATTN"}


def sta_errors(row, q, k, v, outputs):
    rows = reference.sample_rows(row.q_len, q.device)
    seen = reference.sta_seen(row.grid, contenders.FastVideoSTA.TILE, row.windows, rows, row.text)
    want = reference.dense_rows(q, k, v, rows, False, seen)
    return {name: reference.error(o[:, rows], want) for name, o in outputs.items()}
