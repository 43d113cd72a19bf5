"""One callable for each contender: ours through torch.ops, and every peer that this Python can import.

Peers are found on PYTHONPATH: fa3_fwd_interface (FlashAttention-3 forward), flash_attn_interface (with backward),
fastvideo_kernel (VSA, STA and the VMoBA reference, whose varlen calls go to whatever `flash_attn` is there)."""

import importlib
import json
import math

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

import reference


def module(name):
    """The module, or None if it cannot be imported here."""
    try:
        return importlib.import_module(name)
    except Exception:  # a wheel for another machine fails in many ways
        return None


def ours(backend, options, is_causal=False):
    """The operator with its strings made beforehand, as a pipeline would call it."""
    import fvattn  # noqa: F401 (loads the operators)

    text = json.dumps(options) if options else None

    def call(q, k, v, gate=None, **named):
        if gate is not None:
            named["gate_compress"] = gate
        return torch.ops.fvattn.attention(
            q,
            k,
            v,
            backend=backend,
            is_causal=is_causal,
            options=text,
            extra_names=list(named) or None,
            extras=list(named.values()) or None,
        )

    return call


def sdpa(kind, causal):
    """torch's own, on raster tensors."""

    def call(q, k, v):
        with sdpa_kernel([kind]):
            o = torch.nn.functional.scaled_dot_product_attention(
                *(x.transpose(1, 2) for x in (q, k, v)), is_causal=causal, enable_gqa=q.shape[2] != k.shape[2]
            )
        return o.transpose(1, 2)

    return call


def dense(causal, backward, cuda):
    """{name: callable(q, k, v)} of the peers for exact attention."""
    if not cuda:
        return {
            "torch": lambda q, k, v: torch.nn.functional.scaled_dot_product_attention(
                *(x.transpose(1, 2) for x in (q, k, v)), is_causal=causal, enable_gqa=q.shape[2] != k.shape[2]
            ).transpose(1, 2)
        }
    peers = {}
    source, wheel = module("flash_attn_interface"), module("fa3_fwd_interface")
    fa3 = source or (None if backward else wheel)
    if fa3 is not None:

        def call_fa3(q, k, v):
            o = fa3.flash_attn_func(q, k, v, causal=causal)
            return o[0] if isinstance(o, tuple) else o

        peers["fa3"] = call_fa3
    peers["cudnn"] = sdpa(SDPBackend.CUDNN_ATTENTION, causal)
    peers["fa2"] = sdpa(SDPBackend.FLASH_ATTENTION, causal)
    return peers


class FastVideoVSA:
    """FastVideo's whole operation, raster to raster: tile, permute, coarse scores, top-k, fine, gate, untile."""

    TILE = (4, 4, 4)

    def __init__(self, grid, sparsity):
        self.kernel, utils = module("fastvideo_kernel"), module("fastvideo_kernel.vsa_utils")
        device = torch.device("cuda")
        self.tiles = tuple(-(-n // t) for n, t in zip(grid, self.TILE))
        self.blocks = math.prod(self.tiles)
        self.sizes = utils.construct_variable_block_sizes(grid, self.tiles, device)
        self.slots = utils.get_non_pad_index(self.sizes, 64)
        self.order = utils.get_tile_partition_indices(grid, self.TILE, device)
        self.back = self.slots[utils.get_reverse_tile_partition_indices(grid, self.TILE, device)]
        self.topk = max(1, min(self.blocks, math.ceil((1 - sparsity) * self.blocks)))

    def tiled(self, x):
        y = torch.zeros(x.shape[0], self.blocks * 64, *x.shape[2:], device=x.device, dtype=x.dtype)
        y[:, self.slots] = x[:, self.order]
        return y.transpose(1, 2).contiguous()

    def lists(self, q, k):
        """Its choice for tiled q and k: [B, H, blocks, topk] ascending, and how many count."""
        mean = lambda x: x.unflatten(2, (self.blocks, 64)).float().sum(3) / self.sizes[:, None]
        chosen = (mean(q) @ mean(k).transpose(-1, -2)).topk(self.topk, -1).indices.sort(-1).values.int()
        return chosen, torch.full_like(chosen[..., 0], self.topk)

    def fine(self, q, k, v, index, count):
        fine = module("fastvideo_kernel.block_sparse_attn").block_sparse_attn_from_indices
        return fine(q, k, v, index, count, self.sizes)[0]

    def __call__(self, q, k, v, gate):
        q, k, v, gate = (self.tiled(x) for x in (q, k, v, gate))
        o = self.kernel.video_sparse_attn(q, k, v, self.sizes, self.sizes, self.topk, self.TILE, gate)
        return o.transpose(1, 2)[:, self.back]


class FastVideoSTA:
    """FastVideo's sliding tiles. `whole` includes the way from raster order to its tile order and back."""

    TILE = (6, 8, 8)

    def __init__(self, grid, windows, text):
        self.kernel, self.windows, self.text = module("fastvideo_kernel"), windows, text
        self.shape = "x".join(map(str, grid))
        tile_of, _ = reference.tiles_of(grid, self.TILE, "cuda")
        order = torch.argsort(tile_of, stable=True)
        self.order = torch.cat([order, torch.arange(len(order), len(order) + text, device="cuda")])
        self.back = torch.argsort(self.order)

    def to_tiles(self, x):
        return x[:, self.order].transpose(1, 2).contiguous()

    def on_tiles(self, q, k, v):
        return self.kernel.sliding_tile_attention(q, k, v, self.windows, self.text, self.text > 0, self.shape)

    def from_tiles(self, o):
        return o.transpose(1, 2)[:, self.back]

    def __call__(self, q, k, v):
        return self.from_tiles(self.on_tiles(*(self.to_tiles(x) for x in (q, k, v))))


class VmobaReference:
    """KwaiVGI's forward on tokens that already lie chunk by chunk: the reordering is not part of its time."""

    def __init__(self, grid, chunk, **arguments):
        self.call, self.arguments = module("fastvideo_kernel.vmoba").moba_attn_varlen, arguments
        tile_of, _ = reference.tiles_of(grid, chunk, "cuda")
        self.order, self.chunk = torch.argsort(tile_of, stable=True), math.prod(chunk)
        self.cuts = torch.tensor([0, len(self.order)], device="cuda", dtype=torch.int32)
        self.length = len(self.order)

    def ordered(self, x):
        return x[0, self.order].contiguous()

    def on_chunks(self, q, k, v):
        return self.call(q, k, v, cu_seqlens=self.cuts, max_seqlen=self.length, moba_chunk_size=self.chunk, **self.arguments)

    def to_raster(self, o):
        return o[torch.argsort(self.order)][None]
