"""torchrun: what differs between ranks is an error on all of them with all values, and the next call works."""

import json

from ranks import dist, everywhere, failure, fvattn, start, torch

rank, ranks = start()
VSA = {"dit_seq_shape": [2, 4, 4], "tile_size": [2, 2, 2], "VSA_sparsity": 0.5}


def call(rows=16, heads=4, dim=16, dtype=torch.float32, backend="TORCH_SDPA", options=None, **more):
    x = torch.randn(1, rows, heads, dim, dtype=dtype)
    return fvattn.distributed_attention(x, x, x, backend=backend, options=options, **more)


def differ(says, last, **usual):
    """`last` is what the last rank does otherwise; `says` must be in the errors of all."""
    texts = everywhere(failure(lambda: call(**{**usual, **(last if rank == ranks - 1 else {})})))
    for r, text in enumerate(texts):
        for part in says:
            assert part in text, f"rank {r} was not told {part!r}: {text!r}"
    call()


end = f"rank {ranks - 1}: "
differ(["ranks disagree on dtype; got rank 0: Float", end + "Double"], dict(dtype=torch.float64))
differ(["ranks disagree on heads; got rank 0: 4", end + "8"], dict(heads=8))
differ(["ranks disagree on head size; got rank 0: 16", end + "8"], dict(dim=8))
differ(["ranks disagree on causal; got rank 0: no", end + "yes"], dict(is_causal=True))
if "VIDEO_SPARSE_ATTN" in fvattn.backends():
    usual = dict(rows=32 // ranks, backend="VIDEO_SPARSE_ATTN", options=VSA)
    differ(["metadata VSA_sparsity; got rank 0: 0.5", end + "0.25"], dict(options={**VSA, "VSA_sparsity": 0.25}), **usual)
if "FLASH_ATTN" in fvattn.backends():
    differ(["ranks disagree on the backend; got rank 0: ", "sdpa", "flash"], dict(backend="FLASH_ATTN"))

# One rank alone cannot serve the call.
differ(["NO_SUCH_ATTN"], dict(backend="NO_SUCH_ATTN"))
texts = everywhere(failure(lambda: call(options={"softmax_scal": 1} if rank == ranks - 1 else None)))
assert all("softmax_scal" in text for text in texts), texts
assert f"rank {ranks - 1} cannot take part" in texts[0] and "cannot take part" not in texts[-1], texts
call()
texts = everywhere(failure(lambda: torch.ops.fvattn.distributed_attention(
    *[torch.randn(1, 4, 4, 16)] * 3, dist.group.WORLD.group_name, options="{" if rank == 0 else json.dumps({}))))
assert all("options must be one JSON object" in text for text in texts), texts
call()

# Shapes that the ranks were told wrongly: one rank's lengths are not what it brings.
sizes = [16] * ranks
texts = everywhere(failure(lambda: call(rows=16 if rank else 15, sequence_lengths=sizes)))
assert all("sequence_lengths must have the rows of every rank" in text for text in texts), texts
call(sequence_lengths=sizes)

# Groups beside the default one, and one that is gone.
group = dist.new_group(backend="gloo")
name = group.group_name
call(group=group)
assert fvattn.group_statistics(name)["exchanges"] == 2
dist.barrier()
dist.destroy_process_group(group)
text = failure(lambda: call(group=name))
assert "no process group is registered" in text, text
call(group=dist.new_group(backend="gloo"))
if rank == 0:
    print("every rank was told")
dist.destroy_process_group()
