"""fvattn plot mask: recall against numpy, the picture's size, errors."""

import json
import os
import struct
import tempfile

from harness import FAILED, OK, USAGE, ProgramTest, main
from tensors import np, save

GRID, TILE, HEADS, CELL = [3, 4, 6], [1, 2, 2], 2, 5
# Settings by backend, and whether every key is attended.
SETTINGS = {
    "TORCH_SDPA": ({}, True),
    "FLASH_ATTN": ({}, True),
    "SLIDING_TILE_ATTN": ({"tile_size": TILE, "window_size": [1, 1, 1]}, False),
    "VIDEO_SPARSE_ATTN": ({"tile_size": TILE, "VSA_sparsity": 0.75}, False),
    "VMOBA_ATTN": (
        {
            **dict(temporal_chunk_size=1, temporal_topk=1, spatial_chunk_size=[2, 3], spatial_topk=1, st_chunk_size=TILE),
            **dict(st_topk=3, moba_select_mode="topk", layer_idx=2),
        },
        False,
    ),
}


def weights(q, k, batch, head):
    """Dense softmax [S, S] in float64."""
    logits = q[batch, :, head].astype(np.float64) @ k[batch, :, head].T / np.sqrt(q.shape[3])
    p = np.exp(logits - logits.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


class Plot(ProgramTest):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.input, self.out = (os.path.join(folder.name, name) for name in ("in.safetensors", "mask.png"))
        rng = np.random.default_rng()
        shape = (2, GRID[0] * GRID[1] * GRID[2], HEADS, 8)
        self.tensors = {name: rng.standard_normal(shape).astype(np.float32) for name in "qkv"}
        save(self.input, self.tensors)

    def words(self, backend, parameters, *more):
        given = [word for key, value in parameters.items() for word in ("--param", f"{key}={json.dumps(value)}")]
        files = ["--input", self.input, "--out", self.out]
        return ["plot", "mask", *files, "--cell", CELL, "--backend", backend, *given, *more]

    def ready(self):
        listed = self.ends(OK, "list", "--json").json()["backends"]
        return [b["backend"] for b in listed if b["state"] == "ready" and b["backend"] in SETTINGS]

    def test_every_backend(self):
        for backend in self.ready():
            parameters, whole = SETTINGS[backend]
            with self.subTest(backend=backend):
                done = self.ends(OK, *self.words(backend, {**parameters, "dit_seq_shape": GRID}), "--json").json()
                self.assertEqual((done["backend"], done["query"]), (backend, [1, 2, 3]))
                recall = done["recall"]
                self.assertEqual(recall["rows"], 72)
                self.assertAlmostEqual(recall["mean"], np.mean(recall["heads"]), places=5)
                self.assertLessEqual(recall["least"], recall["mean"] + 1e-6)
                if whole:
                    self.assertAlmostEqual(recall["least"], 1, places=5)
                    self.assertEqual(done["density"], 1)
                else:
                    self.assertLess(done["density"], 0.5)
                    self.assertLess(recall["mean"], 0.99)
                with open(self.out, "rb") as file:
                    head = file.read(24)
                self.assertEqual(head[:8], b"\x89PNG\r\n\x1a\n")
                width, height = struct.unpack(">II", head[16:])
                self.assertGreaterEqual(width, GRID[2] * CELL)
                self.assertGreaterEqual(height, GRID[1] * CELL)
                os.remove(self.out)

    def test_recall_and_query_of_a_window(self):
        if "SLIDING_TILE_ATTN" not in self.ready():
            self.skipTest("SLIDING_TILE_ATTN is not built")
        # With a window of one tile a query sees the tokens of its own tile.
        place = np.stack(np.unravel_index(np.arange(72), GRID), 1) // TILE
        seen = (place[:, None] == place[None]).all(-1)
        parameters = {**SETTINGS["SLIDING_TILE_ATTN"][0], "dit_seq_shape": GRID}
        done = self.ends(OK, *self.words("SLIDING_TILE_ATTN", parameters, "--query", "2,3,1", "--head", 1, "--batch", 1),
                         "--json").json()
        shares = np.array([[(weights(self.tensors["q"], self.tensors["k"], b, h) * seen).sum(1) for h in range(HEADS)]
                           for b in range(2)])
        self.assertAlmostEqual(done["density"], seen.mean())
        self.assertAlmostEqual(done["recall"]["mean"], shares.mean(), places=5)
        self.assertAlmostEqual(done["recall"]["least"], shares.min(), places=5)
        self.assertTrue(np.allclose(done["recall"]["heads"], shares.mean((0, 2)), atol=1e-5))
        self.assertAlmostEqual(done["query_recall"], shares[1, 1, (2 * 4 + 3) * 6 + 1], places=5)
        text = self.ends(OK, *self.words("SLIDING_TILE_ATTN", parameters, "--rows", 10)).out
        for part in ("density    5.6 %", "over 10 queries", self.out):
            self.assertIn(part, text)

    def test_bad_input(self):
        def refused(code, says, *more, parameters=None, backend="TORCH_SDPA"):
            given = {"dit_seq_shape": GRID} if parameters is None else parameters
            self.ends(code, *self.words(backend, given, *more), says=says)
            self.assertFalse(os.path.exists(self.out))

        refused(USAGE, ["dit_seq_shape", "T * H * W = 72"], parameters={})
        refused(USAGE, ["dit_seq_shape", "[3, 4, 5]"], parameters={"dit_seq_shape": [3, 4, 5]})
        refused(USAGE, "--query", "--query", "3,0,0")
        refused(USAGE, "0 to 1", "--head", 2)
        refused(USAGE, "0 to 1", "--batch", -1)
        refused(USAGE, "TORCH_SDPA", backend="TORCH_SPDA")
        self.ends(USAGE, "plot", "maks", "--input", self.input, says="mask")
        self.out = self.input + "/x.png"
        refused(FAILED, "x.png")
        self.input += "-missing"
        refused(FAILED, "No such file")


if __name__ == "__main__":
    main([])
