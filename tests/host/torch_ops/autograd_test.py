"""Gradients through the operator: gradcheck in float64, and what is refused."""

import contextlib
import unittest

import torch.utils.checkpoint
from common import DEVICES, error, fvattn, qkv, reference, torch

torch.set_num_threads(1)  # the tensors are tiny: threads would wait for each other
BACKENDS = [name for name in ("TORCH_SDPA", "FLASH_ATTN") if name in fvattn.backends()]
GRID = {"dit_seq_shape": [2, 4, 4]}
# Settings in which each leaves keys out; [2, 4, 4] are 32 tokens.
SPARSE = {
    "SLIDING_TILE_ATTN": {**GRID, "tile_size": [1, 2, 2], "window_size": [1, 1, 1]},
    "VIDEO_SPARSE_ATTN": {**GRID, "tile_size": [2, 2, 2], "VSA_sparsity": 0.5},
    "VMOBA_ATTN": {
        **GRID,
        **dict(temporal_chunk_size=1, temporal_topk=1, spatial_chunk_size=[2, 2], spatial_topk=2, st_chunk_size=[1, 2, 2]),
        **dict(st_topk=3, moba_select_mode="topk", layer_idx=2),
    },
}
SPARSE = {name: options for name, options in SPARSE.items() if name in fvattn.backends()}


def masks(b, h, sq, sk):
    """Masks of every rank that TORCH_SDPA takes, and whether FLASH_ATTN does."""
    keys = torch.rand(b, sk) < 0.6
    keys[0] = True
    yield "key padding", keys, True
    yield "key padding, integers", keys.int(), True
    yield "4-D keys", keys[:, None, None, :], True
    yield "3-D", torch.rand(b, sq, sk) < 0.6, False
    yield "4-D with rows that see nothing", (torch.rand(b, h, sq, sk) < 0.6) & (torch.arange(sq) > 1)[:, None], False


class Gradients(unittest.TestCase):
    def gradcheck(self, call, x, **what):
        with self.subTest(**what):
            self.assertTrue(torch.autograd.gradcheck(call, x))

    def test_gradcheck(self):
        for backend in BACKENDS:
            for causal in (False, True):
                for (h, hkv), (sq, sk) in (((2, 2), (5, 7)), ((4, 2), (4, 4)), ((3, 1), (6, 4))):
                    x = qkv(dtype=torch.float64, b=2, sq=sq, sk=sk, h=h, hkv=hkv, d=4, grad=True)
                    call = lambda q, k, v: fvattn.attention(q, k, v, backend=backend, is_causal=causal, scale=0.6)
                    self.gradcheck(call, x, backend=backend, causal=causal, heads=(h, hkv), sq=sq, sk=sk)

    def test_gradcheck_of_masks(self):
        for backend in BACKENDS:
            for causal in (False, True):
                x = qkv(dtype=torch.float64, b=2, sq=5, sk=6, h=2, hkv=1, d=4, grad=True)
                for name, mask, padding in masks(2, 2, 5, 6):
                    if not padding and backend != "TORCH_SDPA":
                        continue
                    call = lambda q, k, v: fvattn.attention(q, k, v, backend=backend, is_causal=causal, mask=mask)
                    self.gradcheck(call, x, backend=backend, causal=causal, mask=name)

    def test_gradcheck_of_packed_sequences(self):
        bounds = dict(cu_seqlens_q=torch.tensor([0, 3, 3, 7]), cu_seqlens_k=torch.tensor([0, 2, 4, 9]))
        bounds = {name: bound.int() for name, bound in bounds.items()}
        for causal in (False, True):
            x = qkv(dtype=torch.float64, sq=7, sk=9, h=2, hkv=1, d=4, grad=True)
            call = lambda q, k, v: fvattn.attention(q, k, v, backend="FLASH_ATTN", is_causal=causal, **bounds)
            self.gradcheck(call, x, causal=causal)

    def test_gradcheck_of_sparse_backends(self):
        for backend, options in SPARSE.items():
            for gated in (False, True) if backend == "VIDEO_SPARSE_ATTN" else (False,):
                x = qkv(dtype=torch.float64, sq=32, sk=32, h=2, hkv=1, d=4, grad=True)
                x += [torch.rand_like(x[0]).requires_grad_()] if gated else []
                call = lambda q, k, v, gate=None: fvattn.attention(
                    q, k, v, backend=backend, options=options, gate_compress=gate
                )
                with self.subTest(backend=backend):
                    dense = fvattn.attention(*x[:3], backend="TORCH_SDPA")
                    self.assertGreater(error(call(*x), dense), 1e-3, "it leaves keys out")
                self.gradcheck(call, x, backend=backend, gated=gated)

    def test_directional_differences_at_every_scale_of_the_input(self):
        """Far-apart logits are where a wrong rescaling or a lost maximum shows."""
        for backend, options in {**{name: {} for name in BACKENDS}, **SPARSE}.items():
            for scale in (1, 4, 16):
                with self.subTest(backend=backend, scale=scale):
                    x = [scale * t for t in qkv(dtype=torch.float64, b=2, sq=32, sk=32, h=4, hkv=2, d=8)]
                    along = [torch.randn_like(t) for t in x]
                    leaves = [t.clone().requires_grad_() for t in x]
                    loss = lambda inputs: (fvattn.attention(*inputs, backend=backend, options=options) * d_o).sum()
                    d_o = torch.randn_like(x[0])
                    loss(leaves).backward()
                    slope = sum((t.grad * a).sum() for t, a in zip(leaves, along)).item()
                    step = 1e-5 / scale
                    ahead, behind = (loss([t + s * a for t, a in zip(x, along)]).item() for s in (step, -step))
                    size = sum(t.grad.square().sum() for t in leaves).sqrt().item()
                    self.assertLess(abs((ahead - behind) / (2 * step) - slope) / size, 1e-6)

    def test_against_the_reference(self):
        for device in DEVICES:
            dtype = torch.float32 if device == "cpu" else torch.bfloat16
            x = qkv(device, dtype, b=2, sk=50, d=64, grad=True)
            expected = [t.detach().clone().requires_grad_() for t in x]
            o = fvattn.attention(*x, backend="TORCH_SDPA", is_causal=True)
            d_o = torch.randn_like(o)
            o.backward(d_o)
            reference(*expected, causal=True).backward(d_o.double())
            for got, want in zip(x, expected):
                self.assertLess(error(got.grad, want.grad), 1e-5 if dtype == torch.float32 else 3e-2)

    def test_gradient_of_a_float_mask(self):
        q, k, v = qkv(dtype=torch.float64, sq=4, sk=6, h=2, hkv=2, d=8)
        mask = torch.randn(1, 2, 4, 6, dtype=torch.float64, requires_grad=True)
        self.assertTrue(torch.autograd.gradcheck(lambda m: fvattn.attention(q, k, v, backend="TORCH_SDPA", mask=m), (mask,)))

    def test_backward_does_not_compute_forward_again(self):
        x = qkv(grad=True)
        with torch.autograd.profiler.profile() as profile:
            fvattn.attention(*x, backend="TORCH_SDPA").sum().backward()
        names = [event.key for event in profile.key_averages()]
        self.assertIn("fvattn::attention", names)
        self.assertNotIn("fvattn::attention_backward", names)

    def test_no_grad_records_nothing(self):
        x = qkv(grad=True)
        with torch.no_grad():
            self.assertFalse(fvattn.attention(*x).requires_grad)
        self.assertTrue(fvattn.attention(*x).requires_grad)

    def test_double_backward_is_refused(self):
        for backend, options in {**{name: {} for name in BACKENDS}, **SPARSE}.items():
            with self.subTest(backend=backend):
                q, k, v = qkv(dtype=torch.float64, sq=32, sk=32, h=2, hkv=2, d=8, grad=True)
                o = fvattn.attention(q, k, v, backend=backend, options=options)
                (d_q,) = torch.autograd.grad(o.sum(), q, create_graph=True)
                with self.assertRaisesRegex(RuntimeError, "first derivatives only"):
                    d_q.sum().backward()

    def test_checkpointing_recomputes_within_a_forward_context(self):
        if "VIDEO_SPARSE_ATTN" not in SPARSE:
            self.skipTest("VIDEO_SPARSE_ATTN is not built")
        options = SPARSE["VIDEO_SPARSE_ATTN"]
        context = lambda: fvattn.forward_context(step=3, total_steps=9, metadata={"VIDEO_SPARSE_ATTN": options})
        call = lambda q, k, v: fvattn.attention(q, k, v, backend="VIDEO_SPARSE_ATTN")
        x = qkv(sq=32, sk=32, h=2, hkv=2, d=8, grad=True)
        with context():
            plain = call(*x)
        d_o = torch.randn_like(plain)
        expected = torch.autograd.grad(plain, x, d_o)
        again = lambda **more: torch.utils.checkpoint.checkpoint(call, *x, use_reentrant=False, **more)
        with self.subTest("backward inside of the context"), context():
            got = torch.autograd.grad(again(), x, d_o)
            self.assertTrue(all(map(torch.equal, got, expected)))
        with self.subTest("backward after it, with a context for the recomputation"):
            with context():
                o = again(context_fn=lambda: (contextlib.nullcontext(), context()))
            got = torch.autograd.grad(o, x, d_o)
            self.assertTrue(all(map(torch.equal, got, expected)))
        with self.subTest("backward after it, without one: the missing key is named"):
            with context():
                o = again()
            with self.assertRaisesRegex((RuntimeError, ValueError), "dit_seq_shape"):
                torch.autograd.grad(o, x, d_o)


if __name__ == "__main__":
    unittest.main()
