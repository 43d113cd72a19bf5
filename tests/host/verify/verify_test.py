"""fvattn verify passes what is right and finds each way of being wrong."""

import re

from harness import FAILED, OK, UNAVAILABLE, USAGE, ProgramTest, main

# Faults that scale a result: the result, and the range of the largest error reported. It is the factor that was planted
# (1.001; 1 / ln 2); in cases whose result nearly cancels the error is measured against a floor, and smaller.
SCALED = {
    "VALUE_ATTN": ("o", 0.0009, 0.0011),
    "LSE_ATTN": ("lse", 0.43, 0.45),
    "GRADIENT_ATTN": ("d_k", 0.0009, 0.0011),
}

# What each other backend of faulty.cpp has to be caught by.
FAULTS = {
    "TAIL_ATTN": "o inf",
    "OVERRUN_ATTN": "memory around 'o' was written",
    "INPUT_ATTN": "the input 'v' was changed",
    "STATE_ATTN": "other bits",
    "SCRATCH_ATTN": "o inf",
    "PAIRS_ATTN": "describe counts",
    "LYING_SPARSE_ATTN": "at most",
}


class Verify(ProgramTest):
    def verify(self, code, *args, **kw):
        env = {"FASTVIDEO_ATTENTION_PLUGIN_PATH": self.extra["plugins"]}
        return self.ends(code, "verify", *args, env=env, timeout=800, **kw)

    def test_right_backends_pass(self):
        for name in ("RIGHT_ATTN", "RIGHT_SPARSE_ATTN"):
            done = self.verify(OK, name, "--quick", "--dtype", "fp32", "--json").json()
            (report,) = done["backends"]
            self.assertEqual((report["backend"], report["failed"], done["failed"]), (name, 0, 0))
            self.assertGreater(report["ran"], 5)
            measured = {what for case in report["cases"] for what in case["measured"]}
            self.assertLessEqual({"o", "o again", "lse", "d_q", "d_k", "d_v", "repeat", "memory", "pairs"}, measured)
            if name == "RIGHT_ATTN":
                self.assertLessEqual({"constant v", "linear in v", "order of keys", "scale"}, measured)

    def test_each_fault_is_found(self):
        for name, says in FAULTS.items():
            with self.subTest(name):
                self.verify(FAILED, name, "--quick", "--dtype", "fp32", says=["FAILED " + name, says, "--seed"])

    def test_scaled_results_are_found_with_their_error(self):
        for name, (result, low, high) in SCALED.items():
            with self.subTest(name):
                done = self.verify(FAILED, name, "--quick", "--dtype", "fp32", says=["FAILED " + name, "--seed"])
                errors = [float(e) for e in re.findall(rf"\b{result} ([0-9.e+-]+), at most", done.out + done.err)]
                self.assertTrue(errors)
                self.assertTrue(low <= max(errors) <= high, f"{result} {max(errors)}")

    def test_seed_repeats(self):
        first, again, other = (
            self.verify(OK, "RIGHT_SPARSE_ATTN", "--quick", "--dtype", "fp32", "--json", "--seed", seed).json()["backends"]
            for seed in (5, 5, 6)
        )
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)

    def test_refusals_are_counted_and_explained(self):
        done = self.verify(UNAVAILABLE, "RIGHT_ATTN", "--quick", "--dtype", "bf16", "--refusals")
        self.assertIn("float32 on the CPU is accepted", done.out)
        self.assertIn("nothing was verified", done.err)

    def test_usage(self):
        self.verify(USAGE, "--dtype", "int8", says="int8")
        self.verify(USAGE, "RIGHT_ATN", says=["RIGHT_ATN", "RIGHT_ATTN"])
        self.verify(USAGE, "--quick", "--full")
        self.verify(OK, "--help", says="Example")
        done = self.fvattn("verify", "--device", "cuda:99", "--quick")
        self.assertEqual(done.code, UNAVAILABLE, done.err)


if __name__ == "__main__":
    main(["plugins"])
