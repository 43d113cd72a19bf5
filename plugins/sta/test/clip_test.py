"""Search, tune and inference on a clip: the strategy that comes out loses no more than any window of its cost."""

import json
import os
import tempfile

from harness import FAILED, OK, USAGE, ProgramTest, main
from tensors import load, np

CANDIDATES = ([3, 1, 1], [1, 3, 1], [1, 1, 3])  # of one cost: three tiles each
TILES, TILE = [3, 3, 5], [2, 4, 4]
CLIP = ["--size", "136x72", "--frames", "12", "--window", "6", "--heads", "4", "--add-noise", "25"]


def words(window):
    return ",".join(map(str, window))


class ClipTest(ProgramTest):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        clip = os.path.join(self.extra["clips"], "bikes.mp4")
        self.clip = clip if os.path.exists(clip) else "generated"
        print("clip:", self.clip)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def search(self):
        chosen = [word for window in CANDIDATES for word in ("--candidate", words(window))]
        done = self.ends(OK, "sta", "search", self.clip, *CLIP, "--tile", words(TILE), *chosen, "--out", self.path("found"),
                         "--json").json()
        self.assertEqual((done["calls"], done["dit_seq_shape"]), (2, [6, 10, 18]))
        self.assertEqual(sorted(os.listdir(self.path("found"))), sorted(map(os.path.basename, done["results"])))
        return done["results"]

    def outputs(self, dump, env=None, **parameters):
        parameters = {**parameters, "softmax_scale": 1, "dit_seq_shape": [6, 10, 18], "tile_size": TILE}
        given = [word for key, value in parameters.items() for word in ("--param", f"{key}={json.dumps(value)}")]
        out = self.path("out.safetensors")
        self.ends(OK, "run", "--backend", "SLIDING_TILE_ATTN", "--input", dump, "--output", out, *given, env=env)
        return load(out)[0]["o"].astype(np.float64)

    def test_round_trip(self):
        results = self.search()
        tuned = self.ends(OK, "sta", "tune", "--results", self.path("found"), "--full", words(TILES), "--skip", "0", "--out",
                          self.path("strategy"), "--json").json()
        self.assertAlmostEqual(tuned["sparsity"], 1 - 3 / 45)
        with open(tuned["strategy"]) as file:
            strategy = json.load(file)
        self.assertEqual(sorted(strategy), [f"0_0_{head}" for head in range(4)])
        self.assertTrue(all(window in map(list, CANDIDATES) for window in strategy.values()), strategy)

        dumps = self.ends(OK, "denoise", self.clip, *CLIP, "--dump", self.path("dump"), "--json").json()["files"]
        use = {"FASTVIDEO_ATTENTION_CONFIG": "~/mask_strategy_s0.json", "HOME": self.path("strategy")}
        loss = {"strategy": 0.0, **{words(window): 0.0 for window in CANDIDATES}}
        for dump, found in zip(dumps, results):
            with open(found) as file:
                saved = json.load(file)["L2_loss"]
            full = self.outputs(dump, window_size=TILES)
            loss["strategy"] += np.square(self.outputs(dump, env=use) - full).mean()
            for window in CANDIDATES:
                apart = np.square(self.outputs(dump, window_size=window) - full).mean((0, 1, 3))
                loss[words(window)] += apart.mean()
                self.assertTrue(np.allclose(apart, saved[str(window)][0][0], rtol=1e-4), "the loss that the search saved")
        print("L2 loss:", {name: round(float(value), 4) for name, value in loss.items()})
        uniform = [value for name, value in loss.items() if name != "strategy"]
        self.assertLessEqual(loss["strategy"], min(uniform) * (1 + 1e-9))
        self.assertLess(loss["strategy"], 0.99 * max(uniform))

        done = self.ends(OK, "denoise", self.clip, *CLIP, "--backend", "SLIDING_TILE_ATTN", "--param", f"tile_size={TILE}",
                         "--out", self.path("denoised"), "--json", env=use).json()["backends"][0]
        self.assertGreater(done["gain"], 5)
        self.assertLess(done["density"], 0.12)

    def test_bad_input(self):
        some = ["--candidate", "3,1,1", "--out", self.path("none")]
        self.ends(USAGE, "sta", "search", *some, says="a clip, or --dumps and --tokens")
        self.ends(USAGE, "sta", "search", self.clip, "--dumps", self.folder, *some, says="clip")
        self.ends(USAGE, "sta", "search", "--dumps", self.folder, *some, says="--tokens")
        self.ends(USAGE, "sta", "search", self.clip, "--candidate", "3,1", says=["--candidate", "3,1"])
        self.ends(FAILED, "sta", "search", "--dumps", self.folder, "--tokens", "2,2,2", *some, says="no dumps")
        self.ends(FAILED, "sta", "search", self.path("missing.mp4"), *some, says=["no such clip", "missing.mp4"])
        self.assertEqual(os.listdir(self.path("none")), [])
        self.ends(USAGE, "denoise", self.clip, "--dump", self.path("dump"), "--backend", "TORCH_SDPA", says="--dump")


if __name__ == "__main__":
    main(["clips"])
