"""Attention of fvattn for torch: loads the operators and adds scopes around them.

    import fvattn
    o = fvattn.attention(q, k, v, is_causal=True)             # [B, S, H, D]
    with fvattn.attention_backend("VIDEO_SPARSE_ATTN"):       # as in diffusers
        with fvattn.forward_context(step=3, total_steps=50, device="cuda",
                                    metadata={"VIDEO_SPARSE_ATTN": {"dit_seq_shape": [21, 30, 52], "VSA_sparsity": 0.9}}):
            o = fvattn.attention(q, k, v, gate_compress=gate)

Open scopes outside of compiled functions: torch.compile records the operator, not the scope.
"""

import contextlib
import json
import os

import torch

__all__ = [
    "attention",
    "distributed_attention",
    "abort_group",
    "group_statistics",
    "group_transport",
    "attention_backend",
    "forward_context",
    "backends",
    "reload_environment",
    "version",
]


def _library():
    """$FVATTN_PREFIX is an installation or a build tree; without it, the one that this file belongs to."""
    here = os.path.dirname(os.path.abspath(__file__))
    prefix, tried = os.environ.get("FVATTN_PREFIX"), []
    folders = [os.path.join(here, "..", "..", "torch")]
    if prefix:
        folders = [os.path.join(prefix, lib, "fvattn", "torch") for lib in ("lib", "lib64")]
    for folder in folders:
        path = os.path.normpath(os.path.join(folder, "libfvattn_torch_ops.so"))
        if os.path.exists(path):
            return path
        tried.append(path)
    raise ImportError(
        "fvattn: no operator library at "
        + " or ".join(tried)
        + "; set FVATTN_PREFIX to the folder that fvattn was installed to"
    )


torch.ops.load_library(_library())
_ops = torch.ops.fvattn


def attention(q, k, v, *, backend=None, scale=None, is_causal=False, mask=None, options=None, group_name=None, **extras):
    """o [B, Sq, H, Dv] of q [B, Sq, H, D], k [B, Skv, Hkv, D], v [B, Skv, Hkv, Dv].

    backend: a name, or None: the scope, then FASTVIDEO_ATTENTION_BACKEND, then automatic choice.
    options: a dict with the keys of `fvattn run`; metadata among them goes before an open forward_context.
    extras: further input tensors by the backend's names, such as gate_compress, cu_seqlens_q.
    group_name: distributed_attention over that process group, without replicated tokens.
    ValueError for arguments that make no sense, RuntimeError with every reason when the backend cannot serve them.
    """
    names = [name for name, tensor in extras.items() if tensor is not None]
    return _ops.attention(
        q,
        k,
        v,
        backend=backend,
        scale=scale,
        is_causal=is_causal,
        mask=mask,
        options=json.dumps(options) if options else None,
        extra_names=names or None,
        extras=[extras[name] for name in names] or None,
        group_name=group_name,
    )


def _name_of(group):
    if group is None:
        group = torch.distributed.group.WORLD
    return group if isinstance(group, str) else group.group_name


def distributed_attention(
    q,
    k,
    v,
    group=None,
    *,
    replicated_q=None,
    replicated_k=None,
    replicated_v=None,
    backend=None,
    scale=None,
    is_causal=False,
    mask=None,
    options=None,
    sequence_lengths=None,
    original_seq_len=None,
    **extras,
):
    """(o, text_o) over a sequence that is spread over the ranks of a process group; every rank calls it, and its backward.

    q [B, s, H, D], k [B, s, Hkv, D], v [B, s, Hkv, Dv]: this rank's rows, in rank order; s may differ and may be 0.
    group: a ProcessGroup of torch.distributed (gloo for CPU tensors, NCCL for GPUs), its group_name, or None: the default.
    replicated_*: text [B, T, ...], the same on all ranks, attended after the sequence; text_o is None without it.
    sequence_lengths: the rows of every rank; ranks that give them agree on a call once and not again at each repetition.
    original_seq_len: rows of the whole sequence that are real; the padding after them comes back as zeros.
    The rest as in attention(). Gradients of replicated tokens are this rank's part: their sum over ranks is the gradient.
    RuntimeError on every rank, with all values, if ranks differ or one cannot serve the call or is lost.
    """
    names = [name for name, tensor in extras.items() if tensor is not None]
    o, text_o = _ops.distributed_attention(
        q,
        k,
        v,
        _name_of(group),
        replicated_q=replicated_q,
        replicated_k=replicated_k,
        replicated_v=replicated_v,
        backend=backend,
        scale=scale,
        is_causal=is_causal,
        mask=mask,
        options=json.dumps(options) if options else None,
        extra_names=names or None,
        extras=[extras[name] for name in names] or None,
        sequence_lengths=sequence_lengths,
        original_seq_len=original_seq_len,
    )
    return o, (text_o if replicated_q is not None else None)


def abort_group(reason, group=None):
    """Ends the distributed calls of all ranks of the group, with the reason why this rank does not come."""
    _ops.abort_group(_name_of(group), str(reason))


def group_statistics(group=None):
    """What this rank's end of the group did so far; `copies` are passes over a tensor besides the exchange itself."""
    names = ("exchanges", "bytes_remote", "bytes_local", "copies", "waits_us")
    return dict(zip(names, _ops.group_statistics(_name_of(group))))


def group_transport(group=None):
    """[(name, why it is not the first choice)] of what moves the tensors of the group, so far: for the CPU, for GPUs."""
    return [tuple(line.split("\t")) for line in _ops.group_transport(_name_of(group)).splitlines()]


@contextlib.contextmanager
def attention_backend(name):
    """Every call of this thread without a backend of its own uses `name` (also "A,B", "prefer:A", "auto"). Nests."""
    _ops.enter_backend(name)
    try:
        yield
    finally:
        _ops.leave_backend()


@contextlib.contextmanager
def forward_context(step=0, total_steps=0, timestep=0.0, is_cfg_negative=False, metadata=None, device="cpu"):
    """What surrounds a forward pass: the denoising step, and for each backend its metadata as a dict. Nests."""
    context = dict(
        step=step, total_steps=total_steps, timestep=timestep, is_cfg_negative=is_cfg_negative, metadata=metadata or {}
    )
    _ops.enter_context(json.dumps(context), str(device))
    try:
        yield
    finally:
        _ops.leave_context()


def backends():
    """Names of the backends that some plugin offers, in search order."""
    return _ops.backends()


def reload_environment():
    """Reads FASTVIDEO_ATTENTION_* again and searches for plugins again."""
    _ops.reload_environment()


def version():
    return _ops.version()
