"""A vector for each token id, or for each position: the row of a table."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn


class Embedding(nn.Module):
    """A table of `n` learned vectors; zero until `init.initialise` draws them."""

    def __init__(self, n: int, width: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n, width, dtype=dtype))

    def forward(self, ids: Int[Tensor, "*B"]) -> Float[Tensor, "*B D"]:
        """The rows. On a GPU, an id outside the table stops the program without our explanation."""
        try:
            return F.embedding(ids, self.weight)
        except IndexError as error:
            n = len(self.weight)
            raise IndexError(
                f"The table has rows 0 to {n - 1}, and was asked for {ids.min()} to {ids.max()}. "
                "If these are tokens: was the text encoded with another vocabulary? "
                "If positions: is the text longer than the model's context?"
            ) from error

    def extra_repr(self) -> str:
        n, width = self.weight.shape
        return f"{n} rows of {width}"
