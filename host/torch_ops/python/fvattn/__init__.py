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

__all__ = ["attention", "attention_backend", "forward_context", "backends", "reload_environment", "version"]


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
