"""Verbs that are programs of their own, as in git."""

import os
import shutil
import subprocess
import tempfile

from harness import OK, USAGE, ProgramTest, main


class Dispatch(ProgramTest):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def script(self, *path, text='echo "$0: $*"; exit 7', mode=0o755):
        name = os.path.join(self.folder, *path)
        os.makedirs(os.path.dirname(name), exist_ok=True)
        with open(name, "w") as file:
            file.write("#!/bin/sh\n" + text + "\n")
        os.chmod(name, mode)
        return name

    def test_no_verb_and_help(self):
        self.ends(USAGE, says=["usage", "list"])
        for words in (["help"], ["--help"], ["-h"]):
            self.assertIn("exit codes", self.ends(OK, *words).out)
        self.ends(USAGE, "--json", "list", says="verb comes first")

    def test_typo(self):
        self.ends(USAGE, "lsit", says="did you mean 'fvattn list'?")
        self.ends(USAGE, "explian", "--seq", 3, says="fvattn explain")
        self.ends(USAGE, "xyzzyxyzzy", says=["xyzzyxyzzy", "fvattn help"])
        self.ends(USAGE, "../list", says="../list")
        self.ends(USAGE, "config", "shwo", says="fvattn config show")
        self.ends(USAGE, "config", says="show")
        self.ends(OK, "config", "--help", says="show")
        self.ends(OK, "help", "plugin", says="check")
        self.ends(OK, "plugin", "help", "new", says="fvattn plugin new")

    def test_plugin_folder(self):
        env = {"FASTVIDEO_ATTENTION_PLUGIN_PATH": self.folder}
        path = self.script("fvattn-hello")
        done = self.ends(7, "hello", "a b", "--json", env=env)
        self.assertEqual(done.out, path + ": a b --json\n")
        self.ends(OK, "help", env=env, says=path)
        self.ends(USAGE, "helo", env=env, says="fvattn hello")
        self.ends(7, "help", "hello", env=env, says="--help")
        nested = self.script("mine", "fvattn-nested")
        self.assertEqual(self.ends(7, "nested", env=env).out, nested + ": \n")

    def test_trust(self):
        env = {"FASTVIDEO_ATTENTION_PLUGIN_PATH": self.folder}
        path = self.script("fvattn-open", mode=0o777)
        self.ends(USAGE, "open", env=env, says=[path, "can be written by everybody"])
        self.ends(7, "open", env=dict(env, FASTVIDEO_ATTENTION_PLUGIN_TRUST="any"))
        self.script("fvattn-mine")
        self.ends(USAGE, "mine", env=dict(env, FASTVIDEO_ATTENTION_PLUGIN_TRUST="core"), says="trust is core")
        self.script("sub", "fvattn-inner")
        os.chmod(os.path.join(self.folder, "sub"), 0o777)
        self.ends(USAGE, "inner", env=env, says="can be written by everybody")

    def test_not_executable_and_odd_names(self):
        env = {"FASTVIDEO_ATTENTION_PLUGIN_PATH": self.folder}
        self.script("fvattn-plain", mode=0o644)
        self.ends(USAGE, "plain", env=env)
        self.script("fvattn-Odd.sh")
        self.ends(USAGE, "Odd.sh", env=env)

    def test_path_is_last_and_absolute(self):
        self.script("bin", "fvattn-onpath", text="exit 9")
        bin_folder = os.path.join(self.folder, "bin")
        self.ends(9, "onpath", env={"PATH": bin_folder + ":/usr/bin:/bin"})
        self.ends(USAGE, "onpath", env={"PATH": "bin:.:/usr/bin:/bin"}, cwd=self.folder)
        self.script("plugins", "fvattn-onpath", text="exit 8")
        self.ends(
            8,
            "onpath",
            env={
                "PATH": bin_folder + ":/usr/bin:/bin",
                "FASTVIDEO_ATTENTION_PLUGIN_PATH": os.path.join(self.folder, "plugins"),
            },
        )
        self.script("bin", "fvattn-list", text="exit 9")
        self.ends(OK, "list", env={"PATH": bin_folder + ":/usr/bin:/bin"})

    def test_moved_prefix(self):
        prefix = os.path.join(self.folder, "moved")
        root = os.path.dirname(os.path.dirname(self.program))
        for part in ("bin/fvattn", "lib/libfvattn.so.1", "libexec/fvattn/plugin-probe"):
            os.makedirs(os.path.dirname(os.path.join(prefix, part)), exist_ok=True)
            shutil.copy(os.path.join(root, part), os.path.join(prefix, part))
        verb = self.script("moved", "libexec", "fvattn", "fvattn-shipped")
        env = {"LD_LIBRARY_PATH": os.path.join(prefix, "lib"), "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            [os.path.join(prefix, "bin", "fvattn"), "shipped", "x"], env=env, text=True, stdout=subprocess.PIPE
        )
        self.assertEqual((done.returncode, done.stdout), (7, verb + ": x\n"))


if __name__ == "__main__":
    main(["plugins"])
