"""Ranks that meet at a store: what goes wrong on one ends all, soon and with words. Needs neither MPI nor a GPU."""

import os
import socket
import subprocess
import sys
import time
import unittest

PROGRAM = None
RANKS = 3


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class StoreFaults(unittest.TestCase):
    def job(self, mode, warm_up=20):
        """What each rank said, or None if it was ended here."""
        port, running = str(free_port()), []
        for rank in range(RANKS):
            variables = {"RANK": str(rank), "SIZE": str(RANKS), "LOCAL_RANK": str(rank), "ADDRESS": "127.0.0.1",
                         "PORT": port, "TIMEOUT_S": "0.8", "WARM_UP_S": str(warm_up)}  # fmt: skip
            environment = dict(os.environ, **{"FASTVIDEO_ATTENTION_DIST_" + k: v for k, v in variables.items()})
            running.append(subprocess.Popen([PROGRAM, mode], env=environment, text=True, stdout=subprocess.PIPE,
                                            stderr=subprocess.DEVNULL))  # fmt: skip
        lost = {"kill", "sleep", "never starts"}
        start, texts = time.monotonic(), []
        for rank, process in enumerate(running):
            if rank == 1 and mode in lost:
                texts.append(None)
                continue
            out, _ = process.communicate(timeout=30)
            self.assertEqual(process.returncode, 0, out)
            texts.append(dict(line.split(": ", 1) for line in out.splitlines()))
        self.assertLess(time.monotonic() - start, 15)
        running[1].kill()
        running[1].communicate()
        return texts

    def all_say(self, texts, *parts, but=()):
        for rank, said in enumerate(texts):
            for part in parts:
                if rank not in but:
                    self.assertIn(part, said[f"rank {rank}"])

    def test_told(self):
        for mode, parts in (
            ("differ", ["ranks disagree on the answer; got rank 0: 42, rank 1: 41, rank 2: 42"]),
            ("operation", ["got rank 0: barrier; rank 1: agree; rank 2: barrier"]),
            ("abort", ["rank 1 aborted: out of memory"]),
        ):
            texts = self.job(mode)
            self.all_say(texts, *parts)
            for rank, said in enumerate(texts):
                self.assertEqual(said[f"rank {rank}, the other"], "ok")

    def test_lost(self):
        self.all_say(self.job("leave"), "rank 1 has left, and will not come to barrier", but=[1])
        self.all_say(self.job("kill"), "rank 1 (process ", ") has ended, and will not come to barrier", but=[1])
        texts = self.job("sleep")
        self.assertIn("ms in barrier for rank 1", texts[0]["rank 0"])
        texts = self.job("never starts", warm_up=1)
        self.assertIn("ms in the start of distributed attention for rank 1", texts[0]["rank 0"])


if __name__ == "__main__":
    PROGRAM = sys.argv[1]
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
