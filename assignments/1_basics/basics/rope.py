"""Rotary positions (RoPE): queries and keys are turned by an angle that grows with their position.

Letters: T positions, H width of one head, an even number. "..." are any leading axes.
"""

import torch
from torch import Tensor, nn

from lib.grading.feedback import todo


class RoPE(nn.Module):
    """Turns vectors of width H by their positions.

    Coordinates 2k and 2k + 1 are a pair, k = 0, 1, ..., H/2 - 1. At position p (positions begin at
    0) the pair k turns counter-clockwise by the angle p * theta^(-2k / H), in radians:

        new[2k]     = old[2k] * cos(angle) - old[2k + 1] * sin(angle)
        new[2k + 1] = old[2k] * sin(angle) + old[2k + 1] * cos(angle)

    Nothing is learned, so there are no parameters and nothing to save: the cosines and sines of all
    positions below `context` are tables in float32, made once, in buffers that are not persistent.

    With theta 100 and H = 4, at position 3 the pairs turn by 3 and 0.3:
        [1, 0, 0, 1]  ->  [cos 3, sin 3, -sin 0.3, cos 0.3] = [-0.990, 0.141, -0.296, 0.955]
    """

    def __init__(
        self, theta: float, head_width: int, context: int, device: torch.device | None = None
    ) -> None:
        super().__init__()
        todo("2.5", "make a table of angles (context, H/2), and register its cosines and sines.")

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        """(..., T, H) -> (..., T, H), in the dtype of x.

        `positions` are whole numbers below `context`, in any order. Their shape is (T,), or
        (..., T) with leading axes that broadcast against those of x.
        """
        todo("2.5", "look up the rows of both tables at positions, then turn every pair.")
