"""Time: contenders take turns in every round, by events on a GPU and by the clock on the CPU."""

import subprocess
import time

import torch


def _timed(work, calls, cuda):
    if not cuda:
        start = time.perf_counter()
        for _ in range(calls):
            work()
        return 1e3 * (time.perf_counter() - start)
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    for _ in range(calls):
        work()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end)


def take_turns(works, cuda, rounds=7, target_ms=60.0, pause_s=0.1):
    """{name: callable} -> {name: sorted times of one call in ms}. One call that is not timed goes before each round."""
    calls, times = {}, {name: [] for name in works}
    for name, work in works.items():
        work()
        calls[name] = max(1, int(target_ms / max(_timed(work, 1, cuda), 1e-3)))
    for _ in range(rounds):
        for name, work in works.items():
            if cuda:
                torch.cuda.synchronize()
                time.sleep(pause_s)
            work()
            times[name].append(_timed(work, calls[name], cuda) / calls[name])
    return {name: sorted(t) for name, t in times.items()}


def median(times):
    return times[len(times) // 2]


def ceiling(device, dtype):
    """TFLOP/s of a large matmul and GB/s of a large copy (read and write), measured now."""
    cuda = device == "cuda"
    n = 8192 if cuda else 1024
    a, b = (torch.randn(n, n, device=device, dtype=dtype) for _ in range(2))
    source = torch.empty(2**30 if cuda else 2**26, device=device, dtype=torch.uint8).fill_(1)
    target = torch.empty_like(source)
    times = take_turns({"matmul": lambda: a @ b, "copy": lambda: target.copy_(source)}, cuda)
    return 2 * n**3 / times["matmul"][0] / 1e9, 2 * source.numel() / times["copy"][0] / 1e6


def state_of_gpu():
    """SM clock, power and temperature now; long runs are limited by power. Empty without nvidia-smi."""
    ask = ["nvidia-smi", "--query-gpu=clocks.sm,power.draw,temperature.gpu", "--format=csv,noheader"]
    try:
        return subprocess.run(ask, text=True, capture_output=True, timeout=10).stdout.strip().splitlines()[0]
    except (OSError, IndexError, subprocess.TimeoutExpired):
        return ""
