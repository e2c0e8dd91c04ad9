"""Fully sharded data parallelism: no rank holds the whole model, except one layer at a time.

Which modules are sharded: every nn.Linear and nn.Embedding inside, by its `weight`. Everything else
(norms) is replicated: every rank holds it whole. No weight is shared by two modules, and no Linear
has a bias, as in systems/model.py.
"""

import torch
from torch import Tensor, nn

from lib.grading.feedback import todo
from lib.parallel.comm import Comm


class FullySharded(nn.Module):
    """Wraps a module. Afterwards `parameters()` are this rank's shards and the replicated ones.

    **Shards.** All ranks start from rank 0's values. A weight of n numbers is flattened, filled up
    with zeros to a multiple of R, and cut into R parts; rank r keeps part r, as a parameter of one
    axis, in the weight's own type (float32). An optimizer made of parameters() updates shards.

    **Forward.** A layer's weight is all-gathered for it, and freed as soon as the layer has run.
    While a layer runs, the all-gather of the next one is already under way (comm.start), and
    nothing beyond the next but one has begun: at most two layers early. The order is that of
    module.modules(), in which the layers run. With one rank the same calls are made.

    **Backward.** Where a layer's weight is needed, it is gathered again, the one before it early in
    the same way, and freed. The gradient of the weight is reduce-scattered with "mean": it ends up
    in the `grad` of the shard, on every rank its own part. Nothing as large as a weight is left.

    **compute_dtype** (None: the weights' own type). A shard is cast *before* it is gathered, so
    that fewer bytes travel, and the layer computes in that type: what enters a Linear is cast too.
    Gradients are reduce-scattered in that type, and then added to `grad` in the shard's own.

    `finish_gradient_synchronization()` is called after the backward pass, and gives the replicated
    parameters the mean of their gradients.
    """

    def __init__(
        self, module: nn.Module, comm: Comm, compute_dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        todo("3.8", "broadcast, then replace each weight by a shard; first without looking ahead.")

    def forward(self, *args: object, **kwargs: object) -> Tensor:
        """What the module returns."""
        return todo("3.8", "start the first gather, then call the module under its hooks.")

    def finish_gradient_synchronization(self) -> None:
        """The means for what is replicated; and wait for what may still be under way."""
        todo("3.8", "as reduce_each, for the replicated parameters.")

    def full_weights(self) -> dict[str, Tensor]:
        """All parameters whole, under the names that the module had before it was wrapped.

        All ranks call it, and all get everything, in the parameters' own type.
        """
        return todo("3.8", "all-gather each shard, cut the zeros off, give it its shape again.")
