"""fvattn run against a float64 reference: a random sweep over what TORCH_SDPA takes.

FVATTN_SWEEP sets the number of cases, FVATTN_SEED repeats them."""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

from harness import OK, UNAVAILABLE, USAGE, ProgramTest, main
from tensors import attention, load, np, relative_l2, save

BACKEND = "TORCH_SDPA"
FILE_DTYPE = {"float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16"}
TOLERANCE = {"float64": 1e-12, "float32": 1e-5, "float16": 4e-3, "bfloat16": 3e-2}


def random_mask(rng, pick, shape):
    """A mask of a random rank and dtype for logits of this shape; some rows see nothing."""
    b, h, sq, sk = shape
    dims = pick.choice([(sk,), (b, sk), (b, sq, sk), (b, 1, sq, sk), (b, h, sq, sk)])
    kind = pick.choice([np.bool_, np.uint8, np.int32, np.int64, np.float32])
    if kind == np.float32:
        mask = rng.standard_normal(dims).astype(kind)
        mask[rng.random(dims) < 0.2] = -np.inf
    else:
        mask = (rng.random(dims) < 0.7).astype(kind)
    if mask.ndim > 2 and pick.random() < 0.5:
        mask[..., pick.randrange(sq), :] = -np.inf if kind == np.float32 else 0
    return mask


class Run(ProgramTest):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.input, self.output = (os.path.join(self.folder, name) for name in ("in.safetensors", "out.safetensors"))

    def run_case(self, tensors, *args, **kw):
        save(self.input, tensors)
        done = self.ends(
            OK, "run", "--backend", BACKEND, "--input", self.input, "--output", self.output, "--json", *args, **kw
        )
        self.assertEqual(sorted(os.listdir(self.folder)), ["in.safetensors", "out.safetensors"])
        return done.json(), *load(self.output)

    def case(self, seed):
        pick, rng = random.Random(seed), np.random.default_rng(seed)
        normal = lambda *shape: rng.standard_normal(shape).astype(np.float32)
        b, hkv, d = pick.choice([1, 2, 3]), pick.choice([1, 2, 3]), pick.choice([8, 16, 24, 40, 64, 96, 128, 256])
        h, sq = hkv * pick.choice([1, 1, 2, 4]), pick.choice([1, 2, 7, 33, 64, 97])
        sk = sq if pick.random() < 0.5 else pick.choice([1, 5, 31, 65, 130])
        text, causal, lse, gradients = (pick.random() < p for p in (0.3, 0.4, 0.5, 0.5))
        lt = pick.choice([1, 4, 13]) if text else 0
        tensors = {"q": normal(b, sq, h, d), "k": normal(b, sk, hkv, d), "v": normal(b, sk, hkv, d)}
        parts = {name: tensors[name] for name in "qkv"}
        if text:
            for name, heads in (("q", h), ("k", hkv), ("v", hkv)):
                tensors["text_" + name] = normal(b, lt, heads, d)
                parts[name] = np.concatenate([tensors[name], tensors["text_" + name]], 1)
        d_o = None
        if gradients:
            tensors["d_o"] = normal(b, sq, h, d)
            if text:
                tensors["d_text_o"] = normal(b, lt, h, d)
            d_o = np.concatenate([tensors[n] for n in ("d_o", "d_text_o") if n in tensors], 1)
        mask = random_mask(rng, pick, (b, h, sq + lt, sk + lt)) if pick.random() < 0.5 else None
        if mask is not None:
            tensors["mask"] = mask
        scale = pick.choice([None, 0.3])
        parameters = {"causal": causal, "return_lse": lse, **({"softmax_scale": scale} if scale else {})}
        return tensors, parts, parameters, dict(scale=scale, causal=causal, mask=mask, d_o=d_o), (sq, lt)

    def expected_of(self, parts, reference, lengths, parameters):
        sq, lt = lengths
        o, lse, gradients = attention(parts["q"], parts["k"], parts["v"], **reference)
        whole = {"o": (o, sq)}
        if gradients is not None:
            sk = parts["k"].shape[1] - lt
            whole.update(zip(("d_q", "d_k", "d_v"), zip(gradients, (sq, sk, sk))))
        expected = {}
        for name, (rows, video) in whole.items():
            expected[name] = rows[:, :video]
            if lt:
                expected["text_o" if name == "o" else "d_text_" + name[2:]] = rows[:, video:]
        if parameters["return_lse"]:
            expected["lse"] = lse
        return expected

    def test_sweep(self):
        base = int(os.environ.get("FVATTN_SEED", random.randrange(10**6)))
        for i in range(int(os.environ.get("FVATTN_SWEEP", 24))):
            tensors, parts, parameters, reference, lengths = self.case(base + i)
            dtype = ("float32", "float32", "float32", "float64", "float16", "bfloat16")[i % 6]
            args = [word for key, value in parameters.items() for word in ("--param", f"{key}={json.dumps(value)}")]
            with self.subTest(
                seed=base + i, dtype=dtype, shapes={n: t.shape for n, t in tensors.items()}, parameters=parameters
            ):
                summary, out, kinds, metadata = self.run_case(tensors, "--dtype", dtype, *args)
                expected = self.expected_of(parts, reference, lengths, parameters)
                self.assertEqual(sorted(out), sorted(expected))
                for name, value in expected.items():
                    self.assertEqual(kinds[name], "F32" if name == "lse" else FILE_DTYPE[dtype])
                    self.assertLess(relative_l2(out[name], value), max(TOLERANCE[dtype], 1e-6 if name == "lse" else 0), name)
                self.assertEqual((summary["backend"], metadata["backend"]), (BACKEND, BACKEND))
                self.assertEqual((metadata["dtype"], metadata["device"]), (dtype, "cpu"))
                self.assertEqual(json.loads(metadata["parameters"]), parameters)

    def qkv(self, b=1, s=6, h=2, d=8, kind=np.float32):
        rng = np.random.default_rng()
        return {name: rng.standard_normal((b, s, h, d)).astype(kind) for name in "qkv"}

    def test_metadata_block(self):
        metadata = self.run_case(self.qkv(), "--params", self.params({"causal": False}), "--param", "causal=true")[3]
        for key in ("program_version", "plugin", "plugin_version", "device", "dtype"):
            self.assertIn(key, metadata)
        self.assertEqual(json.loads(metadata["parameters"]), {"causal": True})
        self.assertEqual(len(metadata["plugin_sha256"]), 64)

    def params(self, values):
        path = os.path.join(tempfile.mkdtemp(dir=os.path.dirname(self.folder)), "p.json")
        self.addCleanup(shutil.rmtree, os.path.dirname(path))
        with open(path, "w") as file:
            json.dump(values, file)
        return path

    def test_zero_lengths_are_right_or_refused(self):
        for b, sq, sk in ((0, 3, 3), (1, 0, 3), (1, 3, 0), (1, 0, 0)):
            tensors = {
                "q": np.zeros((b, sq, 2, 8), np.float32),
                "k": np.zeros((b, sk, 2, 8), np.float32),
                "v": np.ones((b, sk, 2, 8), np.float32),
            }
            save(self.input, tensors)
            done = self.fvattn("run", "--backend", BACKEND, "--input", self.input, "--output", self.output)
            if done.code == OK:
                o = load(self.output)[0]["o"]
                self.assertEqual(o.shape, (b, sq, 2, 8))
                self.assertTrue((o == 0).all())
            else:
                self.assertIn("error", done.err)
                self.assertFalse(os.path.exists(self.output))

    def test_values_that_are_not_finite_are_reported_and_computed(self):
        tensors = self.qkv()
        tensors["v"][0, 0, 0, 0], tensors["v"][0, 0, 0, 1] = np.nan, np.inf
        summary, out, _, _ = self.run_case(tensors)
        self.assertIn("'v'", summary["warnings"][0])
        self.assertIn("1 NaN and 1 infinite", summary["warnings"][0])
        self.assertTrue(np.isnan(out["o"][..., 0, 0]).all())
        self.assertTrue(np.isfinite(out["o"][..., 1, :]).all())

    def test_dropout_is_repeatable_and_only_in_training(self):
        tensors = self.qkv(s=32)
        plain = self.run_case(tensors)[1]["o"]
        inference = self.run_case(tensors, "--param", "dropout_p=0.5")[1]["o"]
        self.assertTrue(np.array_equal(plain, inference))
        train = ["--param", "dropout_p=0.5", "--param", "training=true", "--param"]
        first, again, other = (self.run_case(tensors, *train, f"dropout_seed={seed}")[1]["o"] for seed in (3, 3, 4))
        self.assertTrue(np.array_equal(first, again))
        self.assertFalse(np.array_equal(first, other))
        self.assertFalse(np.array_equal(first, plain))

    def test_cuda_agrees_with_cpu(self):
        tensors = {
            **self.qkv(b=2, s=70, h=4, d=64),
            "d_o": np.random.default_rng().standard_normal((2, 70, 4, 64)).astype(np.float32),
        }
        expected = self.run_case(tensors, "--param", "causal=true")[1]
        words = ["run", "--backend", BACKEND, "--input", self.input, "--output", self.output, "--device", "cuda"]
        done = self.fvattn(*words, "--param", "causal=true")
        if done.code == UNAVAILABLE:
            self.skipTest("no CUDA device")
        self.assertEqual(done.code, OK, done.err)
        got, _, metadata = load(self.output)
        self.assertEqual(metadata["device"], "cuda:0")
        for name, value in expected.items():
            self.assertLess(relative_l2(got[name], value), 1e-4, name)

    def test_dtype_follows_the_input(self):
        for kind, name in ((np.float64, "float64"), (np.float16, "float16")):
            self.assertEqual(self.run_case(self.qkv(kind=kind))[0]["dtype"], name)
        self.assertEqual(self.run_case(self.qkv(), "--dtype", "bf16")[2]["o"], "BF16")

    def test_environment_decides_and_a_typo_is_an_error(self):
        save(self.input, self.qkv())
        args = ["run", "--input", self.input, "--output", self.output]
        self.ends(USAGE, *args, env={"FASTVIDEO_ATTENTION_BACKEND": "TORCH_SPDA"}, says=["TORCH_SPDA", "TORCH_SDPA"])
        self.assertFalse(os.path.exists(self.output))
        self.ends(OK, *args, env={"FASTVIDEO_ATTENTION_BACKEND": "TORCH_SDPA"}, says=["TORCH_SDPA", "environment"])
        self.ends(OK, *args, "--backend", BACKEND, env={"FASTVIDEO_ATTENTION_BACKEND": "TORCH_SPDA"}, says="explicit")


if __name__ == "__main__":
    listed = subprocess.run([sys.argv[1], "list", "--json"], text=True, stdout=subprocess.PIPE).stdout
    if not any(b["backend"] == BACKEND and b["state"] == "ready" for b in json.loads(listed)["backends"]):
        print("skipped: no", BACKEND, "here")
        sys.exit(77)
    main(["plugins"])
