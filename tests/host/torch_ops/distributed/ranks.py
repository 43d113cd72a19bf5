"""One rank of a gloo group: the group, and tensors that are spread over it."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
kept = {name: os.environ[name] for name in os.environ if name.startswith("FASTVIDEO_ATTENTION_DIST_")}
from common import fvattn, torch  # noqa: E402

os.environ.update(kept)
fvattn.reload_environment()
import torch.distributed as dist  # noqa: E402

torch.set_num_threads(1)


def start():
    """(rank, ranks) of the default group, by the variables that torchrun sets."""
    dist.init_process_group("gloo")
    return dist.get_rank(), dist.get_world_size()


def lengths(rows, ranks):
    """Rows of each rank: uneven, the last rank has the fewest."""
    weights = [ranks + 1 - 0.7 * r for r in range(ranks)]
    sizes = [int(rows * w / sum(weights)) for w in weights]
    sizes[0] += rows - sum(sizes)
    return sizes


def mine(tensor, sizes):
    return torch.split(tensor, sizes, 1)[dist.get_rank()].detach().clone().requires_grad_(tensor.requires_grad)


def relative(got, expected):
    return ((got.double() - expected.double()).norm() / expected.double().norm().clamp_min(1e-30)).item()


def failure(body):
    """The text of the error that body raises; empty for none."""
    try:
        body()
    except (ValueError, RuntimeError) as error:
        return str(error)
    return ""


def everywhere(text):
    """The texts of all ranks."""
    all_texts = [None] * dist.get_world_size()
    dist.all_gather_object(all_texts, text)
    return all_texts
