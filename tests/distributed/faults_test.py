"""What goes wrong on one process of a group ends all of them, soon and with words. Nothing here may hang."""

import os
import subprocess
import sys
import time
import unittest

PROGRAM, MPIRUN = None, None
HARD_LIMIT = 30  # seconds, for a job of any kind
TIMEOUT = 0.8  # of one operation


def job(mode, ranks=3, warm_up="20"):
    """Runs the ranks; gives exit code, what they printed, and the seconds it took."""
    environment = dict(os.environ)
    environment.update(
        FASTVIDEO_ATTENTION_DIST_TIMEOUT_S=str(TIMEOUT),
        FASTVIDEO_ATTENTION_DIST_WARM_UP_S=warm_up,
    )
    start = time.monotonic()
    done = subprocess.run(
        [MPIRUN, "-n", str(ranks), "--oversubscribe", "--bind-to", "none", PROGRAM, mode],
        env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=HARD_LIMIT,
    )
    return done.returncode, done.stdout, time.monotonic() - start


def said(output, rank, later=False):
    start = f"rank {rank}{', later' if later else ''}: "
    return next((line[len(start):] for line in output.splitlines() if line.startswith(start)), None)


class Told(unittest.TestCase):
    """Faults that every rank hears of: all processes end by themselves with 0."""

    def told(self, mode, ranks=3):
        code, output, seconds = job(mode, ranks)
        self.assertEqual(code, 0, output)
        self.assertLess(seconds, 10)
        return output

    def test_other_shapes(self):
        output = self.told("shape")
        for rank in range(3):
            self.assertIn("ranks came with different operations; got rank 0: scatter_heads of q", said(output, rank))
            self.assertIn("rows 0+3,3+3,6+2", said(output, rank))
            self.assertIn("rank 1: scatter_heads of q (scatter_heads batch 1 head 8 bytes rows 0+3,3+3,6+3",
                          said(output, rank))
            self.assertEqual(said(output, rank), said(output, rank, later=True), "the group stays stopped")

    def test_other_operations(self):
        output = self.told("operation")
        for rank in range(3):
            self.assertIn("got rank 0: barrier; rank 1: agree; rank 2: barrier", said(output, rank))

    def test_an_abort_reaches_all(self):
        for ranks in (2, 4):
            output = self.told("abort", ranks)
            for rank in range(ranks):
                self.assertEqual("rank 1 aborted: out of memory", said(output, rank))
                self.assertEqual("rank 1 aborted: out of memory", said(output, rank, later=True))

    def test_what_all_have_done_is_done_whatever_comes_later(self):
        output = self.told("abort after all is done")
        for rank in range(3):
            self.assertEqual("ok", said(output, rank))
            self.assertEqual("rank 1 aborted: too late", said(output, rank, later=True))

    def test_a_rank_that_leaves(self):
        output = self.told("leave")
        for rank in (0, 2):
            self.assertIn("rank 1 has left, and will not come to scatter_heads of q", said(output, rank))

    def test_tensors_that_do_not_fit(self):
        output = self.told("bad tensors")
        self.assertIn("the tensors do not fit the splits", said(output, 1))
        for rank in (0, 2):
            self.assertIn("rank 1 aborted: scatter_heads of q: the tensors do not fit", said(output, rank))


class Lost(unittest.TestCase):
    """Ranks that never come. The job ends within the timeout and two seconds (and mpirun's own)."""

    def lost(self, mode, warm_up="20", wait=TIMEOUT):
        code, output, seconds = job(mode, warm_up=warm_up)
        self.assertNotEqual(code, 0, output)
        self.assertLess(seconds, wait + 2 + 4, output)
        return code, output

    def test_a_rank_that_sleeps(self):
        for mode in ("sleep", "stop"):
            # The sleeper does not end by itself: the others do, without it, and mpirun ends it.
            _, output = self.lost(mode, wait=TIMEOUT + 2)
            for rank in (0, 2):
                self.assertRegex(said(output, rank), r"rank \d waited 800 ms in scatter_heads of q .* for rank")

    def test_a_rank_that_never_starts(self):
        code, output = self.lost("never starts", warm_up="1", wait=1)
        self.assertEqual(code, 3, output)
        self.assertIn("waited 1000 ms for the other ranks to start MPI", output)

    def test_a_killed_rank(self):
        for mode in ("kill", "kill while they move bytes"):
            code, output = self.lost(mode)
            self.assertEqual(code, 128 + 9, output)
            self.assertIn("process rank 1", output)

    def test_a_rank_that_ends(self):
        code, output = self.lost("exit")
        self.assertEqual(code, 5, output)


if __name__ == "__main__":
    PROGRAM, MPIRUN = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
