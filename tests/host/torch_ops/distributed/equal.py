"""torchrun: forward and gradients over ranks equal those of one rank, for every backend."""

from ranks import dist, fvattn, lengths, mine, relative, start, torch

GRID = {"dit_seq_shape": [3, 4, 5]}
ROWS = 60
BACKENDS = {
    "TORCH_SDPA": ({}, True),
    "FLASH_ATTN": ({}, True),
    "SLIDING_TILE_ATTN": ({**GRID, "tile_size": [1, 2, 2], "window_size": [1, 3, 1]}, True),
    "VIDEO_SPARSE_ATTN": ({**GRID, "tile_size": [2, 2, 2], "VSA_sparsity": 0.5}, False),
    "VMOBA_ATTN": (
        {
            **GRID,
            **dict(temporal_chunk_size=1, temporal_topk=2, spatial_chunk_size=[2, 5], spatial_topk=2),
            **dict(st_chunk_size=[1, 2, 5], st_topk=3, moba_select_mode="topk", layer_idx=1),
        },
        False,
    ),
}  # options, accepts text


def check(name, got, expected):
    error = relative(got, expected)
    if not error < 1e-5:
        raise AssertionError(f"rank {dist.get_rank()}: {name} is off by {error}")


def compare(backend, heads, kv_heads, batch=1, text=0, given=False, causal=False, by_attention=False):
    options, _ = BACKENDS[backend]
    torch.manual_seed(hash((heads, kv_heads, batch, text)) % 1000)
    rank, ranks = dist.get_rank(), dist.get_world_size()
    whole = [torch.randn(batch, ROWS, h, 16, requires_grad=True) for h in (heads, kv_heads, kv_heads)]
    words = [torch.randn(batch, text, h, 16, requires_grad=True) for h in (heads, kv_heads, kv_heads)]
    gate = {}
    if backend == "VIDEO_SPARSE_ATTN":
        gate = {"gate_compress": torch.randn(batch, ROWS, heads, 16, requires_grad=True)}
    weight, text_weight = torch.randn(batch, ROWS, heads, 16), torch.randn(ranks, batch, text, heads, 16)

    alone = {**options, "text_length": text} if text and backend == "SLIDING_TILE_ATTN" else options
    o = fvattn.attention(
        *(torch.cat(pair, 1) for pair in zip(whole, words)), backend=backend, options=alone, is_causal=causal, **gate
    )
    ((o[:, :ROWS] * weight).sum() + (o[:, ROWS:] * text_weight.sum(0)).sum()).backward()

    sizes = lengths(ROWS, ranks)
    local = [mine(t, sizes) for t in whole]
    local_gate = {name: mine(t, sizes) for name, t in gate.items()}
    local_words = [t.detach().clone().requires_grad_() for t in words]
    replicated = dict(zip(("replicated_q", "replicated_k", "replicated_v"), local_words)) if text else {}
    for _ in range(2):
        for t in [*local, *local_gate.values(), *local_words]:
            t.grad = None
        arguments = dict(backend=backend, options=options, is_causal=causal, **local_gate)
        if by_attention:
            group = dist.group.WORLD.group_name
            got, got_text = fvattn.attention(*local, group_name=group, **arguments), None
        else:
            arguments["sequence_lengths"] = sizes if given else None
            got, got_text = fvattn.distributed_attention(*local, **replicated, **arguments)
        loss = (got * mine(weight, sizes)).sum()
        if text:
            loss = loss + (got_text * text_weight[rank]).sum()
        loss.backward()

    check(f"{backend} o", got, mine(o[:, :ROWS], sizes))
    if backend != "TORCH_SDPA":  # whose sums depend on the number of heads
        assert torch.equal(got, mine(o[:, :ROWS], sizes)), f"{backend}: bytes changed on their way"
    for name, t, expected in [*zip("qkv", local, whole), *((n, local_gate[n], gate[n]) for n in gate)]:
        check(f"{backend} d_{name}", t.grad, mine(expected.grad, sizes))
    if text:
        check(f"{backend} text_o", got_text, o[:, ROWS:])
        for name, t, expected in zip("qkv", local_words, words):
            total = t.grad.clone()
            dist.all_reduce(total)
            check(f"{backend} d_replicated_{name}", total, expected.grad)


rank, ranks = start()
available = [name for name in BACKENDS if name in fvattn.backends()]
uneven = {2: 3, 4: 6}[ranks]  # as 12 over 8: not every rank has the same
for name in available:
    compare(name, heads=uneven, kv_heads=uneven)
    compare(name, heads=8, kv_heads=2, batch=2, given=True)  # over four ranks each kv head is on two of them
    if BACKENDS[name][1]:
        compare(name, heads=uneven, kv_heads=1, text=5)
compare("TORCH_SDPA", heads=1, kv_heads=1, text=3)  # the other ranks only exchange
compare("TORCH_SDPA", heads=4, kv_heads=4, causal=True, by_attention=True)
with torch.no_grad():
    x = torch.randn(1, 3 + rank, 4, 16)
    o, text_o = fvattn.distributed_attention(x, x, x, dist.group.WORLD, backend="TORCH_SDPA")
    assert o.shape == x.shape and text_o is None and not o.requires_grad

    # Four tensors moved. Batch 1: q, k and v are packed and arrive in place, o leaves in place and is unpacked.
    fvattn.distributed_attention(x, x, x, backend="TORCH_SDPA")
    before = fvattn.group_statistics()
    fvattn.distributed_attention(x, x, x, backend="TORCH_SDPA")
    did = {name: number - before[name] for name, number in fvattn.group_statistics().items()}
    rows, bytes_of_head = sum(3 + r for r in range(ranks)), 16 * 4
    others = 4 // ranks * (rows - len(x[0])) * bytes_of_head
    assert fvattn.group_transport() == [("c10d", "")], fvattn.group_transport()
    assert did["exchanges"] == 2 and did["copies"] == 4, did
    assert did["bytes_remote"] == 3 * others + (4 - 4 // ranks) * len(x[0]) * bytes_of_head, did
if rank == 0:
    print("equal:", " ".join(available))
dist.destroy_process_group()
