"""The vocabulary cut over ranks: embedding, and the loss of logits of which nobody has all.

The table is cut by tokens, so the same part serves as output matrix. A rank looks up the ids that
it has and gives zeros for the others; the sum has every row once. For the loss, ranks tell each
other three numbers per position: the largest logit, the sum of exp, and the logit of the target.
The logits, V numbers per position, stay where they are (Megatron-LM, arXiv 1909.08053, section 3).

Letters: *B any leading axes, *T axes up to the positions, *P those of one rank, D width, V
vocabulary, part of it on one rank.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from lib.parallel.comm import Comm
from lib.parallel.conjugates import sum_out
from lib.parallel.region import Region


def vocabulary_range(V: int, comm: Comm) -> range:
    """The token ids of this rank. Where they cannot be equally many, the first ranks have more."""
    each, left = divmod(V, comm.n_ranks)
    start = comm.rank * each + min(comm.rank, left)
    return range(start, start + each + (comm.rank < left))


class VocabularyEmbedding(nn.Module):
    """This rank's rows of a table of `n` vectors; zero until they are filled."""

    def __init__(self, n: int, width: int, dtype: torch.dtype, region: Region) -> None:
        super().__init__()
        self.n, self.region = n, region
        self.ids = vocabulary_range(n, region.comm)
        self.weight = nn.Parameter(torch.zeros(len(self.ids), width, dtype=dtype))

    def forward(self, ids: Int[Tensor, "*T"]) -> Float[Tensor, "*P D"]:
        """The vectors of all ids, whoever has them."""
        check_ids(ids, self.n)
        places, here = find(ids, self.ids)
        rows = F.embedding(places, self.weight)
        return self.region.leave(rows * here.unsqueeze(-1))

    def extra_repr(self) -> str:
        return f"rows {self.ids.start} to {self.ids.stop - 1} of {self.n}"


def vocabulary_cross_entropy(
    comm: Comm,
    logits: Float[Tensor, "*B part"],
    targets: Int[Tensor, "*B"],
    vocab_size: int,
    mask: Bool[Tensor, "*B"] | None = None,
    z_loss: float = 0.0,
) -> Float[Tensor, ""]:
    """`lib.training.losses.cross_entropy`, from this rank's logits: the same on every rank."""
    if mask is not None:
        targets = targets.masked_fill(~mask, 0)
    losses = vocabulary_token_losses(comm, logits, targets, vocab_size, z_loss)
    if mask is None:
        return losses.mean()
    return torch.where(mask, losses, 0).sum() / mask.sum()


def vocabulary_token_losses(
    comm: Comm,
    logits: Float[Tensor, "*B part"],
    targets: Int[Tensor, "*B"],
    vocab_size: int,
    z_loss: float = 0.0,
) -> Float[Tensor, "*B"]:
    """The loss at every position, in float32 or better; the way back needs no other rank."""
    check_ids(targets, vocab_size)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    largest = comm.all_reduce(logits.detach().amax(dim=-1), "max")
    places, here = find(targets, vocabulary_range(vocab_size, comm))
    sums = (logits - largest.unsqueeze(-1)).exp().sum(dim=-1)
    picked = logits.gather(-1, places.unsqueeze(-1)).squeeze(-1) * here
    total, picked = sum_out(comm, torch.stack([sums, picked]))  # one message for both
    log_z = total.log() + largest
    return log_z + z_loss * log_z.square() - picked


def find(ids: Int[Tensor, "*B"], mine: range) -> tuple[Int[Tensor, "*B"], Bool[Tensor, "*B"]]:
    """Where ids are among this rank's, and whether they are there at all: if not, 0 and False."""
    here = (ids >= mine.start) & (ids < mine.stop)
    return torch.where(here, ids.long() - mine.start, 0), here


def check_ids(ids: Int[Tensor, "*B"], n: int) -> None:
    """No rank would miss an id that none has: its vector would be zero, silently."""
    if ids.numel() and not 0 <= ids.min() <= ids.max() < n:
        raise IndexError(
            f"The ranks together have ids 0 to {n - 1}, and were asked for {ids.min()} to "
            f"{ids.max()}. Was the text encoded with another vocabulary? Positions without a label "
            "are left out by mask=, not by -100."
        )
