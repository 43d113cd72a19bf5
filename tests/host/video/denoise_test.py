"""fvattn denoise from end to end: gains, files, memory text, exit codes."""
import os
import struct
import subprocess
import tempfile

from harness import FAILED, OK, UNAVAILABLE, USAGE, ProgramTest, main

EXACT = {"TORCH_SDPA", "FLASH_ATTN"}
SMALL = ["--size", "64x48", "--frames", "4", "--heads", "4"]


def png_size(path):
    with open(path, "rb") as file:
        head = file.read(24)
    assert head[:8] == b"\x89PNG\r\n\x1a\n", path
    return struct.unpack(">II", head[16:24])


class DenoiseTest(ProgramTest):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def denoise(self, clip, *args, code=OK, **kw):
        done = self.fvattn("denoise", clip, "--out", self.path("out"), *args, timeout=500, **kw)
        self.assertEqual(done.code, code, done.out + done.err)
        return done

    def clip(self, name, seconds=0.4):
        path = self.path(name)
        source = f"testsrc2=size=96x64:rate=25:duration={seconds}"
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p", "-y", "file:" + path],
                       check=True, stdin=subprocess.DEVNULL)
        return path

    def sample(self, name):
        path = os.path.join(self.extra["clips"], name)
        if not os.path.exists(path):
            self.skipTest(f"the sample clip {path} was not fetched (./dev test does, with network)")
        return path

    def gains(self, done):
        return {b["backend"]: b["gain"] for b in done.json()["backends"] if b["backend"] in EXACT and "skipped" not in b}

    def test_generated_clip_gains_and_says_what_it_is(self):
        done = self.denoise("generated", "--add-noise", "25", "--frames", "8", "--size", "128x96", "--json")
        result = done.json()
        self.assertTrue(result["clip"]["generated"])
        self.assertAlmostEqual(result["psnr_noisy"], 20.17, delta=0.1)
        self.assertEqual(result["backends"][0]["chosen_by"], "automatic")
        self.assertEqual(result["backends"][0]["density"], 1)
        self.assertEqual(result["backends"][0]["attended_pairs"], 16 * (8 * 13 * 17) ** 2)
        self.assertGreater(result["backends"][0]["gain"], 8)
        text = self.denoise("generated", *SMALL, "--add-noise", "25").out
        for words in ("not a real clip", "bounded: works 4 frames at a time", "however long the clip is", "PSNR"):
            self.assertIn(words, text)

    def test_files(self):
        result = self.denoise("generated", "--size", "64x48", "--heads", "4", "--frames", "6", "--window", "4",
                              "--add-noise", "25", "--json").json()
        self.assertEqual(result["clip"]["frames"], 6)
        backend = result["backends"][0]
        for folder in (result["files"]["noisy"], backend["frames"]):
            self.assertEqual(sorted(os.listdir(folder)), [f"{i:05d}.png" for i in range(6)])
            self.assertEqual(png_size(os.path.join(folder, "00005.png")), (64, 48))
        width, height = png_size(result["files"]["sheet"])
        self.assertGreater(width, 3 * 64)
        self.assertGreater(height, 48)
        header = b"YUV4MPEG2 W64 H48 F25:1 Ip A1:1 C444 XCOLORRANGE=LIMITED\n"
        self.assertEqual(os.path.getsize(backend["video"]), len(header) + 6 * (6 + 3 * 64 * 48))
        name = backend["backend"]
        self.assertEqual(set(os.listdir(self.path("out"))), {"noisy", "comparison.png", name, name + ".y4m"})

    def peak_kilobytes(self, frames):
        arguments = ["--size", "256x256", "--window", "2", "--heads", "1", "--add-noise", "25", "--frames", str(frames)]
        process = subprocess.Popen([self.program, "denoise", "generated", *arguments, "--out", self.path("out")],
                                   stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, OK)
        return usage.ru_maxrss

    def test_memory_does_not_grow_with_the_clip(self):
        # 62 frames more are 140 MiB of clean, noisy and denoised samples.
        self.assertLess(self.peak_kilobytes(64) - self.peak_kilobytes(2), 60 * 1024)

    def test_the_seed_decides_the_noise(self):
        psnr = [self.denoise("generated", *SMALL, "--add-noise", "25", "--seed", seed, "--json").json()["psnr_noisy"]
                for seed in (1, 1, 2)]
        self.assertEqual(psnr[0], psnr[1])
        self.assertNotEqual(psnr[0], psnr[2])

    def test_a_decoded_clip_without_added_noise(self):
        result = self.denoise(self.clip("a b;$(x).mp4"), "--heads", "4", "--json").json()
        self.assertEqual((result["clip"]["width"], result["clip"]["height"], result["clip"]["frames"]), (96, 64, 10))
        self.assertTrue(result["noise"]["sigma_estimated"])
        self.assertIsNone(result["backends"][0]["psnr"])

    def test_compare_all_shows_who_serves_and_who_does_not(self):
        done = self.denoise("generated", *SMALL, "--add-noise", "25", "--compare", "all", "--json")
        backends = done.json()["backends"]
        self.assertTrue(set(self.gains(done)))
        for backend in backends:
            self.assertTrue(backend.get("skipped") or backend["psnr"] is not None, backend)
        self.assertEqual(len(backends), len({b["backend"] for b in backends}))
        self.assertEqual({b["chosen_by"] for b in backends if "skipped" not in b}, {"comparison"})
        gains = list(self.gains(done).values())
        self.assertLess(max(gains) - min(gains), 0.01, "exact backends agree")

    def test_half_precision_is_as_good(self):
        gain = {}
        for dtype in ("float32", "bfloat16"):
            done = self.denoise("generated", *SMALL, "--add-noise", "25", "--dtype", dtype, "--json")
            gain[dtype] = done.json()["backends"][0]["gain"]
        self.assertAlmostEqual(gain["float32"], gain["bfloat16"], delta=0.15)

    def test_bikes(self):
        clip = self.sample("bikes.mp4")
        done = self.denoise(clip, "--size", "320x136", "--frames", "8", "--add-noise", "25", "--json")
        self.assertGreaterEqual(done.json()["backends"][0]["gain"], 11)

    def test_carphone(self):
        done = self.denoise(self.sample("carphone_pristine.mp4"), "--frames", "8", "--add-noise", "25", "--json")
        self.assertEqual((done.json()["clip"]["width"], done.json()["clip"]["height"]), (176, 144))
        self.assertGreaterEqual(done.json()["backends"][0]["gain"], 6)

    def test_bad_input(self):
        text = self.path("text.mp4")
        with open(text, "w") as file:
            file.write("no video")
        out = ["--out", self.path("out")]
        self.ends(FAILED, "denoise", self.path("missing.mp4"), *out, says="there is no such clip")
        self.ends(FAILED, "denoise", text, *out, says="ffmpeg says")
        self.ends(UNAVAILABLE, "denoise", self.clip("c.mp4"), *out, env={"PATH": "/nonexistent"},
                  says="apt-get install ffmpeg")
        self.ends(USAGE, "denoise", says="clip is required")
        for size in ("64", "0x0", "64x48x3", "-64x48", "64x48 ", "99999x99999"):
            self.ends(USAGE, "denoise", "generated", "--size=" + size, *out, says="320x136")
        self.ends(USAGE, "denoise", "generated", *SMALL, "--backend", "TORCH_SPDA", *out, says="TORCH_SPDA")
        self.ends(USAGE, "denoise", "generated", *SMALL, "--compare", "A,,B", *out, says="commas")
        self.ends(USAGE, "denoise", "generated", "--backend", "A", "--compare", "all", *out, says="exclude each other")
        self.ends(USAGE, "denoise", "generated", "--add-noise=-1", *out)
        self.ends(USAGE, "denoise", "generated", "--dtype", "int7", *out, says="float32")
        self.ends(USAGE, "denoise", "generated", "--device", "tpu", *out)
        self.ends(USAGE, "denoise", "generated", *SMALL, "--param", "no_such_key=1", *out, says="no_such_key")
        self.ends(USAGE, "denoise", "generated", *SMALL, "--param", "dit_seq_shape=[1,2,3]", *out,
                  says="set by denoise itself")
        self.assertFalse(os.path.exists(self.path("out")), "nothing was written")

    def test_output_folder_that_cannot_be_written(self):
        blocker = self.path("file")
        open(blocker, "w").close()
        self.ends(FAILED, "denoise", "generated", *SMALL, "--out", blocker + "/out",
                  says=["cannot write to the output folder", "--out"])

    def test_full_disk(self):
        command = [self.program, "denoise", "generated", "--frames", "4", "--heads", "4", "--out", self.path("out")]
        done = subprocess.run(["sh", "-c", 'ulimit -f 20; exec "$@"', "sh", *command], capture_output=True, text=True)
        self.assertEqual(done.returncode, FAILED, done.stderr)
        self.assertIn("cannot write", done.stderr)
        names = [name for _, _, files in os.walk(self.path("out")) for name in files]
        self.assertTrue(all(name.endswith(".png") and not name.startswith(".") for name in names), names)

    def test_environment_chooses_and_a_typing_error_there_is_refused(self):
        name = self.denoise("generated", *SMALL, "--json").json()["backends"][0]["backend"]
        result = self.denoise("generated", *SMALL, "--json", env={"FASTVIDEO_ATTENTION_BACKEND": name}).json()
        self.assertEqual(result["backends"][0]["chosen_by"], "environment")
        self.denoise("generated", *SMALL, code=USAGE, env={"FASTVIDEO_ATTENTION_BACKEND": name + "X"})


if __name__ == "__main__":
    main(["clips"])
