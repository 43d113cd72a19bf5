"""attention_backend, the environment and forward_context as Python sees them."""

import os
import threading
import unittest

from common import fvattn, qkv, torch


class Scopes(unittest.TestCase):
    def setUp(self):
        self.x = qkv()

    def names_nobody(self, name):
        with self.assertRaisesRegex(ValueError, name):
            fvattn.attention(*self.x)

    def test_scope_decides_and_nests(self):
        with fvattn.attention_backend("NOBODY_ATTN"):
            self.names_nobody("NOBODY_ATTN")
            with fvattn.attention_backend("TORCH_SDPA"):
                fvattn.attention(*self.x)
            self.names_nobody("NOBODY_ATTN")
            fvattn.attention(*self.x, backend="TORCH_SDPA")  # an argument wins
        fvattn.attention(*self.x)

    def test_scope_goes_with_an_exception(self):
        with self.assertRaises(KeyError):
            with fvattn.attention_backend("NOBODY_ATTN"):
                raise KeyError
        fvattn.attention(*self.x)

    def test_scope_is_of_one_thread(self):
        results = []
        with fvattn.attention_backend("NOBODY_ATTN"):
            thread = threading.Thread(target=lambda: results.append(fvattn.attention(*self.x)))
            thread.start()
            thread.join()
        self.assertEqual(len(results), 1)

    def test_leaving_what_was_not_entered(self):
        with self.assertRaisesRegex(RuntimeError, "no open scope"):
            torch.ops.fvattn.leave_backend()

    def test_environment(self):
        os.environ["FASTVIDEO_ATTENTION_BACKEND"] = "NOBODY_ATTN"
        try:
            fvattn.reload_environment()
            self.names_nobody("NOBODY_ATTN")
            with fvattn.attention_backend("TORCH_SDPA"):
                fvattn.attention(*self.x)
        finally:
            del os.environ["FASTVIDEO_ATTENTION_BACKEND"]
            fvattn.reload_environment()
        fvattn.attention(*self.x)

    def test_context_carries_metadata(self):
        mask = torch.zeros(1, 33).tolist()
        mask[0][:20] = [1.0] * 20
        plain = fvattn.attention(*self.x, backend="TORCH_SDPA")
        attend = [[int(value) for value in mask[0]]]
        with fvattn.forward_context(step=2, total_steps=5, metadata={"TORCH_SDPA": {"attn_mask": attend}}):
            masked = fvattn.attention(*self.x, backend="TORCH_SDPA")
        expected = fvattn.attention(self.x[0], self.x[1][:, :20], self.x[2][:, :20], backend="TORCH_SDPA")
        torch.testing.assert_close(masked, expected)
        self.assertFalse(torch.equal(plain, masked))
        torch.testing.assert_close(fvattn.attention(*self.x, backend="TORCH_SDPA"), plain)
        by_options = fvattn.attention(*self.x, backend="TORCH_SDPA", options={"attn_mask": attend})
        self.assertTrue(torch.equal(by_options, masked))

    def test_context_errors(self):
        for metadata in ({"NOBODY_ATTN": {}}, {"TORCH_SDPA": {"attn_maks": [[1]]}}):
            with self.assertRaises((ValueError, RuntimeError)):
                with fvattn.forward_context(metadata=metadata):
                    self.fail("the context opened")
        with self.assertRaises(ValueError):
            with fvattn.forward_context(step="three"):
                pass
        with self.assertRaisesRegex(RuntimeError, "no open scope"):
            torch.ops.fvattn.leave_context()


if __name__ == "__main__":
    unittest.main()
