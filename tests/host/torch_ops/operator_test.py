"""torch.ops.fvattn.attention: values, arguments, errors, opcheck."""

import json
import unittest

from common import DEVICES, error, fvattn, qkv, reference, torch

OP = torch.ops.fvattn.attention


class Operator(unittest.TestCase):
    def test_values(self):
        for device in DEVICES:
            for backend in ["TORCH_SDPA"] + (["FLASH_ATTN"] if "FLASH_ATTN" in fvattn.backends() else []):
                dtype = torch.float32 if device == "cpu" else torch.bfloat16
                for causal, scale, sk in ((False, None, 33), (True, 0.3, 33), (True, None, 57), (False, 0.0, 20)):
                    with self.subTest(device=device, backend=backend, causal=causal, scale=scale, sk=sk):
                        x = qkv(device, dtype, b=2, sk=sk, d=64)
                        o = fvattn.attention(*x, backend=backend, is_causal=causal, scale=scale)
                        self.assertEqual((o.dtype, o.shape), (dtype, x[0].shape))
                        self.assertLess(error(o, reference(*x, scale, causal)), 1e-5 if dtype == torch.float32 else 1e-2)

    def test_mask_and_extras(self):
        q, k, v = qkv(b=2)
        mask = torch.rand(2, 33) < 0.6
        expected = reference(q, k, v, mask=mask[:, None, None])
        self.assertLess(error(fvattn.attention(q, k, v, mask=mask), expected), 1e-5)
        self.assertLess(error(OP(q, k, v, extra_names=["mask"], extras=[mask]), expected), 1e-5)
        if "FLASH_ATTN" in fvattn.backends():
            q, k, v = qkv(sq=40, sk=40)
            cu = torch.tensor([0, 7, 7, 40], dtype=torch.int32)
            o = fvattn.attention(q, k, v, cu_seqlens_q=cu, cu_seqlens_k=cu, is_causal=True)
            parts = [reference(*(x[:, a:b] for x in (q, k, v)), causal=True) for a, b in ((0, 7), (7, 40))]
            self.assertLess(error(o, torch.cat(parts, 1)), 1e-5)

    def test_options_are_those_of_run(self):
        q, k, v = qkv()
        o = fvattn.attention(q, k, v, options={"causal": True, "softmax_scale": 0.2, "prefix": "blocks.3.attn1"})
        self.assertLess(error(o, reference(q, k, v, 0.2, True)), 1e-5)

    def refused(self, kind, says, *args, **kw):
        with self.assertRaises(kind) as caught:
            fvattn.attention(*args, **kw)
        for text in says:
            self.assertIn(text, str(caught.exception))

    def test_errors(self):
        q, k, v = qkv()
        self.refused(ValueError, ["TORCH_SPDA", "TORCH_SDPA"], q, k, v, backend="TORCH_SPDA")
        self.refused(ValueError, ["softmax_scal", "softmax_scale"], q, k, v, options={"softmax_scal": 1})
        self.refused(ValueError, ["softmax_scale"], q, k, v, scale=1.0, options={"softmax_scale": 1})
        self.refused(ValueError, ["causal"], q, k, v, options={"causal": "yes"})
        self.refused(ValueError, ["4D"], q[0], k, v)
        self.refused(ValueError, ["head"], q, k[..., :16], v)
        self.refused(ValueError, ["one dtype"], q, k.double(), v)
        self.refused(ValueError, ["o alone"], q, k, v, options={"return_lse": True})
        self.refused(RuntimeError, ["no_such"], q, k, v, backend="TORCH_SDPA", no_such=q)
        self.refused(ValueError, ["no process group", "world", "init_process_group"], q, k, v, group_name="world")
        with self.assertRaises(ValueError):
            OP(q, k, v, extra_names=["mask"])
        with self.assertRaises(ValueError):
            OP(q, k, v, options="{")
        with self.assertRaises(ValueError):
            OP(
                q,
                k,
                v,
                mask=torch.ones(33, dtype=torch.bool),
                extra_names=["mask"],
                extras=[torch.ones(33, dtype=torch.bool)],
            )

    def test_errors_leave_nothing_behind(self):
        q, k, v = qkv()
        for _ in range(2):
            self.refused(ValueError, ["softmax_scal"], q, k, v, options={"softmax_scal": 1})
        self.assertLess(error(fvattn.attention(q, k, v), reference(q, k, v)), 1e-5)

    def test_opcheck(self):
        for grad in (False, True):
            q, k, v = qkv(grad=grad)
            mask = torch.rand(33) < 0.7
            for kw in ({}, {"is_causal": True, "scale": 0.2}, {"mask": mask}, {"options": json.dumps({"causal": True})}):
                with self.subTest(grad=grad, arguments=kw):
                    torch.library.opcheck(OP, (q, k, v), dict(backend="TORCH_SDPA", **kw))

    def test_meta(self):
        q, k, v = (x.to("meta") for x in qkv(d=24))
        o = fvattn.attention(q, k, v)
        self.assertEqual((o.device.type, o.shape, o.dtype), ("meta", q.shape, q.dtype))


if __name__ == "__main__":
    unittest.main()
