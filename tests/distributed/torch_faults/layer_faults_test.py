"""A layer that goes wrong on one of three processes: every rank says what and where, and none hangs."""

import os
import subprocess
import sys
import time
import unittest

PROGRAM, MPIRUN, PLUGINS = None, None, None
RANKS = 3
HARD_LIMIT = 60  # seconds, for a job of any kind


class LayerFaults(unittest.TestCase):
    def job(self, mode):
        """What each rank said of the call, and of the one after it."""
        environment = dict(os.environ, FASTVIDEO_ATTENTION_DIST_TIMEOUT_S="20", HOME="/nonexistent")
        start = time.monotonic()
        done = subprocess.run(
            [MPIRUN, "-n", str(RANKS), "--oversubscribe", "--bind-to", "none", PROGRAM, mode, f"{PLUGINS}/version1",
             f"{PLUGINS}/version2"],
            env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=HARD_LIMIT,
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stdout)
        # Nobody waited for a timeout. Starting takes seconds on a machine that is busy.
        self.assertLess(time.monotonic() - start, 20, done.stdout)
        said = dict(line.split(": ", 1) for line in done.stdout.splitlines() if line.startswith("rank "))
        self.assertEqual(len(said), 2 * RANKS, done.stdout)
        return [said[f"rank {r}"] for r in range(RANKS)], [said[f"rank {r}, later"] for r in range(RANKS)]

    def all_say(self, texts, *parts):
        for rank, text in enumerate(texts):
            for part in parts:
                self.assertIn(part, text, f"rank {rank}")

    def test_nothing_is_wrong(self):
        first, later = self.job("nothing")
        self.assertEqual(first + later, ["ok"] * 2 * RANKS)

    def test_another_dtype(self):
        first, later = self.job("dtype")
        self.all_say(first, "ranks disagree on dtype", "rank 0: Float", "rank 1: Double", "rank 2: Float")
        self.assertEqual(later, ["ok"] * RANKS, "a disagreement leaves the group usable")

    def test_another_backend(self):
        first, _ = self.job("backend")
        self.all_say(first, "ranks disagree on the backend", "FICKLE_ATTN", "TORCH_SDPA", "rank 1: ")

    def test_another_version_of_the_plugin(self):
        first, _ = self.job("version")
        self.all_say(first, "ranks disagree on the backend", "rank 0: org.fvattn.test.fickle/FICKLE_ATTN 1",
                     "rank 1: org.fvattn.test.fickle/FICKLE_ATTN 2", "rank 2: org.fvattn.test.fickle/FICKLE_ATTN 1")

    def test_an_exception_inside_a_backend(self):
        first, later = self.job("throws")
        self.all_say(first, "the backend ran out of luck")
        for rank in (0, 2):
            self.assertIn("rank 1", first[rank])
        self.all_say(later, "the backend ran out of luck")


if __name__ == "__main__":
    PROGRAM, MPIRUN, PLUGINS = sys.argv[1:4]
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])
