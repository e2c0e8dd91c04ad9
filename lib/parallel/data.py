"""Data parallelism: every rank has the whole model and a part of the batch.

Gradients of a mean over the batch are means of the parts' gradients, if the parts are equal. So
ranks that begin with equal weights, average their gradients, and take the same step stay equal, and
do what one process would do with the whole batch. Three ways to average, each faster than the one
before: a message for each parameter, one message for all, and buckets that travel during backward.

Parts may be unequal if each rank multiplies its loss by n * (its targets) / (all targets).
A parameter counts once, wherever it is used; one that is frozen takes no part; one that has no
gradient on a rank counts as zeros there, and afterwards has the mean on all ranks.

Letters: n ranks.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from lib.parallel.buckets import MB, Bucket, make_buckets
from lib.parallel.comm import Comm, Pending
from lib.parallel.flat import FlatLayout, flattened
from lib.parallel.reducer import Event, Reducer


def broadcast_module(comm: Comm, module: nn.Module, root: int = 0) -> None:
    """Give all ranks the root's parameters and buffers, in place."""
    tensors = [*module.parameters(), *module.buffers()]
    _check_same(comm, tensors)
    for pending in [comm.start("broadcast", t, root=root, in_place=True) for t in tensors]:
        pending.wait()


def reduce_each(comm: Comm, module: nn.Module) -> None:
    """After backward: average the gradients, one after the other. The obvious way."""
    for p in module.parameters():
        if p.requires_grad:
            gradient = torch.zeros_like(p) if p.grad is None else p.grad
            p.grad = comm.all_reduce(gradient, "mean")


def reduce_flat(comm: Comm, module: nn.Module) -> None:
    """After backward: average all gradients in one message for each kind of number."""
    params = [p for p in module.parameters() if p.requires_grad]
    for dtype in dict.fromkeys(p.dtype for p in params):
        alike = [p for p in params if p.dtype == dtype]
        layout = FlatLayout([tuple(p.shape) for p in alike])
        flat = flattened([p.grad for p in alike], layout, alike[0])
        comm.all_reduce(flat, "mean", in_place=True)
        for p, view in zip(alike, layout.views(flat)):
            p.grad = view


class DataParallel(nn.Module):
    """The module, whose gradients are averaged in buckets while backward still runs.

        model = DataParallel(model, comm)     # all get rank 0's weights
        loss(model(x)).backward()
        model.finish()                        # now every .grad is the mean
        optimizer.step()

    Gradients lie in the buckets from one step to the next: together they are as large as the
    parameters, and there is no second copy. Buffers are the same at the beginning only. With
    `find_unused` one more small message finds out what no rank has used: it has no gradient (None)
    then instead of zeros, which an optimizer with weight decay or momentum treats differently.
    """

    def __init__(
        self,
        module: nn.Module,
        comm: Comm,
        bucket_bytes: int = 25 * MB,
        overlap: bool = True,
        first_bytes: int = MB,
        find_unused: bool = False,
    ) -> None:
        super().__init__()
        self.module, self.comm, self.find_unused = module, comm, find_unused
        broadcast_module(comm, module)
        buckets = make_buckets(module.named_parameters(), bucket_bytes, first_bytes)
        share = 1 / comm.n_ranks
        self.reducer = Reducer(buckets, self._start, share=share, overlap=overlap)

    def forward(self, *inputs: Any, **named: Any) -> Any:
        if self.reducer.is_busy:
            raise RuntimeError(
                "The gradients of the last backward pass are still on their way. Call finish() "
                "after every backward() that is not in `with model.no_reduction():`."
            )
        return self.module(*inputs, **named)

    def finish(self) -> None:
        """Wait until every gradient is the mean over all ranks. To be called after backward."""
        unused = self._unused_by_all() if self.find_unused else []
        self.reducer.finish()
        for p in unused:
            p.grad = None

    @contextmanager
    def no_reduction(self) -> Iterator[None]:
        """Backward passes in here only add to the gradients that this rank has.

        For a batch in several parts: all but the last run in here, and there is one reduction.
        """
        self.reducer.reducing = False
        try:
            yield
        finally:
            self.reducer.reducing = True

    @property
    def buckets(self) -> list[Bucket]:
        """In the order in which they leave."""
        return self.reducer.buckets

    @property
    def events(self) -> list[Event]:
        """Of the last backward pass that was reduced."""
        return self.reducer.events

    def _start(self, bucket: Bucket) -> Pending:
        return self.comm.start("all_reduce", bucket.flat, in_place=True)

    def _unused_by_all(self) -> list[nn.Parameter]:
        params = [p for bucket in self.buckets for p in bucket.params]
        used = torch.tensor([p.grad is not None for p in params], device=params[0].device).int()
        return [p for p, n in zip(params, self.comm.all_reduce(used).tolist()) if n == 0]


def _check_same(comm: Comm, tensors: list[Tensor]) -> None:
    mine = torch.tensor([[len(tensors), sum(t.numel() for t in tensors)]])
    mine = mine.to(tensors[0].device) if tensors else mine
    found = comm.all_gather(mine).tolist()
    if any(other != found[0] for other in found):
        counts = ", ".join(f"{n} with {size:,} on rank {r}" for r, (n, size) in enumerate(found))
        raise ValueError(
            f"All ranks need the same model, but of tensors, with values, there are {counts}. "
            "Build it from the same config on every rank; only the values may differ."
        )
