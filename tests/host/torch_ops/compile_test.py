"""The operator inside recorded graphs: opaque, with the same numbers, in both directions."""

import unittest

from common import error, fvattn, qkv, reference, torch


def block(q, k, v):
    return fvattn.attention(q * 1.5, k, v, backend="TORCH_SDPA", is_causal=True) + q


class Compiled(unittest.TestCase):
    def check(self, backend, **kw):
        torch._dynamo.reset()
        x = qkv(grad=True)
        y = [t.detach().clone().requires_grad_() for t in x]
        compiled = torch.compile(block, backend=backend, fullgraph=True, **kw)
        got, expected = compiled(*x), reference(y[0] * 1.5, y[1], y[2], causal=True) + y[0]
        self.assertLess(error(got, expected), 1e-5)
        d_o = torch.randn_like(got)
        got.backward(d_o)
        expected.backward(d_o.double())
        for a, b in zip(x, y):
            self.assertLess(error(a.grad, b.grad), 1e-5)

    def test_eager_backend(self):
        self.check("eager")

    def test_aot_autograd(self):
        self.check("aot_eager")
        self.check("aot_eager", dynamic=True)

    def test_the_graph_holds_one_operator(self):
        torch._dynamo.reset()
        graphs = []

        def keep(graph, _):
            graphs.append(graph)
            return graph.forward

        with torch.no_grad():
            torch.compile(block, backend=keep, fullgraph=True)(*qkv())
        names = [str(n.target) for n in graphs[0].graph.nodes if n.op == "call_function"]
        self.assertEqual(sum("fvattn" in n for n in names), 1, names)

    def test_export(self):
        class Module(torch.nn.Module):
            def forward(self, q, k, v):
                return block(q, k, v)

        x = qkv()
        program = torch.export.export(Module(), tuple(x))
        self.assertTrue(torch.equal(program.module()(*x), block(*x)))


if __name__ == "__main__":
    unittest.main()
