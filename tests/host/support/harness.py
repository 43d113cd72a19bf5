"""Runs the program in a clean environment and checks how it ends."""

import json
import os
import subprocess
import sys
import unittest

OK, FAILED, USAGE, UNAVAILABLE = 0, 1, 2, 3


class Finished:
    def __init__(self, process):
        self.code, self.out, self.err = process.returncode, process.stdout, process.stderr

    def json(self):
        return json.loads(self.out)


class ProgramTest(unittest.TestCase):
    """program: path of fvattn; extra: further arguments of the test program, by name."""

    program = None
    extra = {}

    def fvattn(self, *args, env=None, stdout=None, cwd=None, timeout=120):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("FASTVIDEO_ATTENTION_")}
        environment["HOME"] = environment["XDG_CONFIG_HOME"] = environment["XDG_DATA_HOME"] = "/nonexistent"
        environment.update(env or {})
        return Finished(
            subprocess.run(
                [self.program, *map(str, args)],
                env=environment,
                cwd=cwd,
                timeout=timeout,
                text=True,
                stdout=stdout or subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        )

    def ends(self, expected_code, *args, says=(), **kw):
        """The program ends with this code, and all of `says` appear in what it prints."""
        done = self.fvattn(*args, **kw)
        printed = (done.out or "") + done.err
        self.assertEqual(done.code, expected_code, f"{args}\n{printed}")
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text, printed, f"{args}")
        return done


def main(names):
    """test.py FVATTN VALUE...: the values are given to the tests by `names`."""
    if len(sys.argv) < 2 + len(names):
        sys.exit("usage: %s FVATTN %s" % (sys.argv[0], " ".join(names)))
    ProgramTest.program = os.path.abspath(sys.argv[1])
    ProgramTest.extra = dict(zip(names, sys.argv[2:]))
    unittest.main(argv=[sys.argv[0], *sys.argv[2 + len(names) :]])
