"""fvattn denoise over processes makes the pictures that it makes alone."""

import os
import shutil
import sys
import tempfile

from harness import FAILED, OK, USAGE, ProgramTest, main

if not shutil.which("mpirun"):
    print("skipped: there is no mpirun here")
    sys.exit(77)

SMALL = ["generated", "--size", "64x48", "--frames", "4", "--window", "2", "--heads", "4", "--add-noise", "25"]


def samples(path):
    """The bytes of a y4m file without its headers."""
    with open(path, "rb") as file:
        header, body = file.read().split(b"\n", 1)
    assert header.startswith(b"YUV4MPEG2"), header
    return body.replace(b"FRAME\n", b"")


class Ranks(ProgramTest):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def denoise(self, ranks, *args):
        out = os.path.join(self.folder, f"out{ranks}")
        words = ["denoise", *SMALL, "--json", "--out", out, *args]
        launch = ["launch", "-n", ranks, "--", "fvattn"] if ranks > 1 else []
        return self.ends(OK, *launch, *words, timeout=100).json()

    def test_the_same_pictures(self):
        parameters = ["--compare", "TORCH_SDPA,FLASH_ATTN,VIDEO_SPARSE_ATTN", "--param", "VSA_sparsity=0.5"]
        alone, spread = (self.denoise(ranks, *parameters) for ranks in (1, 3))
        self.assertEqual((alone["ranks"], spread["ranks"]), (1, 3))
        self.assertAlmostEqual(alone["psnr_noisy"], spread["psnr_noisy"], places=9)
        self.assertEqual(len(alone["backends"]), 3)
        for a, b in zip(alone["backends"], spread["backends"]):
            self.assertEqual((a["backend"], a["density"]), (b["backend"], b["density"]))
            self.assertAlmostEqual(a["psnr"], b["psnr"], places=3)
            one, other = samples(a["video"]), samples(b["video"])
            self.assertEqual(len(one), len(other))
            self.assertLessEqual(max(abs(x - y) for x, y in zip(one, other)), 1, a["backend"])
            self.assertEqual(sorted(os.listdir(a["frames"])), sorted(os.listdir(b["frames"])))

    def fails(self, code, says, *args):
        out = [] if "--out" in args else ["--out", os.path.join(self.folder, "out")]
        done = self.ends(code, "launch", "-n", 2, "--", "fvattn", "denoise", *SMALL, *out, *args, says=says, timeout=60)
        self.assertEqual(done.err.count("fvattn denoise: error"), 1, done.err)

    def test_mistakes_end_all_and_are_reported_once(self):
        self.fails(USAGE, "NO_SUCH_ATTN", "--backend", "NO_SUCH_ATTN")
        self.fails(USAGE, "float32", "--dtype", "int7")
        blocker = os.path.join(self.folder, "file")
        open(blocker, "w").close()
        self.fails(FAILED, "cannot write to the output folder", "--out", blocker + "/out")

    def test_a_backend_that_one_rank_lacks_is_skipped_or_an_error(self):
        script = '[ $OMPI_COMM_WORLD_RANK = 1 ] && export FASTVIDEO_ATTENTION_PLUGINS_DISABLE="org.fvattn.flash"; exec "$@"'
        out = os.path.join(self.folder, "out")
        words = ["sh", "-c", script, "sh", self.program, "denoise", *SMALL, "--out", out, "--json"]
        done = self.ends(OK, "launch", "-n", 2, "--", *words, "--compare", "all", timeout=100).json()
        by_name = {b["backend"]: b for b in done["backends"]}
        self.assertIn("on rank 1: ", by_name["FLASH_ATTN"]["skipped"])
        self.assertNotIn("skipped", by_name["TORCH_SDPA"])
        done = self.fvattn("launch", "-n", 2, "--", *words, "--backend", "FLASH_ATTN", timeout=60)
        self.assertNotEqual(done.code, OK)
        self.assertIn("on rank 1: ", done.err)


if __name__ == "__main__":
    main([])
