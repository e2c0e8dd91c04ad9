"""The parts that treat every position by itself: matrix, table, norm, feed-forward layer.

Letters: D width of the model's vectors, F width inside the feed-forward layer. "..." are any
leading axes, also none: sequences, positions, heads, whatever the caller has.

Every part keeps its learned numbers in an `nn.Parameter` of the name that its text gives. `device`
and `dtype` are those of the parameters; None means PyTorch's default. No biases anywhere.
"""

import torch
from torch import Tensor, nn

from lib.grading.feedback import todo


class Linear(nn.Module):
    """y = W x, for every vector x along the last axis.

    `weight` has the shape (d_out, d_in): one row for each output. At first its numbers are drawn
    from a normal distribution with mean 0 and variance 2 / (d_in + d_out), cut at three standard
    deviations (`nn.init.trunc_normal_`).

    With weight [[1, 2, 0], [0, 3, 1]]:  x = [1, 1, 1]  ->  [3, 4]
    """

    def __init__(
        self,
        d_in: int,
        d_out: int,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        todo("2.1", "make self.weight, an nn.Parameter of shape (d_out, d_in), and draw it.")

    def forward(self, x: Tensor) -> Tensor:
        """(..., d_in) -> (..., d_out)"""
        todo("2.1", "multiply the last axis of x by every row of the weight and add up.")


class Embedding(nn.Module):
    """A table of n learned vectors; ids look up its rows.

    `weight` has the shape (n, width), drawn from a normal distribution with mean 0 and variance 1,
    cut at -3 and 3.

    With weight [[1, 2], [3, 4], [5, 6]]:  ids = [2, 0, 2]  ->  [[5, 6], [1, 2], [5, 6]]
    """

    def __init__(
        self,
        n: int,
        width: int,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        todo("2.2", "make self.weight, an nn.Parameter of shape (n, width), and draw it.")

    def forward(self, ids: Tensor) -> Tensor:
        """Whole numbers (...) -> (..., width)"""
        todo("2.2", "take the rows of the weight that ids name.")


class RMSNorm(nn.Module):
    """x / sqrt(mean(x^2) + eps) * weight, the mean taken over the last axis.

    `weight` has the shape (width,) and is one at first. Whatever dtype x has, everything is
    computed in float32, and only the result is cast back to the dtype of x.

    With weight [1, 10] and eps 0:  x = [3, 4]  ->  [3, 40] / sqrt(12.5)
    """

    def __init__(
        self,
        width: int,
        eps: float = 1e-5,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        todo("2.3", "keep eps, and make self.weight, an nn.Parameter of ones.")

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) -> (..., width), in the dtype of x"""
        todo("2.3", "remember x.dtype, then make x float32 before anything is squared.")


def silu(x: Tensor) -> Tensor:
    """x * sigmoid(x), for every number. `torch.sigmoid` is allowed.

    silu(0) = 0, silu(1) = 0.7311, silu(-1) = -0.2689
    """
    return todo("2.4", "multiply x by torch.sigmoid(x).")


def default_ff_width(width: int) -> int:
    """The inner width of a feed-forward layer: 8/3 of the width, to the nearest multiple of 64, and
    never less than 64.

    default_ff_width(512)  ->  1344, because 8/3 * 512 = 1365.3 = 21.3 * 64
    """
    return todo("2.4", "divide 8/3 of the width by 64, round, and multiply by 64 again.")


class SwiGLU(nn.Module):
    """down(silu(gate(x)) * up(x)): three matrices, and one product opens or closes the other.

    `gate` and `up` are Linear from width to ff_width, `down` is Linear from ff_width to width.
    """

    def __init__(
        self,
        width: int,
        ff_width: int,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        todo("2.4", "make self.gate, self.up and self.down, three of your Linear.")

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) -> (..., width)"""
        todo("2.4", "apply silu to gate(x) only, multiply by up(x), and narrow with down.")
