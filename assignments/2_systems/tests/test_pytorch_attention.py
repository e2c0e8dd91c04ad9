"""What plain attention keeps, by a look at tensors without numbers."""

import torch
from torch import Tensor

from lib.grading.answers import judge
from lib.grading.problems import problem
from systems.attention import attention

MIB, GIB = 2**20, 2**30
B, H = 8, 64
GRID = (256, 1024, 4096, 8192, 16_384)


def kept(T: int) -> int:
    """Bytes of attention over T positions, float32."""
    held: dict[int, torch.UntypedStorage] = {}

    def note(x: Tensor) -> Tensor:
        storage = x.untyped_storage()
        held[id(storage)] = storage
        return x

    with torch.device("meta"):
        q, k, v = (torch.zeros(B, T, H, requires_grad=True) for _ in range(3))
        with torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
            attention(q, k, v, is_causal=True)
    return sum(storage.nbytes() for storage in held.values())


@problem("pytorch_attention")
def test_what_is_kept():
    n_bytes, weights = kept(16_384), 4 * B * 16_384**2
    mistakes = {
        "This is in GB, 10^9 bytes; asked for are GiB, 2^30.": n_bytes / 1e9,
        "A float32 has four bytes.": n_bytes / 2 / GIB,
        "Scores are not kept: softmax only needs its result.": (n_bytes + weights) / GIB,
    }
    judge("pytorch_attention.kept_gib", n_bytes / GIB, 2e-3, mistakes)
    percent = 100 * weights / n_bytes
    mistakes = {"Per cent: multiply by 100.": percent / 100}
    judge("pytorch_attention.weights_percent", percent, 1e-3, mistakes)


@problem("pytorch_attention")
def test_the_longest():
    fitting = max(T for T in GRID if kept(T) <= 4 * GIB)
    judge("pytorch_attention.longest", fitting, 0)


@problem("pytorch_attention")
def test_what_flash_attention_keeps():
    right = 4 * (4 * B * 16_384 * H + B * 16_384) / MIB
    mistakes = {
        "One number for each query is kept too.": 16 * B * 16_384 * H / MIB,
        "The result is kept too, for D.": right - 4 * B * 16_384 * H / MIB,
    }
    judge("pytorch_attention.flash_mib", right, 1e-3, mistakes)
