"""Safetensors files by hand, bfloat16 included, and what attention should give, in float64."""

import json
import struct
import sys

try:
    import numpy as np
except ImportError:
    print("skipped: this Python has no numpy")
    sys.exit(77)

_TYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BOOL": np.bool_,
    "U8": np.uint8,
    "I8": np.int8,
    "I16": np.int16,
    "I32": np.int32,
    "I64": np.int64,
    "U16": np.uint16,
}


def save(path, tensors):
    header, data = {}, b""
    for name, array in tensors.items():
        kind = next(k for k, v in _TYPES.items() if v == array.dtype)
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [len(data), len(data) + array.nbytes]}
        data += np.ascontiguousarray(array).tobytes()
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def load(path):
    """{name: array}, {name: dtype as in the file}, metadata"""
    with open(path, "rb") as file:
        raw = file.read()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    tensors, kinds = {}, {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        part = raw[8 + length + begin : 8 + length + end]
        if entry["dtype"] == "BF16":
            array = (np.frombuffer(part, np.uint16).astype(np.uint32) << 16).view(np.float32)
        else:
            array = np.frombuffer(part, _TYPES[entry["dtype"]])
        tensors[name], kinds[name] = array.reshape(entry["shape"]), entry["dtype"]
    return tensors, kinds, metadata


def logits_of_mask(mask, shape):
    """A mask of any of the contract's ranks as numbers that are added to the logits [B, H, Sq, Sk]."""
    mask = {1: mask[None, None, None], 2: mask[:, None, None], 3: mask[:, None], 4: mask}[mask.ndim]
    added = mask.astype(np.float64) if mask.dtype.kind == "f" else np.where(mask != 0, 0.0, -np.inf)
    return np.broadcast_to(added, shape)


def attention(q, k, v, scale=None, causal=False, mask=None, d_o=None):
    """o, lse and, with d_o, (d_q, d_k, d_v). A row that sees no key gives o = 0, lse = -inf and no gradient."""
    q, k, v = (x.astype(np.float64) for x in (q, k, v))
    group = q.shape[2] // k.shape[2]
    keys, values = np.repeat(k, group, 2), np.repeat(v, group, 2)
    scale = q.shape[3] ** -0.5 if scale is None else scale
    s = np.einsum("bqhd,bkhd->bhqk", q, keys) * scale
    if mask is not None:
        s = s + logits_of_mask(mask, s.shape)
    if causal:
        sq, sk = s.shape[2:]
        s = np.where(np.arange(sk)[None, :] <= np.arange(sq)[:, None] + sk - sq, s, -np.inf)
    top = s.max(-1, keepdims=True, initial=-np.inf)
    weight = np.exp(s - np.where(np.isfinite(top), top, 0))
    total = weight.sum(-1, keepdims=True)
    with np.errstate(divide="ignore"):
        lse = (np.log(total) + np.where(np.isfinite(top), top, 0))[..., 0]
    p = weight / np.where(total > 0, total, 1)
    o = np.einsum("bhqk,bkhd->bqhd", p, values)
    if d_o is None:
        return o, lse, None
    d_o = d_o.astype(np.float64)
    d_p = np.einsum("bqhd,bkhd->bhqk", d_o, values)
    d_s = p * (d_p - (d_p * p).sum(-1, keepdims=True)) * scale
    folded = lambda x: x.reshape(*x.shape[:2], k.shape[2], group, x.shape[3]).sum(3)
    return (
        o,
        lse,
        (
            np.einsum("bhqk,bkhd->bqhd", d_s, keys),
            folded(np.einsum("bhqk,bqhd->bkhd", d_s, q)),
            folded(np.einsum("bhqk,bqhd->bkhd", p, d_o)),
        ),
    )


def relative_l2(got, expected):
    """Of finite values; infinite ones must be at the same places. Where nothing but rounding is expected (a row that sees
    one key has no d_q), the root mean square of the difference: its norm would grow with the tensor."""
    got, expected = got.astype(np.float64), expected.astype(np.float64)
    if got.shape != expected.shape or not np.array_equal(np.isfinite(got), np.isfinite(expected)):
        return np.inf
    fine = np.isfinite(expected)
    size = float(np.linalg.norm(expected[fine]))
    return float(np.linalg.norm(got[fine] - expected[fine])) / (size if size > 1e-6 else max(fine.sum(), 1) ** 0.5)
