"""fvattn bench as a user calls it, on shapes that take no time."""

import csv
import os
import shutil
import tempfile

from harness import OK, UNAVAILABLE, USAGE, FAILED, ProgramTest, main

SMALL = ["--axis", "seq=64", "--axis", "dim=16", "--axis", "heads=2", "--seconds", "0.5"]


class Bench(ProgramTest):
    def setUp(self):
        listed = self.fvattn("list", "--json").json()["backends"]
        if not any(b["backend"] == "TORCH_SDPA" and b["state"] == "ready" for b in listed):
            self.skipTest("no TORCH_SDPA here")

    def test_text(self):
        done = self.ends(OK, "bench", *SMALL, says=["B1 S64 H2 D16", "TFLOP/s", "GB/s", "matmul"])
        self.assertRegex(
            done.out,
            r"TORCH_SDPA  custom  B1 S64 H2 D16  fp32 \| [0-9.e-]+ ms \[.*\] \| .* TFLOP/s \(.* %\) \| .* GB/s \(.* %\) \| ",
        )

    def test_json_and_compare(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        base = os.path.join(folder, "base.json")
        done = self.ends(OK, "bench", *SMALL, "--backward", "--json")
        with open(base, "w") as file:
            file.write(done.out)
        lines = done.json()["lines"]
        self.assertEqual({line["direction"] for line in lines}, {"forward", "backward"})
        for line in lines:
            self.assertGreater(line["ms"], 0)
            self.assertEqual(line["pairs"], 2 * 64 * 64)
            if line["direction"] == "forward":
                self.assertLess(line["error"], 1e-5)
        again = self.ends(OK, "bench", *SMALL, "--compare", base, "--json").json()["lines"]
        self.assertTrue(all(line["of_base"] > 0 for line in again))
        self.ends(FAILED, "bench", *SMALL, "--compare", os.path.join(folder, "none.json"), says="none.json")

    def test_csv(self):
        done = self.ends(OK, "bench", *SMALL, "--csv", "--no-error")
        rows = list(csv.DictReader(done.out.splitlines()))
        self.assertEqual(rows[0]["shape"], "B1 S64 H2 D16")
        self.assertTrue(all(None not in row and None not in row.values() for row in rows))

    def test_host(self):
        costs = self.ends(OK, "bench", "host", "--json").json()["host"]
        found = {cost["what"]: cost["us"] for cost in costs}
        self.assertIn("LocalAttention, a backend that does nothing", found)
        self.assertLess(found["selection from the memo, by name"], 100)

    def test_usage(self):
        self.ends(OK, "bench", "--list", says="wan1.3b-480p")
        self.ends(USAGE, "bench", "--axis", "sek=3", *SMALL, says=["sek", "seq"])
        self.ends(USAGE, "bench", "--preset", "wan", says=["wan", "wan1.3b-480p"])
        self.ends(USAGE, "bench", "--backend", "TORCH_SPDA", *SMALL, says="TORCH_SDPA")
        self.ends(USAGE, "bench", "--dtype", "int8", *SMALL, says="int8")
        self.ends(UNAVAILABLE, "bench", "--device", "cuda:99", *SMALL)


if __name__ == "__main__":
    main([])
