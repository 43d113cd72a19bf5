"""A rank that is killed, stuck or gone ends the others within the timeout plus two seconds, by name."""

import os
import signal
import socket
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
TIMEOUT = 3.0


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Ranks:
    """Processes without a launcher that would end them itself."""

    def __init__(self, count, what, victim):
        port = str(free_port())
        self.processes = []
        for rank in range(count):
            environment = dict(os.environ, RANK=str(rank), WORLD_SIZE=str(count), MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
            environment["FASTVIDEO_ATTENTION_DIST_TIMEOUT_S"] = str(TIMEOUT)
            self.processes.append(
                subprocess.Popen(
                    [sys.executable, os.path.join(HERE, "victim.py"), what, str(victim)],
                    env=environment,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            )

    def until_ready(self):
        for process in self.processes:
            while True:
                line = process.stdout.readline()
                if line.startswith("ready"):
                    break
                if not line:
                    raise AssertionError("a rank ended before it was ready")

    def survivors(self, victim):
        """(seconds until it ended, its output) of the others."""
        start, results = time.monotonic(), []
        for rank, process in enumerate(self.processes):
            if rank == victim:
                continue
            output, _ = process.communicate(timeout=60)
            results.append((time.monotonic() - start, output))
        return results

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait()
            process.stdout.close()


class Lost(unittest.TestCase):
    def ranks(self, count, what, victim):
        ranks = Ranks(count, what, victim)
        self.addCleanup(ranks.close)
        ranks.until_ready()
        return ranks

    def told(self, ranks, victim, *says):
        for seconds, output in ranks.survivors(victim):
            self.assertLess(seconds, TIMEOUT + 2, output)
            for text in says:
                self.assertIn(text, output)

    def test_killed_in_the_middle(self):
        for victim in (1, 0):  # rank 0 also hosts the store
            with self.subTest(victim=victim):
                ranks = self.ranks(3, "waits", victim)
                time.sleep(0.3)  # the others are in an exchange by now
                ranks.processes[victim].send_signal(signal.SIGKILL)
                number = ranks.processes[victim].pid
                self.told(ranks, victim, f"rank {victim} (process {number})", "ended, and will not come to agree")

    def test_stuck(self):
        ranks = self.ranks(3, "waits", 2)
        self.told(ranks, 2, "waited 3000 ms in agree for rank 2")

    def test_an_exception_elsewhere(self):
        ranks = self.ranks(2, "raises", 1)
        self.told(ranks, 1, "rank 1 aborted: ", "the tensor is on fire")


if __name__ == "__main__":
    unittest.main()
