"""The block stack of docs/examples/05_sequence_parallel gives the same on 1, 2 and 4 ranks."""

import re
import shutil
import subprocess
import sys

from harness import OK, ProgramTest, main

if not shutil.which("mpirun"):
    print("skipped: there is no mpirun here")
    sys.exit(77)


class Example(ProgramTest):
    def figures(self, ranks):
        if ranks == 1:
            out = subprocess.run([self.extra["example"]], capture_output=True, text=True, check=True, timeout=60).stdout
        else:
            out = self.ends(OK, "launch", "-n", ranks, "--", self.extra["example"], timeout=60).out
        found = re.fullmatch(r"(\d) rank\(s\) by (\w+): mean (\S+), mean square (\S+), (\S+) KiB from other ranks\n", out)
        self.assertTrue(found, out)
        return found.groups()

    def test_equal_output(self):
        alone = self.figures(1)
        self.assertEqual(alone[:2], ("1", "local"))
        self.assertGreater(float(alone[3]), 0.1)
        for ranks in (2, 4):
            spread = self.figures(ranks)
            self.assertEqual(spread[:2], (str(ranks), "mpi"))
            self.assertAlmostEqual(float(spread[2]), float(alone[2]), delta=2e-5)
            self.assertAlmostEqual(float(spread[3]), float(alone[3]), delta=2e-5)
            self.assertGreater(float(spread[4]), 0)


if __name__ == "__main__":
    main(["example"])
