"""list, explain, doctor, config, version: what they print, and how they end."""

import json
import os
import shutil

import subprocess
import tempfile
import time

from harness import FAILED, OK, UNAVAILABLE, USAGE, ProgramTest, main

BACKEND = "HOSTTEST_ATTN"


class Light(ProgramTest):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.good = os.path.join(self.extra["plugins"], "good")
        self.env = {"FASTVIDEO_ATTENTION_PLUGIN_PATH": self.good}

    # every verb
    def test_help_has_an_example(self):
        for verb in (
            ["list"],
            ["explain"],
            ["doctor"],
            ["config", "show"],
            ["config", "path"],
            ["config", "init"],
            ["plugin", "new"],
            ["plugin", "check"],
            ["version"],
        ):
            self.ends(OK, *verb, "--help", says=["Example:", "fvattn " + " ".join(verb), "--json"])
            self.ends(OK, "help", *verb, says="Example:")
            self.ends(USAGE, *verb, "--nonsense", says=["--nonsense", "error"])
            self.ends(USAGE, *verb, "--jsno", says="--json")

    def test_full_standard_output(self):
        with open("/dev/full", "w") as full:
            self.ends(FAILED, "list", "--json", env=self.env, stdout=full, says="standard output")

    # list
    def test_list(self):
        self.ends(OK, "list", env=self.env, says=[BACKEND, "org.example.hosttest", "ready", "float32", "exact"])
        self.ends(
            OK, "list", "-v", env=self.env, says=["sha256", os.path.join(self.good, "libfvattn_hosttest.so"), "causal"]
        )
        found = {b["backend"]: b for b in self.ends(OK, "list", "--json", env=self.env).json()["backends"]}
        self.assertEqual(found[BACKEND]["state"], "ready")
        self.assertEqual(found[BACKEND]["class"], "exact")
        self.assertEqual(found[BACKEND]["path"], os.path.join(self.good, "libfvattn_hosttest.so"))

    def test_list_says_why_not(self):
        copy = os.path.join(self.folder, "open")
        shutil.copytree(self.good, copy)
        os.chmod(os.path.join(copy, "libfvattn_hosttest.so"), 0o777)
        env = {"FASTVIDEO_ATTENTION_PLUGIN_PATH": copy}
        self.ends(OK, "list", env=env, says=["refused", "can be written by everybody"])
        env["FASTVIDEO_ATTENTION_PLUGIN_TRUST"] = "any"
        self.ends(OK, "list", env=env, says="ready")
        env = dict(self.env, FASTVIDEO_ATTENTION_PLUGINS_DISABLE="org.example.*")
        self.assertNotIn(BACKEND, self.ends(OK, "list", env=env).out)
        self.ends(OK, "list", "-v", env=env, says=[BACKEND, "disabled"])
        twice = shutil.copytree(self.good, os.path.join(self.folder, "twice"))
        self.ends(
            OK, "list", "-v", env={"FASTVIDEO_ATTENTION_PLUGIN_PATH": self.good + ":" + twice}, says=["ready", "shadowed"]
        )

    def test_list_of_nothing_says_where_it_looked(self):
        self.ends(
            OK,
            "list",
            env={"FASTVIDEO_ATTENTION_PLUGIN_FILES": "", "FASTVIDEO_ATTENTION_PLUGINS_DISABLE": "*"},
            says="doctor",
        )

    def test_list_is_instant_and_has_no_torch(self):
        loaded = subprocess.run(
            [self.program, "list"], env={"LD_TRACE_LOADED_OBJECTS": "1"}, text=True, stdout=subprocess.PIPE
        ).stdout
        self.assertIn("libfvattn.so", loaded)
        for name in ("torch", "c10", "cuda"):
            self.assertNotIn(name, loaded)
        times = []
        for _ in range(5):
            start = time.monotonic()
            self.ends(OK, "list")
            times.append(time.monotonic() - start)
        self.assertLess(min(times), 0.05)

    # explain
    def test_explain(self):
        shape = ["--shape", "3x4x5", "--heads", 4, "--kv-heads", 2, "--dim", 64, "--dtype", "fp32"]
        done = self.ends(OK, "explain", *shape, "--backend", BACKEND, "--json", env=self.env).json()
        self.assertEqual(done["selection"]["backend"], BACKEND)
        self.assertEqual(done["selection"]["source"], "explicit argument")
        self.assertEqual(done["dense_pairs"], 4 * 60 * 60)
        self.assertTrue(any(c["chosen"] and all(s["passed"] for s in c["stages"]) for c in done["candidates"]))
        self.ends(
            OK,
            "explain",
            *shape,
            env=dict(self.env, FASTVIDEO_ATTENTION_BACKEND=BACKEND),
            says=["environment", BACKEND, "chosen"]
        )
        self.ends(
            OK,
            "explain",
            "--seq",
            60,
            "--dtype",
            "fp32",
            "--backend",
            BACKEND,
            "--param",
            "causal=true",
            env=self.env,
            says="causal",
        )

    def test_explain_refusals(self):
        seq = ["explain", "--seq", 64, "--dtype", "float32", "--backend"]
        self.ends(UNAVAILABLE, *seq, BACKEND, "--backward", env=self.env, says=["BACKWARD"])
        self.ends(UNAVAILABLE, *seq, BACKEND, "--tensor", "mask=bool:1x64", env=self.env, says=BACKEND)
        self.ends(
            UNAVAILABLE,
            "explain",
            "--seq",
            64,
            "--dtype",
            "bf16",
            "--backend",
            BACKEND,
            env=self.env,
            says=["bfloat16", "float32"],
        )
        self.ends(USAGE, *seq, "HOSTTSET_ATTN", env=self.env, says=["HOSTTSET_ATTN", BACKEND])
        self.ends(USAGE, *seq, BACKEND, "--param", "window=3", env=self.env, says=["window", BACKEND])
        failed = self.ends(USAGE, *seq, "NOBODY", "--json", env=self.env).json()
        self.assertIsNone(failed["selection"])
        self.assertIn("NOBODY", failed["error"]["text"])
        # The environment is consulted only where nobody decided before.
        self.ends(OK, *seq, BACKEND, env=dict(self.env, FASTVIDEO_ATTENTION_BACKEND="NOBODY"))
        self.ends(
            USAGE,
            "explain",
            "--seq",
            64,
            env=dict(self.env, FASTVIDEO_ATTENTION_BACKEND="NOBODY"),
            says="FASTVIDEO_ATTENTION_BACKEND",
        )

    def test_explain_usage(self):
        for args in (
            [],
            ["--seq", 0],
            ["--seq", "x"],
            ["--shape", "3x4"],
            ["--shape", "3x0x4"],
            ["--shape", "axbxc"],
            ["--seq", 4, "--shape", "1x2x3"],
            ["--seq", 4, "--dtype", "float33"],
            ["--seq", 4, "--heads", 6, "--kv-heads", 4],
            ["--seq", 4, "--role", "both"],
            ["--seq", 4, "--device", "gpu"],
            ["--seq", 4, "--tensor", "mask"],
            ["--seq", 4, "--tensor", "mask=bool:ax2"],
            ["--seq", 4, "--param", "causal"],
            ["--seq", 4, "--param", "causal=3"],
            ["--seq", 4, "--param", "x={}"],
        ):
            self.ends(USAGE, "explain", *args, env=self.env, says="error")
        self.ends(FAILED, "explain", "--seq", 4, "--params", "/nonexistent.json", env=self.env, says="/nonexistent.json")

    # doctor
    def test_doctor(self):
        self.ends(
            OK, "doctor", env=self.env, cwd=self.folder, says=["✓", self.good, "cpu", "writable", "plugins can be used"]
        )
        groups = self.ends(OK, "doctor", "--json", env=self.env, cwd=self.folder).json()
        for group in ("program", "devices", "torch", "plugins", "environment", "writing"):
            self.assertIn(group, groups)
        self.ends(
            FAILED,
            "doctor",
            env=dict(self.env, FASTVIDEO_ATTENTION_BACKNED="X"),
            says=["FASTVIDEO_ATTENTION_BACKNED", "did you mean FASTVIDEO_ATTENTION_BACKEND"],
        )
        self.ends(
            FAILED, "doctor", env=dict(self.env, FASTVIDEO_ATTENTION_SETTINGS="/nonexistent.toml"), says="/nonexistent.toml"
        )

    # config
    def test_config(self):
        path = os.path.join(self.folder, "settings", "fvattn.toml")
        env = {"FASTVIDEO_ATTENTION_SETTINGS": path}
        self.assertEqual(self.ends(OK, "config", "path", env=env).out.strip(), path)
        self.ends(OK, "config", "init", env=env, says=path)
        self.ends(FAILED, "config", "init", env=env, says="--force")
        self.ends(OK, "config", "init", "--force", env=env)
        self.ends(OK, "config", "show", env=env, says=["FASTVIDEO_ATTENTION_BACKEND", "default", path])
        with open(path) as file:
            text = file.read()
        self.assertIn("# backend", text)
        # Every key of the file it writes is one that is read.
        with open(path, "w") as file:
            file.write(
                "\n".join(line[2:] if line.startswith("# ") and " = " in line else line for line in text.splitlines())
            )
        shown = self.ends(OK, "config", "show", "--json", env=env).json()
        self.assertEqual(shown["notes"], [])
        values = {v["name"]: v for v in shown["values"]}
        self.assertEqual(values["FASTVIDEO_ATTENTION_BACKEND"]["value"], "auto")
        self.assertIn(path, values["FASTVIDEO_ATTENTION_BACKEND"]["source"])
        env["FASTVIDEO_ATTENTION_BACKEND"] = "TORCH_SDPA"
        self.ends(OK, "config", "show", env=env, says=["TORCH_SDPA", "environment"])
        with open(path, "w") as file:
            file.write("bakcend = 'X'\n")
        self.ends(OK, "config", "show", env=env, says=["bakcend", "did you mean 'backend'"])

    def test_config_cannot_be_written(self):
        self.ends(
            FAILED, "config", "init", "--force", env={"FASTVIDEO_ATTENTION_SETTINGS": "/dev/full"}, says="No space left"
        )
        self.ends(FAILED, "config", "init", env={"FASTVIDEO_ATTENTION_SETTINGS": "/proc/none/x.toml"}, says="/proc/none")

    # version
    def test_version(self):
        self.assertEqual(self.ends(OK, "--version").out, self.ends(OK, "version").out)
        self.assertIn("version", json.loads(self.ends(OK, "version", "--json").out))


if __name__ == "__main__":
    main(["plugins"])
