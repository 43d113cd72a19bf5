"""fvattn verify passes what is right and finds each way of being wrong."""

from harness import FAILED, OK, UNAVAILABLE, USAGE, ProgramTest, main

# What each backend of faulty.cpp has to be caught by.
FAULTS = {
    "VALUE_ATTN": ": o 0.00",
    "TAIL_ATTN": "o inf",
    "OVERRUN_ATTN": "memory around 'o' was written",
    "INPUT_ATTN": "the input 'v' was changed",
    "STATE_ATTN": "other bits",
    "SCRATCH_ATTN": "o inf",
    "LSE_ATTN": "lse 0.4",
    "PAIRS_ATTN": "describe counts",
    "GRADIENT_ATTN": ": d_k 0.000",
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
