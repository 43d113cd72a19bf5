#!/usr/bin/env python3
"""Ours beside every peer that is present: in turns, in one process, on the same tensors.

    . dist/env.sh; . PEERS/env.sh; tests/bench/peers.py --rows wan1.3b-480p,16k-d64 --json out.json
    tests/bench/peers.py --list

A line: name shape dtype | ms [least, most] | TFLOP/s (% of the matmul measured in this run) | GB/s (% of copy) | error
against float64, and our time's ratio (above 1: we are faster). Every time is of the whole operation from raster tensors
to a raster tensor, unless the contender's name says that it was given another layout."""

import argparse
import json
import os
import sys
import traceback

import torch

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
if os.environ.get("FVATTN_PREFIX"):
    sys.path.insert(0, os.path.join(os.environ["FVATTN_PREFIX"], "lib", "fvattn", "python"))

import clip  # noqa: E402
import contenders  # noqa: E402
import measure  # noqa: E402
import reference  # noqa: E402
import rows as table  # noqa: E402


def our_calls(row, requests):
    """{name: callable}: the row's usual backend, or what --ours asks for."""
    named = {request.partition("=")[0]: request.partition("=")[2] for request in requests} or {table.BACKENDS[row.kind]: ""}
    calls = {}
    for name, extra in named.items():
        backend, _, label = name.partition(":")
        options = {**row.options, **(json.loads(extra) if extra else {})}
        calls["ours" if len(named) == 1 else f"ours {backend}{' ' + label if label else ''}"] = contenders.ours(
            backend, options, row.causal
        )
    return calls


def sparse_works(row, x, ours):
    """{name: work} of what chooses keys, and {name: finish}: what brings the result of a work to raster order."""
    q, k, v, gate = x[:4]
    fastvideo = contenders.module("fastvideo_kernel") if row.device == "cuda" else None
    works, finish = {}, {}
    for name, call in ours.items():
        works[name] = (
            (lambda c: lambda: c(q, k, v, gate))(call) if row.kind == "vsa" else (lambda c: lambda: c(q, k, v))(call)
        )
    if fastvideo is None:
        return works, finish
    if row.kind == "vsa":
        op = contenders.FastVideoVSA(row.grid, row.sparsity)
        works["fastvideo"] = lambda: op(q, k, v, gate)
        if row.options.get("layout") == "tiled":
            return fine_works(op, q, k, v, ours)
    elif row.kind == "sta":
        op = contenders.FastVideoSTA(row.grid, row.windows, row.text)
        tiles = [op.to_tiles(t) for t in (q, k, v)]
        works["fastvideo"] = lambda: op(q, k, v)
        works["fastvideo given tiles"] = lambda: op.on_tiles(*tiles)
        finish["fastvideo given tiles"] = op.from_tiles
    elif contenders.module("fastvideo_kernel.vmoba") is not None:
        arguments = dict(
            moba_topk=row.options["st_topk"], select_mode=row.options["moba_select_mode"], threshold_type="query_head"
        )
        if "moba_threshold" in row.options:
            arguments["simsum_threshold"] = row.options["moba_threshold"]
        op = contenders.VmobaReference(row.grid, row.options["st_chunk_size"], **arguments)
        chunks = [op.ordered(t) for t in (q, k, v)]
        works["reference given chunks"] = lambda: op.on_chunks(*chunks)
        finish["reference given chunks"] = op.to_raster
    return works, finish


def fine_works(op, q, k, v, ours):
    """The fine stage alone: tiled tensors and the same lists for all, each in its own order of heads and tokens."""
    tiles = [op.tiled(t) for t in (q, k, v)]
    index, count = op.lists(*tiles[:2])
    rows = [t.transpose(1, 2).contiguous() for t in tiles]
    works = {n: (lambda c: lambda: c(*rows, block_index=index, block_count=count))(c) for n, c in ours.items()}
    works["fastvideo"] = lambda: op.fine(*tiles, index, count)
    raster = lambda o: o[:, op.back]
    return works, {**{n: raster for n in ours}, "fastvideo": lambda o: raster(o.transpose(1, 2))}


def with_gradients(row, works, x):
    """The works as backward alone, or forward and backward together."""
    leaves, d_o = [t.requires_grad_(True) for t in (x[:4] if row.kind == "vsa" else x[:3])], x[4]
    grad = lambda o, keep: torch.autograd.grad(o, leaves, d_o.to(o.dtype), retain_graph=keep, allow_unused=True)
    if row.direction == "both":
        return {name: (lambda w: lambda: grad(w(), False))(work) for name, work in works.items()}
    graphs = {name: work() for name, work in works.items()}
    return {name: (lambda o: lambda: grad(o, True))(o) for name, o in graphs.items()}


def errors_of(row, x, works, finish):
    """{name: text of the error}."""
    q, k, v, gate, d_o = (t.detach() for t in x)
    results = {name: work() for name, work in works.items()}
    if row.direction == "backward":
        want = reference.dense_gradients(q, k, v, d_o, row.causal)
        group = row.heads // row.kv_heads
        pick = lambda g: (g[0][0, :, :group], g[1][0, :, 0], g[2][0, :, 0])
        return {n: "/".join(f"{reference.error(a, b):.2e}" for a, b in zip(pick(g), want)) for n, g in results.items()}
    if row.direction == "both":
        first = next(iter(results.values()))
        return {
            n: "/".join(f"{reference.error(a, b.double()):.1e}" for a, b in zip(g[:3], first)) + " to ours"
            for n, g in results.items()
        }
    outputs = {name: finish.get(name, lambda o: o)(o).detach() for name, o in results.items()}
    if row.kind == "dense":
        rows = reference.sample_rows(row.q_len, q.device)
        want = reference.dense_rows(q, k, v, rows, row.causal)
        return {name: f"{reference.error(o[:, rows], want):.3e}" for name, o in outputs.items()}
    if row.options.get("layout") == "tiled":
        first = next(iter(outputs.values()))
        return {n: f"{reference.error(o, first.double()):.3e} to ours" for n, o in outputs.items()}
    if row.kind == "vsa":
        found = reference.vsa_errors(outputs, q, k, v, gate, row.grid, row.sparsity)
        return {name: f"{middle:.3e} ({100 * other:.1f} % other lists)" for name, (middle, other) in found.items()}
    if row.kind == "sta":
        return {name: f"{e:.3e}" for name, e in table.sta_errors(row, q, k, v, outputs).items()}
    first = next(iter(outputs.values()))
    return {name: f"{reference.error(o, first.double()):.3e} to ours" for name, o in outputs.items()}


def usable(works, quiet=False):
    """Those that run; the rest is named with its reason."""
    fine = {}
    for name, work in works.items():
        try:
            work()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            fine[name] = work
        except Exception as error:
            if not quiet:
                print(f"    {name} does not run here: {str(error).splitlines()[0][:200]}", flush=True)
    return fine


def run_row(row, data, args, ceilings):
    torch.manual_seed(args.seed)
    cuda = row.device == "cuda"
    key = (row.device, row.dtype)
    if key not in ceilings:
        ceilings[key] = measure.ceiling(*key)
    matmul, copy = ceilings[key]
    x = row.inputs(data)
    if row.direction != "forward":
        for t in x[:4]:
            t.requires_grad_(True)
    ours = our_calls(row, args.ours)
    if row.kind == "dense":
        calls = {**ours, **contenders.dense(row.causal, row.direction != "forward", cuda)}
        works, finish = {n: (lambda c: lambda: c(*x[:3]))(c) for n, c in calls.items()}, {}
    else:
        works, finish = sparse_works(row, x, ours)
    if args.only:
        works = {n: w for n, w in works.items() if n.startswith("ours") or n in args.only}
    works = usable(works)
    if row.direction != "forward":
        works = usable(with_gradients(row, works, x))
    errors = {} if args.no_error else errors_of(row, x, works, finish)
    times = measure.take_turns(works, cuda, args.rounds)
    gpu = measure.state_of_gpu() if cuda else ""
    best = min((measure.median(t) for n, t in times.items() if not n.startswith("ours")), default=None)
    lines = []
    for name, t in times.items():
        ms, flop = measure.median(t), row.flop()
        tflops, gbps = flop / ms / 1e9 if flop else None, row.bytes() / ms / 1e6
        ratio = best / ms if best and name.startswith("ours") else None
        speed = f"{tflops:.4g} TFLOP/s ({100 * tflops / matmul:.1f} %)" if tflops else "-"
        note = f" | {ratio:.3f}x of the best peer" if ratio else ""
        what = f"{row.name} {name} {data}  {row.shape()}  {str(row.dtype).split('.')[1]}"
        print(
            f"{what} | {ms:.4f} ms [{t[0]:.4f}, {t[-1]:.4f}] | "
            f"{speed} | {gbps:.3g} GB/s ({100 * gbps / copy:.1f} %) | {errors.get(name, '-')}{note}",
            flush=True,
        )
        lines.append(
            dict(
                row=row.name,
                contender=name,
                data=data,
                shape=row.shape(),
                direction=row.direction,
                ms=ms,
                least_ms=t[0],
                most_ms=t[-1],
                rounds=len(t),
                tflops=tflops,
                gbps=gbps,
                percent_of_matmul=100 * tflops / matmul if tflops else None,
                error=errors.get(name),
                of_best_peer=ratio,
                gpu=gpu,
            )
        )
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rows",
        default="",
        help="names, with commas; a name that ends in * is a beginning; default: all that this machine can run",
    )
    parser.add_argument("--inputs", default="randn,clip", help="randn, clip (needs $PEERS_DIR)")
    parser.add_argument(
        "--ours",
        action="append",
        default=[],
        metavar="NAME[:LABEL][=JSON]",
        help="our contenders with options, instead of the row's backend (repeatable)",
    )
    parser.add_argument("--only", type=lambda s: s.split(","), help="peers that take part")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-error", action="store_true")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    if args.list:
        for row in table.ALL.values():
            print(f"{row.name:28s} {row.kind:6s} {row.direction:9s} {row.shape()}")
        return 0
    cuda = torch.cuda.is_available()
    wanted = [name for name in args.rows.split(",") if name]
    chosen = [
        r for r in table.ALL.values() if any(r.name == w or (w.endswith("*") and r.name.startswith(w[:-1])) for w in wanted)
    ]
    unknown = [w for w in wanted if not w.endswith("*") and w not in table.ALL]
    if unknown:
        parser.error(f"no row {', '.join(unknown)}; --list prints them")
    if not wanted:
        chosen = [r for r in table.ALL.values() if cuda or r.device == "cpu"]
    print(torch.cuda.get_device_name() if cuda else "cpu", "torch", torch.__version__)
    lines, ceilings, failed = [], {}, 0
    for row in chosen:
        for data in args.inputs.split(","):
            if data == "clip" and not clip.available(row.grid):
                continue
            try:
                lines += run_row(row, data, args, ceilings)
            except Exception:
                failed += 1
                print(f"{row.name} {data} failed:\n{traceback.format_exc()}", flush=True)
            if cuda:
                torch.cuda.empty_cache()
    for (device, dtype), (matmul, copy) in ceilings.items():
        print(f"{device} {dtype}: matmul {matmul:.4g} TFLOP/s, copy {copy:.4g} GB/s in this run")
    if args.json:
        what = dict(
            device=torch.cuda.get_device_name() if cuda else "cpu",
            torch=torch.__version__,
            command=sys.argv,
            lines=lines,
            ceilings=[dict(device=d, dtype=str(t), matmul_tflops=c[0], copy_gbps=c[1]) for (d, t), c in ceilings.items()],
        )
        with open(args.json + ".part", "w") as file:
            json.dump(what, file, indent=1)
        os.replace(args.json + ".part", args.json)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
