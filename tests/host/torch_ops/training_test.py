"""Training: a two-block video transformer follows TORCH_SDPA's loss curve with every other backend set to attend all.

training_test.py [--device cpu|cuda] [--steps N] [--rows]: --rows prints the curves."""

import argparse
import sys
import time
import unittest

from common import DEVICES, fvattn, torch

torch.set_num_threads(1)  # the tensors are tiny: threads would wait for each other
GRID, HEADS, HEAD_DIM, PATCH = (3, 6, 6), 2, 64, 2
WIDTH, TOKENS = HEADS * HEAD_DIM, GRID[0] * GRID[1] * GRID[2]
WHOLE = {"dit_seq_shape": list(GRID)}
# The setting in which each backend attends every key; TORCH_SDPA is what they are compared with.
EXACT = {
    "FLASH_ATTN": {},
    "SLIDING_TILE_ATTN": {**WHOLE, "tile_size": [2, 4, 4], "window_size": [5, 5, 5]},
    "VIDEO_SPARSE_ATTN": {**WHOLE, "VSA_sparsity": 0.0},
    "VMOBA_ATTN": {
        **WHOLE,
        **dict(temporal_chunk_size=1, temporal_topk=3, spatial_chunk_size=[3, 3], spatial_topk=4, st_chunk_size=[1, 3, 3]),
        **dict(st_topk=12, moba_select_mode="topk"),
    },
}


class Block(torch.nn.Module):
    def __init__(self, layer, backend):
        super().__init__()
        self.backend, self.options = backend, {**EXACT.get(backend, {}), "layer_idx": layer}
        self.norm1, self.norm2 = torch.nn.LayerNorm(WIDTH), torch.nn.LayerNorm(WIDTH)
        self.qkv, self.out = torch.nn.Linear(WIDTH, 3 * WIDTH), torch.nn.Linear(WIDTH, WIDTH)
        self.mlp = torch.nn.Sequential(torch.nn.Linear(WIDTH, 2 * WIDTH), torch.nn.GELU(), torch.nn.Linear(2 * WIDTH, WIDTH))

    def forward(self, x):
        q, k, v = self.qkv(self.norm1(x)).to(self.kind).unflatten(2, (3, HEADS, HEAD_DIM)).unbind(2)
        # A gate of zero leaves VIDEO_SPARSE_ATTN's fine branch, which is exact at sparsity 0.
        gate = {"gate_compress": torch.zeros_like(q)} if self.backend == "VIDEO_SPARSE_ATTN" else {}
        o = fvattn.attention(q, k, v, backend=self.backend, options=self.options, **gate)
        x = x + self.out(o.flatten(2).to(x.dtype))
        return x + self.mlp(self.norm2(x))


class Denoiser(torch.nn.Module):
    """Clean patches of a video from noisy ones."""

    def __init__(self, backend, kind):
        super().__init__()
        Block.kind = kind
        self.place = torch.nn.Parameter(0.02 * torch.randn(TOKENS, WIDTH))
        self.inwards, self.outwards = torch.nn.Linear(PATCH**2, WIDTH), torch.nn.Linear(WIDTH, PATCH**2)
        self.blocks = torch.nn.Sequential(Block(0, backend), Block(1, backend))

    def forward(self, x):
        return self.outwards(self.blocks(self.inwards(x) + self.place))


def clips(count, random):
    """[count, TOKENS, PATCH^2]: a soft blob that moves through the frames."""
    frames, height, width = GRID[0], GRID[1] * PATCH, GRID[2] * PATCH
    start, speed = torch.rand(count, 2, 1, generator=random), torch.rand(count, 2, 1, generator=random) - 0.5
    centre = (start + speed * torch.linspace(0, 1, frames)) * torch.tensor([[height], [width]])
    y, x = torch.arange(height)[:, None], torch.arange(width)[None, :]
    far = (y - centre[:, 0, :, None, None]) ** 2 + (x - centre[:, 1, :, None, None]) ** 2
    patches = torch.exp(-far / 18).reshape(count, frames, GRID[1], PATCH, GRID[2], PATCH)
    return patches.permute(0, 1, 2, 4, 3, 5).reshape(count, TOKENS, PATCH**2)


def train(backend, device, steps):
    """The loss of every step; the same start and data for all backends."""
    torch.manual_seed(3)
    model = Denoiser(backend, torch.float32 if device == "cpu" else torch.bfloat16).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    random, losses = torch.Generator().manual_seed(4), []
    for _ in range(steps):
        clean = clips(1, random)
        noisy = (clean + 0.5 * torch.randn(clean.shape, generator=random)).to(device)
        loss = (model(noisy) - clean.to(device)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses).double().cpu()


def smooth(losses, width):
    return losses.unfold(0, width, 1).mean(-1)


class Training(unittest.TestCase):
    def test_curves(self):
        for device in [ARGUMENTS.device] if ARGUMENTS.device else DEVICES:
            # In bfloat16 the curves of two orders of summation part by more than a percent in single steps.
            width = 1 if device == "cpu" else 20
            start = time.monotonic()
            expected = train("TORCH_SDPA", device, ARGUMENTS.steps)
            self.assertLess(expected[-20:].mean(), 0.3 * expected[:5].mean(), "it learns")
            for backend in [name for name in EXACT if name in fvattn.backends()]:
                with self.subTest(backend=backend, device=device):
                    try:
                        losses = train(backend, device, ARGUMENTS.steps)
                    except RuntimeError as refusal:
                        if device == "cpu" or "is not supported because" not in str(refusal):
                            raise
                        print(f"{device} {backend}: not tried, it refuses")
                        continue
                    apart = (smooth(losses, width) / smooth(expected, width) - 1).abs().max().item()
                    print(f"{device} {backend}: loss {losses[-20:].mean():.5f} (TORCH_SDPA {expected[-20:].mean():.5f}), at "
                          f"most {100 * apart:.2g} % apart")
                    if ARGUMENTS.rows:
                        print(*(f"{a:.6f} {b:.6f}" for a, b in zip(expected, losses)), sep="\n")
                    self.assertLess(apart, 0.01)
            print(f"{device}: {time.monotonic() - start:.1f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", choices=("cpu", "cuda"))
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rows", action="store_true")
    ARGUMENTS, rest = parser.parse_known_args()
    unittest.main(argv=sys.argv[:1] + rest)
