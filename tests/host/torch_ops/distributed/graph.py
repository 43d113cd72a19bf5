"""torchrun: the distributed operator inside recorded graphs: opaque, with the same numbers, in both directions."""

from ranks import dist, fvattn, relative, start, torch

rank, ranks = start()
torch.manual_seed(rank)


def block(q, k, v, text):
    o, text_o = fvattn.distributed_attention(
        q * 1.5, k, v, replicated_q=text, replicated_k=text, replicated_v=text, backend="TORCH_SDPA"
    )
    return o + q, text_o


def run(body):
    torch.manual_seed(5)
    text = torch.randn(1, 3, 4, 16, requires_grad=True)
    torch.manual_seed(rank)
    x = [torch.randn(1, 7 + rank, 4, 16, requires_grad=True) for _ in range(3)]
    o, text_o = body(*x, text)
    (o.square().sum() + text_o.square().sum()).backward()
    return [o, text_o, *(t.grad for t in (*x, text))]


expected = run(block)
for backend in ("eager", "aot_eager"):
    torch._dynamo.reset()
    for got, want in zip(run(torch.compile(block, backend=backend, fullgraph=True)), expected):
        assert relative(got, want) < 1e-5, (backend, relative(got, want))

meta = [torch.empty(2, 5, h, 16, device="meta") for h in (4, 2, 2)]
o, text_o = torch.ops.fvattn.distributed_attention(*meta, "nobody")
assert o.shape == meta[0].shape and o.is_meta and text_o.shape == (2, 0, 4, 16)
if rank == 0:
    print("graphs hold the operator")
dist.destroy_process_group()
