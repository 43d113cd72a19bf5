"""fvattn run with bad input: a clear message, the right exit code, no half-written file."""

import os
import shutil
import subprocess
import tempfile

from harness import FAILED, OK, UNAVAILABLE, USAGE, ProgramTest, main
from tensors import load, np, save

BACKEND = "HOSTTEST_ATTN"


class Errors(ProgramTest):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.input, self.output = (os.path.join(self.folder, name) for name in ("in.safetensors", "out.safetensors"))
        self.env = {"FASTVIDEO_ATTENTION_PLUGIN_PATH": self.extra["plugins"]}

    def tensors(self, **changes):
        """q, k, v [2, 5, 4, 8] with 2 kv heads; None removes one, an array or a shape replaces or adds one."""
        shapes = dict(q=(2, 5, 4, 8), k=(2, 7, 2, 8), v=(2, 7, 2, 8))
        shapes.update(changes)
        rng = np.random.default_rng()
        return {
            n: s if isinstance(s, np.ndarray) else rng.standard_normal(s).astype(np.float32)
            for n, s in shapes.items()
            if s is not None
        }

    def refused(self, code, says, *args, tensors=None, env=None):
        if tensors is not None:
            save(self.input, tensors)
        before = sorted(os.listdir(self.folder))
        words = ["run", "--input", self.input, "--output", self.output, "--backend", BACKEND]
        done = self.ends(code, *words, *args, env=dict(self.env, **(env or {})), says=says)
        self.assertTrue(done.err.strip().splitlines()[0].startswith("fvattn run: "))
        self.assertEqual(sorted(os.listdir(self.folder)), before)
        return done

    def test_help_and_usage(self):
        self.ends(OK, "run", "--help", says=["Example:", "--param", "--json"])
        self.ends(USAGE, "run", says="--input")
        self.ends(USAGE, "run", "--inptu", "x", "--output", "y", says="--input")
        save(self.input, self.tensors())
        for args, says in (
            (["--device", "gpu"], "gpu"),
            (["--dtype", "int8"], "int8"),
            (["--param", "causal"], "KEY=JSON"),
            (["--param", "causal=3"], "causal"),
            (["--param", "causl=true"], "'causal'"),
            (["--param", "x=[1"], "'x'"),
            (["--param", "dropout_p=2"], "dropout_p"),
            (["--param", "text_length=-1"], "text_length"),
            (["--param", "softmax_scale=big"], "softmax_scale"),
            (["--param", "window_size=[1,1,1]"], "window_size"),
        ):
            self.refused(USAGE, says, *args)

    def test_unknown_key_lists_each_known_one_once(self):
        save(self.input, {name: np.ones((1, 8, 1, 64), np.float32) for name in "qkv"})
        listed = self.ends(OK, "list", "--json", env=self.env).json()["backends"]
        for name in [b["backend"] for b in listed if b["state"] == "ready"]:
            done = self.fvattn("run", "--input", self.input, "--output", self.output, "--backend", name, "--param",
                               "current_timestpe=1", env=self.env)
            self.assertEqual(done.code, USAGE, done.err)
            known = done.err.split("accepted: ")[1].split("; ")[0].split(", ")
            self.assertEqual(sorted(known), sorted(set(known)))
            self.assertIn("did you mean 'current_timestep'?", done.err)

    def test_json_error(self):
        save(self.input, self.tensors(v=None))
        error = self.refused(FAILED, [], "--json").json()["error"]
        self.assertIn("'v' is missing", error["text"])

    def test_files(self):
        self.refused(FAILED, [self.input, "No such file"])
        with open(self.input, "wb") as file:
            file.write(b"this is no safetensors file at all, whatever its name says")
        self.refused(FAILED, "not a safetensors file")
        save(self.input, self.tensors())
        with open(self.input, "rb") as file:
            whole = file.read()
        with open(self.input, "wb") as file:
            file.write(whole[:-5])
        self.refused(FAILED, "cut short")
        with open(self.input, "wb") as file:
            file.write(whole)
        params = os.path.join(self.folder, "p.json")
        self.refused(FAILED, "p.json", "--params", params)
        with open(params, "w") as file:
            file.write('{"causal": true, "causal": false}')
        self.refused(FAILED, "twice", "--params", params)

    def test_shapes_and_dtypes(self):
        half = np.zeros((2, 7, 2, 8), np.float16)
        for says, changes in (
            ("'q' is missing", dict(q=None)),
            ("'k' is missing", dict(k=None)),
            ("rank", dict(q=(2, 5, 8))),
            ("rank", dict(k=(14, 2, 8), v=(14, 2, 8))),
            ("'k'", dict(k=(1, 7, 2, 8))),
            ("'k'", dict(k=(2, 7, 2, 16))),
            ("'v'", dict(v=(2, 6, 2, 8))),
            ("'v'", dict(v=(2, 7, 4, 8))),
            ("multiple", dict(k=(2, 7, 3, 8), v=(2, 7, 3, 8))),
            ("dtype of q", dict(k=half)),
            ("dtype of q", dict(v=half)),
            ("wrong dtype", dict(q=np.zeros((2, 5, 4, 8), np.int32))),
            ("no heads", dict(q=(2, 5, 0, 8), k=(2, 7, 0, 8), v=(2, 7, 0, 8))),
            ("text_q, text_k and text_v", dict(text_q=(2, 3, 4, 8))),
            ("'text_k'", dict(text_q=(2, 3, 4, 8), text_k=(2, 4, 2, 8), text_v=(2, 3, 2, 8))),
            ("'text_q'", dict(text_q=(2, 3, 2, 8), text_k=(2, 3, 2, 8), text_v=(2, 3, 2, 8))),
            ("'d_o'", dict(d_o=(2, 5, 4, 4))),
            ("'d_o'", dict(d_o=np.zeros((2, 5, 4, 8), np.float64))),
            ("d_text_o", dict(d_o=(2, 5, 4, 8), d_text_o=(2, 3, 4, 8))),
            ("d_text_o", dict(d_text_o=(2, 3, 4, 8))),
            ("'mask'", dict(mask=np.ones((2, 6), np.bool_))),
            ("'mask'", dict(mask=np.ones((), np.bool_))),
            ("'mask'", dict(mask=np.ones((1, 1, 1, 1, 7), np.bool_))),
            ("'mask'", dict(mask=np.ones((2, 7), np.int16))),
            ("'gate_compress'", dict(gate_compress=(2, 5, 2, 8))),
            ("'cu_seqlens_q'", dict(cu_seqlens_q=np.zeros((2,), np.int64))),
        ):
            with self.subTest(says=says, changes=sorted(changes)):
                self.refused(FAILED, says, tensors=self.tensors(**changes))

    def test_tensors_nobody_knows(self):
        self.refused(FAILED, ["msak", "did you mean 'mask'?"], tensors=self.tensors(msak=(2, 7)))
        self.refused(FAILED, "gate_compres", tensors=self.tensors(gate_compres=(2, 5, 4, 8)))

    def test_what_the_backend_refuses(self):
        self.refused(UNAVAILABLE, [BACKEND, "mask"], tensors=self.tensors(mask=np.ones((2, 7), np.bool_)))
        self.refused(UNAVAILABLE, [BACKEND, "BACKWARD"], tensors=self.tensors(d_o=(2, 5, 4, 8)))
        self.refused(UNAVAILABLE, [BACKEND, "float32"], "--dtype", "float64", tensors=self.tensors())
        several = self.tensors(mask=np.ones((2, 7), np.bool_), d_o=(2, 5, 4, 8))
        every = [f"{BACKEND}` is not supported because:", "[MASK]", "[BACKWARD]", "[DTYPE]"]
        self.refused(UNAVAILABLE, every, "--dtype", "float64", tensors=several)
        text = dict(text_q=(2, 3, 4, 8), text_k=(2, 3, 2, 8), text_v=(2, 3, 2, 8))
        self.refused(USAGE, "text_length", "--param", "text_length=3", tensors=self.tensors(**text))

    def test_no_such_device(self):
        save(self.input, self.tensors())
        self.refused(UNAVAILABLE, "cuda:99", "--device", "cuda:99")

    def test_output_that_cannot_be_written(self):
        save(self.input, self.tensors())
        words = ["run", "--backend", BACKEND, "--input", self.input, "--output"]
        self.ends(FAILED, *words, "/dev/full", env=self.env, says=["/dev/full", "No space left"])
        self.ends(FAILED, *words, os.path.join(self.folder, "none", "out"), env=self.env, says="none")
        self.ends(FAILED, *words, self.folder, env=self.env, says="directory")
        self.assertEqual(os.listdir(self.folder), ["in.safetensors"])

    def test_a_full_disk_leaves_the_old_file(self):
        save(self.input, self.tensors(q=(2, 500, 4, 8)))
        with open(self.output, "w") as file:
            file.write("old")
        limited = subprocess.run(
            [
                "sh",
                "-c",
                'ulimit -f 4; exec "$@"',
                "sh",
                self.program,
                "run",
                "--backend",
                BACKEND,
                "--input",
                self.input,
                "--output",
                self.output,
            ],
            env=dict(os.environ, **self.env),
            text=True,
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.assertEqual(limited.returncode, FAILED, limited.stderr)
        self.assertIn(self.output, limited.stderr)
        with open(self.output) as file:
            self.assertEqual(file.read(), "old")
        self.assertEqual(sorted(os.listdir(self.folder)), ["in.safetensors", "out.safetensors"])

    def test_input_may_be_the_output(self):
        save(self.input, self.tensors())
        self.ends(
            OK,
            "run",
            "--backend",
            BACKEND,
            "--input",
            self.input,
            "--output",
            self.input,
            env=self.env,
            says=["o", self.input],
        )
        self.assertEqual(load(self.input)[0]["o"].shape, (2, 5, 4, 8))


if __name__ == "__main__":
    main(["plugins"])
