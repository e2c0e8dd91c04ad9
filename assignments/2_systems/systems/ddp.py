"""Data parallelism: all ranks hold the model, each sees a part of the batch.

Each rank computes the mean loss of its part; parts are equal. So the gradient of the whole batch is
the **mean** over the ranks of theirs.

A Comm is one rank's view of the others (lib/parallel/comm.py): comm.rank, comm.n_ranks,
comm.broadcast(x), comm.all_reduce(x, "mean"), and comm.start("all_reduce", x, reduction="mean"),
which begins and returns something whose wait() gives the result. All ranks must start the same
calls in the same order, so no rank may skip a message that the others send.

Which parameters take part: those with requires_grad, each once, even if two modules share it. One
whose gradient is None on some rank (the loss does not need it) takes part there with zeros, and has
a gradient on all ranks afterwards.
"""

from torch import Tensor, nn

from lib.grading.feedback import todo
from lib.parallel.comm import Comm


def broadcast_module(comm: Comm, module: nn.Module) -> None:
    """Give all ranks rank 0's parameters, frozen ones too, and buffers. In place."""
    todo(
        "3.2",
        "torch.no_grad, and x.copy_(comm.broadcast(x)) for each, in the same order everywhere.",
    )


def reduce_each(comm: Comm, module: nn.Module) -> None:
    """After the backward pass: every gradient becomes the mean over the ranks, one all-reduce each.

    Ranks with gradients [1] and [3]: both have [2] afterwards.
    """
    todo("3.2", "module.parameters() yields a shared parameter once.")


def reduce_flat(comm: Comm, module: nn.Module) -> None:
    """The same with a single message: all gradients side by side in one long tensor.

    Gradients of another dtype need a message of their own: one for each dtype.
    """
    todo("3.3", "torch.cat of the flattened gradients; split and view_as on the way back.")


class DataParallel(nn.Module):
    """Wraps a module, so that gradients travel while the backward pass still runs.

    On construction all ranks get rank 0's parameters and buffers. Then, in every backward pass:

    * With `bucket_bytes` None, the all-reduce of a parameter begins as soon as its gradient is
      complete (Tensor.register_post_accumulate_grad_hook), and nobody waits for it yet. All ranks
      use the same parameters then.
    * With a number, parameters share messages. Buckets are filled in the reverse of the order of
      parameters(), which is about the order in which gradients come; a parameter begins a new
      bucket if the one before it would become larger than `bucket_bytes`, or has another dtype. A
      bucket's single all-reduce begins when its last gradient is complete; buckets begin in their
      order.

    `finish_gradient_synchronization()` is called after the backward pass: it sends what has not
    been sent, waits, and puts the means into the gradients. After it the next pass may come. In a
    pass that uses a parameter several times, its hook runs once, when all uses are added up.
    """

    def __init__(self, module: nn.Module, comm: Comm, bucket_bytes: int | None = None) -> None:
        super().__init__()
        todo("3.4", "keep module and comm, broadcast, register a hook on each parameter.")

    def forward(self, *args: object, **kwargs: object) -> Tensor:
        """What the module returns."""
        return todo("3.4", "self.module(*args, **kwargs)")

    def finish_gradient_synchronization(self) -> None:
        """Afterwards every gradient is the mean over the ranks."""
        todo(
            "3.4",
            "for each (parameter, pending) that a hook has noted: p.grad.copy_(pending.wait()).",
        )
