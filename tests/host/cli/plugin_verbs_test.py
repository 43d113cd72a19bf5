"""plugin new and plugin check."""

import os
import shutil
import subprocess
import tempfile

from harness import FAILED, OK, USAGE, ProgramTest, main


class PluginVerbs(ProgramTest):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def test_new(self):
        to = os.path.join(self.folder, "mine")
        written = self.ends(OK, "plugin", "new", "mine_2", to, "--json").json()["files"]
        self.assertEqual(sorted(os.listdir(to)), sorted(map(os.path.basename, written)))
        self.assertLessEqual(len(written), 5)
        self.assertIn("mine_2.fvattn.toml.in", os.listdir(to))
        text = "".join(open(file).read() for file in written)
        self.assertIn("MINE_2_ATTN", text)
        self.assertNotIn("@name@", text)
        self.assertNotIn("@NAME@", text)
        self.ends(FAILED, "plugin", "new", "mine_2", to, says="not empty")
        self.ends(OK, "plugin", "new", "other", cwd=self.folder, says="cmake -S other")
        self.assertTrue(os.path.isfile(os.path.join(self.folder, "other", "CMakeLists.txt")))

    def test_new_refuses(self):
        for name in ("Mine", "9x", "a-b", "a/b", "..", "", "torch", "torch_ops", "x" * 41):
            self.ends(USAGE, "plugin", "new", name, os.path.join(self.folder, "x"), says="name")
        self.assertEqual(os.listdir(self.folder), [])
        self.ends(USAGE, "plugin", "new", says="NAME")
        self.ends(FAILED, "plugin", "new", "mine", "/proc/none/mine", says="/proc/none")

    def test_new_on_a_full_disk_leaves_nothing(self):
        to = os.path.join(self.folder, "mine")
        # Blocks of 512 bytes: the first file fits, a later one does not.
        command = ["sh", "-c", 'ulimit -f 4; exec "$@"', "sh", self.program, "plugin", "new", "mine", to]
        done = subprocess.run(command, text=True, capture_output=True)
        self.assertEqual(done.returncode, FAILED, done.stderr)
        self.assertIn(to, done.stderr)
        self.assertEqual(os.listdir(self.folder), [])

    def test_check(self):
        good = os.path.join(self.extra["plugins"], "good", "libfvattn_hosttest.so")
        done = self.ends(OK, "plugin", "check", good, "--json").json()
        self.assertEqual(done["failed"], 0)
        names = [check["check"] for check in done["checks"]]
        for step in ("elf", "manifest", "entry point", "search", "load", "query"):
            self.assertIn(step, names)

    def test_check_survives_what_it_loads(self):
        dying = os.path.join(self.extra["plugins"], "dying", "libfvattn_dying.so")
        self.ends(FAILED, "plugin", "check", dying, says=["Aborted", "after step loading"])
        self.ends(
            FAILED,
            "plugin",
            "check",
            dying,
            "--timeout",
            1,
            env={"DYING_HANGS": "1"},
            says="no answer within 1 s after step loading",
        )

    def test_check_of_no_plugin(self):
        self.ends(FAILED, "plugin", "check", "/etc/passwd", says="ELF")
        self.ends(FAILED, "plugin", "check", os.path.join(self.folder, "none.so"), says="none.so")
        self.ends(FAILED, "plugin", "check", self.folder, says=self.folder)
        self.ends(USAGE, "plugin", "check", says="FILE")
        self.ends(USAGE, "plugin", "check", "/etc/passwd", "--timeout", 0, says="timeout")


if __name__ == "__main__":
    main(["plugins"])
