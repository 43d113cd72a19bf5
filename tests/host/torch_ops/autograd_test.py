"""Gradients through the operator: gradcheck in float64, and what is refused."""

import unittest

from common import DEVICES, error, fvattn, qkv, reference, torch

BACKENDS = [name for name in ("TORCH_SDPA", "FLASH_ATTN") if name in fvattn.backends()]


class Gradients(unittest.TestCase):
    def test_gradcheck(self):
        for backend in BACKENDS:
            for causal in (False, True):
                with self.subTest(backend=backend, causal=causal):
                    x = qkv(dtype=torch.float64, sq=5, sk=7, h=2, hkv=1, d=8, grad=True)
                    call = lambda q, k, v: fvattn.attention(q, k, v, backend=backend, is_causal=causal)
                    self.assertTrue(torch.autograd.gradcheck(call, x))

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
        q, k, v = qkv(dtype=torch.float64, sq=4, sk=4, h=2, hkv=2, d=8, grad=True)
        o = fvattn.attention(q, k, v, backend="TORCH_SDPA")
        (d_q,) = torch.autograd.grad(o.sum(), q, create_graph=True)
        with self.assertRaisesRegex(RuntimeError, "first derivatives only"):
            d_q.sum().backward()


if __name__ == "__main__":
    unittest.main()
