"""Safetensors files of float32, and exact attention, with Python's standard library alone."""
import array
import json
import math
import struct


def write(path, tensors):
    header, body = {}, b""
    for name, (shape, values) in tensors.items():
        data = array.array("f", values).tobytes()
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + body)


def read(path):
    """(tensors, metadata); tensors as name -> (shape, values)."""
    with open(path, "rb") as file:
        raw = file.read()
    size = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:8 + size])
    metadata = header.pop("__metadata__", {})
    codes = {"F32": "f", "F64": "d", "I32": "i", "I64": "q"}
    tensors = {}
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        values = array.array(codes[entry["dtype"]])
        values.frombytes(raw[8 + size + first:8 + size + last])
        tensors[name] = (entry["shape"], list(values))
    return tensors, metadata


def attention(q, k, v):
    """q [B, Sq, H, D], k [B, Sk, Hkv, D], v [B, Sk, Hkv, Dv] -> the values of o [B, Sq, H, Dv]."""
    (batch, sq, heads, dim), q = q
    (_, sk, kv_heads, _), k = k
    v_dim, v = v[0][3], v[1]
    out = [0.0] * (batch * sq * heads * v_dim)
    for b in range(batch):
        for i in range(sq):
            for h in range(heads):
                row = ((b * sq + i) * heads + h) * dim
                keys = [(b * sk + j) * kv_heads + h * kv_heads // heads for j in range(sk)]
                logits = [sum(q[row + d] * k[at * dim + d] for d in range(dim)) / math.sqrt(dim) for at in keys]
                top = max(logits)
                weights = [math.exp(x - top) for x in logits]
                total = sum(weights)
                for d in range(v_dim):
                    value = sum(w * v[at * v_dim + d] for w, at in zip(weights, keys)) / total
                    out[((b * sq + i) * heads + h) * v_dim + d] = value
    return out


def relative_l2(got, want):
    return math.sqrt(sum((a - b) ** 2 for a, b in zip(got, want, strict=True)) / max(sum(b * b for b in want), 1e-300))
