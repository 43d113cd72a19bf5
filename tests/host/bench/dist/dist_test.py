"""fvattn bench dist on the CPU: figures that fit each other, and figures that cannot be."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from harness import FAILED, OK, UNAVAILABLE, USAGE, ProgramTest, main

needs_mpirun = unittest.skipUnless(shutil.which("mpirun"), "there is no mpirun here")


class Dist(ProgramTest):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.file = os.path.join(self.folder, "dist.json")

    def bench(self, *args, code=OK, ranks=2, transports="threads", says=()):
        done = self.ends(code, "bench", "dist", "--threads", ranks, "--transports", transports, "--device", "cpu", "--quick",
                         "--json", self.file, *args, says=says)
        return done, json.load(open(self.file))

    def check_figures(self, record, ranks, transport):
        self.assertNotIn("failed", record)
        self.assertEqual(record["transports"][transport], "ready")
        self.assertEqual(len(record["machine"]["ranks"]), ranks)
        self.assertGreaterEqual(len(record["exchange"]), 4)
        for line in record["exchange"]:
            self.assertTrue(line["right"], line)
            self.assertGreater(line["ms"]["p10"], 0)
            self.assertLessEqual(line["ms"]["p10"], line["ms"]["median"])
            self.assertLessEqual(line["ms"]["median"], line["ms"]["p90"])
            gbps = line["remote_bytes"] / line["ms"]["median"] / 1e6
            self.assertAlmostEqual(line["gbps"], gbps, delta=1e-3 * gbps)
            # Remote bytes only: of the busiest rank, which has the larger share of what does not divide.
            rows, heads = (-(-line[name] // ranks) for name in ("rows", "heads"))
            element, scatters = 2 * line["dim"] * line["tensors"], line["pattern"] == "scatter_heads"
            others = (line["rows"] - rows) * heads if scatters else (line["heads"] - heads) * rows
            self.assertAlmostEqual(line["remote_bytes"], others * element, delta=element * max(rows, heads))
        for line in record["block"]:
            if "not available" in line:  # a plugin that is not in this build
                continue
            self.assertLess(line["error"], 1e-5, line)
            self.assertAlmostEqual(line["efficiency"], line["t1_ms"] / (ranks * line["t2_ms"]), places=9)
            self.assertAlmostEqual(line["of_ideal"], line["t2_ms"] / (line["t1_ms"] / ranks + line["exchange_ms"]), places=9)
            # float32 elements count as two of the exchange's 16 bits each: both kinds of cost are there.
            self.assertGreater(line["exchange_ms"], 0)
            ratio = line["t1_tflops"] * line["t1_ms"] / (line["t2_tflops_each"] * line["t2_ms"])
            self.assertAlmostEqual(ratio, ranks, delta=1e-6)
        self.assertEqual([line["transport"] for line in record["latency"]], [transport])
        for line in record["stages"]:
            parts = sum(line[name] for name in ("start_and_end_ms", "wire_ms", "copies_ms", "rest_ms"))
            self.assertAlmostEqual(parts, line["total_ms"], places=9)

    def test_threads(self):
        for ranks in (2, 3):
            done, record = self.bench(ranks=ranks)
            self.check_figures(record, ranks, "threads")
            self.assertIn("T1/(P T2)", done.out)
            self.assertTrue(all(line["copies"] == 0 for line in record["exchange"]))

    def test_what_cannot_be_fails(self):
        _, record = self.bench("--link-limit", 1e-7, "--peak", 1e-7, code=FAILED, says="figures are above what can be")
        for what in ("GB/s above 1e-07 (--link-limit)", "TFLOP/s above 1e-07 (--peak)"):
            self.assertTrue(any(what in text for text in record["impossible"]), record["impossible"])
        self.assertTrue(record["exchange"], "the figures are kept")

    def test_a_run_that_is_cut_keeps_what_it_had(self):
        words = [self.program, "bench", "dist", "--threads", "2", "--transports", "threads", "--device", "cpu", "--seconds",
                 "100", "--json", self.file]
        run = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and not (os.path.exists(self.file) and "exchange" in json.load(open(self.file))):
            time.sleep(0.05)
        run.send_signal(signal.SIGKILL)
        run.wait()
        record = json.load(open(self.file))
        self.assertIn("machine", record)
        self.assertGreaterEqual(len(record["exchange"]), 1)

    def test_time_that_is_up(self):
        _, record = self.bench("--seconds", 1e-6)
        self.assertIn("block, FLASH_ATTN on small", record["left_out"])
        self.assertNotIn("exchange", record)

    def test_one_document(self):
        done = self.ends(OK, "bench", "dist", "--threads", 2, "--transports", "threads", "--device", "cpu", "--quick",
                         "--part", "latency", "--json")
        self.assertEqual(list(done.json()["latency"][0]), ["transport", "us", "host_us", "runs"])

    def test_what_is_not_there(self):
        _, record = self.bench("--part", "latency", transports="peer,threads")
        self.assertTrue(record["transports"]["peer"].startswith("not available: rank 0: "), record["transports"])
        self.bench(transports="nccl", code=UNAVAILABLE, says="none of the transports connects these ranks")
        self.ends(USAGE, "bench", "dist", "--threads", 2, "--transports", "pear", says=["pear", "peer"])
        self.ends(USAGE, "bench", "dist", says="fvattn launch -n 2")

    @needs_mpirun
    def test_processes(self):
        self.ends(OK, "launch", "-n", 2, "--", "fvattn", "bench", "dist", "--device", "cpu", "--transports", "mpi",
                  "--quick", "--json", self.file)
        self.check_figures(json.load(open(self.file)), 2, "mpi")

    def test_ranks_that_meet_at_a_store(self):
        """As GPUs are launched: agreement works, and rank 0 has said all before the others end."""
        done = self.ends(UNAVAILABLE, "launch", "-n", 2, "--device", "cuda", "--", "fvattn", "bench", "dist", "--device",
                         "cpu", "--part", "exchange", "--json", self.file, says="store connects these ranks")
        record = json.load(open(self.file))
        self.assertEqual(len(record["machine"]["ranks"]), 2)
        self.assertEqual(done.err.count("bench dist: error"), 1, done.err)


if __name__ == "__main__":
    main([])
