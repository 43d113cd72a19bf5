"""fvattn run over processes gives what it gives alone, and ends as one when something fails."""

import json
import os
import shutil
import sys
import tempfile
import time

from harness import FAILED, OK, UNAVAILABLE, USAGE, ProgramTest, main
from tensors import load, np, relative_l2, save

if not shutil.which("mpirun"):
    print("skipped: there is no mpirun here")
    sys.exit(77)

GRID = [3, 7, 5]  # 105 rows: no number of ranks divides them
SPARSE = {
    "SLIDING_TILE_ATTN": {"dit_seq_shape": GRID, "tile_size": [1, 3, 2], "window_size": [3, 3, 1]},
    "VIDEO_SPARSE_ATTN": {"dit_seq_shape": GRID, "VSA_sparsity": 0.5},
    "VMOBA_ATTN": {"dit_seq_shape": GRID, "temporal_chunk_size": 1, "temporal_topk": 2, "spatial_chunk_size": [7, 1],
                   "spatial_topk": 2, "st_chunk_size": [1, 7, 1], "st_topk": 4, "moba_select_mode": "topk"},
}  # fmt: skip


class Ranks(ProgramTest):
    """What both share."""

    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.input = os.path.join(self.folder, "in.safetensors")
        self.output = os.path.join(self.folder, "out.safetensors")

    def tensors(self, rows=105, heads=6, kv_heads=6, text=0, gate=False, batch=1, dim=64, gradients=True):
        rng = np.random.default_rng()
        draw = lambda *shape: rng.standard_normal(shape).astype(np.float32)
        made = {}
        for name, h in (("q", heads), ("k", kv_heads), ("v", kv_heads)):
            made[name] = draw(batch, rows, h, dim)
            if text:
                made["text_" + name] = draw(batch, text, h, dim)
        if gate:
            made["gate_compress"] = draw(batch, rows, heads, dim)
        if gradients:
            made["d_o"] = draw(batch, rows, heads, dim)
            if text:
                made["d_text_o"] = draw(batch, text, heads, dim)
        return made

    def arguments(self, backend, parameters):
        words = ["run", "--backend", backend, "--input", self.input, "--output", self.output, "--json"]
        for key, value in parameters.items():
            words += ["--param", f"{key}={json.dumps(value)}"]
        return words

    def over(self, ranks, *words, code=OK, says=(), **kw):
        return self.ends(code, "launch", "-n", ranks, "--", "fvattn", *words, says=says, timeout=60, **kw)

    def same(self, backend, parameters, ranks, **shape):
        save(self.input, self.tensors(**shape))
        words = self.arguments(backend, parameters)
        alone_says = self.ends(OK, *words).json()
        alone, kinds, _ = load(self.output)
        done = self.over(ranks, *words).json()
        got, got_kinds, metadata = load(self.output)
        self.assertEqual(kinds, got_kinds)
        for name, value in alone.items():
            self.assertLess(relative_l2(got[name], value), 1e-5, f"{backend} {name} over {ranks} ranks")
        self.assertEqual(done["ranks"], ranks)
        self.assertEqual(metadata["ranks"], str(ranks))
        for same in ("backend", "outputs", "attended_pairs", "density"):
            self.assertEqual(done.get(same), alone_says.get(same))
        self.assertEqual(sorted(os.listdir(self.folder)), ["in.safetensors", "out.safetensors"])


class Same(Ranks):
    def test_exact_backends(self):
        self.same("TORCH_SDPA", {}, 2, heads=7, kv_heads=7, text=5)
        self.same("FLASH_ATTN", {"causal": True}, 4, heads=6, kv_heads=2, batch=2)

    def test_sparse_backends(self):
        self.same("SLIDING_TILE_ATTN", SPARSE["SLIDING_TILE_ATTN"], 2, heads=3, kv_heads=3, text=4)
        self.same("VIDEO_SPARSE_ATTN", SPARSE["VIDEO_SPARSE_ATTN"], 4, heads=6, kv_heads=2, gate=True)
        self.same("VMOBA_ATTN", SPARSE["VMOBA_ATTN"], 2, heads=5, kv_heads=5)

    def test_a_mask_and_more_ranks_than_heads(self):
        made = self.tensors(rows=9, heads=2, kv_heads=1, gradients=False)
        made["mask"] = np.random.default_rng().random((1, 2, 9, 9)) < 0.7
        made["mask"][..., 0] = True
        save(self.input, made)
        words = self.arguments("TORCH_SDPA", {})
        self.ends(OK, *words)
        alone = load(self.output)[0]["o"]
        self.over(4, *words)
        self.assertLess(relative_l2(load(self.output)[0]["o"], alone), 1e-5)


class Errors(Ranks):
    def fails(self, words, code, says, ranks=2, once=True, **kw):
        start = time.monotonic()
        done = self.over(ranks, *words, code=code, says=says, **kw)
        self.assertLess(time.monotonic() - start, 15)
        self.assertFalse(os.path.exists(self.output))
        errors = [line for line in done.err.splitlines() if line.startswith("fvattn run: error: ")]
        if once:
            self.assertEqual(len(errors), 1, done.err)
        self.assertIn("error", json.loads(done.out))
        return errors[0] if errors else done.err

    def test_mistakes_are_reported_once_with_the_usual_code(self):
        words = self.arguments("TORCH_SDPA", {})
        self.fails(words, FAILED, "in.safetensors")  # there is no file: rank 0 reads it
        save(self.input, self.tensors())
        self.fails(self.arguments("NO_SUCH_ATTN", {}), USAGE, "NO_SUCH_ATTN")
        self.fails(words + ["--inptu", "x"], USAGE, "did you mean --input?")
        self.fails(self.arguments("TORCH_SDPA", {"return_lse": True}), USAGE, "not possible over several ranks")
        self.fails(self.arguments("VIDEO_SPARSE_ATTN", {}), USAGE, "dit_seq_shape")
        self.fails(words + ["--device", "cuda"], UNAVAILABLE, "cuda")

    def test_the_rank_that_fails_is_named(self):
        save(self.input, self.tensors())
        # Only rank 1 has no plugins.
        script = '[ $OMPI_COMM_WORLD_RANK = 1 ] && export FASTVIDEO_ATTENTION_PLUGINS_DISABLE="*"; exec "$@"'
        words = ["sh", "-c", script, "sh", self.program, *self.arguments("TORCH_SDPA", {})]
        done = self.ends(UNAVAILABLE, "launch", "-n", 3, "--", *words, says="fvattn run: error: rank 1: ", timeout=60)
        self.assertEqual(done.err.count("fvattn run: error"), 1, done.err)

    def test_ranks_that_disagree(self):
        made = self.tensors(gradients=False)
        made["gate_compress"] = made["q"]
        save(self.input, made)
        other = lambda mine, theirs: ["sh", "-c", f'[ $OMPI_COMM_WORLD_RANK = 1 ] && exec "$0" {theirs}; exec "$0" {mine}',
                                      self.program]
        plain = f"run --input {self.input} --output {self.output} "
        sparsity = lambda s: plain + f"--backend VIDEO_SPARSE_ATTN --param dit_seq_shape=[3,7,5] --param VSA_sparsity={s}"
        for mine, theirs, text in (
            (plain + "--backend TORCH_SDPA", plain + "--backend FLASH_ATTN", "ranks disagree on the backend; got rank 0: "),
            (sparsity(0.5), sparsity(0.6), "ranks disagree on metadata VSA_sparsity; got rank 0: 0.5, rank 1: 0.6"),
            (plain + "--backend TORCH_SDPA", plain + "--backend TORCH_SDPA --param causal=true",
             "ranks disagree on causal; got rank 0: no, rank 1: yes"),
        ):  # fmt: skip
            save(self.input, made if "SPARSE" in mine else {name: made[name] for name in "qkv"})
            done = self.ends(FAILED, "launch", "-n", 2, "--", *other(mine, theirs), says=text, timeout=60)
            self.assertEqual(done.err.count("fvattn run: error"), 1, done.err)

    def test_an_output_that_cannot_be_written(self):
        save(self.input, self.tensors(gradients=False))
        words = self.arguments("TORCH_SDPA", {})
        words[words.index("--output") + 1] = os.path.join(self.folder, "no", "such", "folder")
        done = self.over(2, *words, code=FAILED, says="no/such")
        self.assertEqual(done.err.count("fvattn run: error"), 1, done.err)

    def test_torchrun_and_halves_of_launchers(self):
        save(self.input, self.tensors(gradients=False))
        words = self.arguments("TORCH_SDPA", {})
        torchrun = {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}
        self.ends(UNAVAILABLE, *words, env=torchrun, says=["torchrun started these ranks", "fvattn launch -n 2"])
        self.ends(USAGE, *words, env={"RANK": "0"}, says="RANK without WORLD_SIZE")
        self.ends(OK, *words, env={**torchrun, "WORLD_SIZE": "1"})


if __name__ == "__main__":
    main([])
