"""A Comm of processes, over torch.distributed: gloo for CPUs, NCCL for GPUs."""

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from lib.parallel.comm import Comm, Pending, check_groups
from lib.parallel.traffic import Traffic


class TorchComm(Comm):
    """This process among those of a process group, which has to exist (`launch` makes one)."""

    def __init__(self, group: dist.ProcessGroup | None = None) -> None:
        self.group = dist.group.WORLD if group is None else group
        self.rank, self.n_ranks = dist.get_rank(self.group), dist.get_world_size(self.group)
        self.traffic = Traffic()
        # where a tensor must lie that arrives from nowhere
        self.device = "cuda" if dist.get_backend(self.group) == "nccl" else "cpu"

    def split(self, groups: list[list[int]]) -> Comm:
        mine = check_groups(groups, self.n_ranks, self.rank)
        everywhere = dist.get_process_group_ranks(self.group)
        made = [dist.new_group([everywhere[rank] for rank in group]) for group in groups]
        return TorchComm(made[groups.index(mine)])

    def _start(self, op: str, x: Tensor | None, **options: Any) -> Pending:
        return STARTS[op](self, x, **options)

    def _start_send(self, x: Tensor, to: int) -> Pending:
        return _after(dist.isend(x, group=self.group, group_dst=to), None, keep=x)

    def _start_receive(self, into: Tensor, source: int) -> Pending:
        return _after(dist.irecv(into, group=self.group, group_src=source), into)

    def _start_exchange(self, x: Tensor, to: int, into: Tensor, source: int) -> Pending:
        if self.device == "cpu":  # gloo needs no order, and a batch costs it time
            sent, received = self._start_send(x, to), self._start_receive(into, source)
            return Pending(lambda: (sent.wait(), received.wait())[1])
        send = dist.P2POp(dist.isend, x, group=self.group, group_peer=to)
        receive = dist.P2POp(dist.irecv, into, group=self.group, group_peer=source)
        works = dist.batch_isend_irecv([send, receive])
        return Pending(lambda: [work.wait() for work in works] and into)


def _after(work: Any, result: Tensor | None, keep: Tensor | None = None) -> Pending:
    """`keep` stays alive until the work is done."""

    def finish(_keep: Tensor | None = keep) -> Tensor | None:
        if work is not None:
            work.wait()
        return result

    return Pending(finish)


def _reduction(name: str) -> dist.ReduceOp:
    """Only NCCL has a mean: elsewhere the sum is divided."""
    return {"max": dist.ReduceOp.MAX, "min": dist.ReduceOp.MIN}.get(name, dist.ReduceOp.SUM)


def _divided(pending: Pending, reduction: str, n: int) -> Pending:
    if reduction != "mean":
        return pending

    def finish() -> Tensor | None:
        result = pending.wait()
        return result if result is None else result.div_(n)

    return Pending(finish)


def _broadcast(comm: TorchComm, x: Tensor, root: int, in_place: bool = False) -> Pending:
    out = x if in_place else x.clone()
    work = dist.broadcast(out, group=comm.group, group_src=root, async_op=True)
    return _after(work, out)


def _scatter(comm: TorchComm, x: Tensor | None, root: int) -> Pending:
    """The others learn shape and type first."""
    shape = [None if x is None else (tuple(x.shape), x.dtype)]
    dist.broadcast_object_list(shape, group=comm.group, group_src=root)
    (n_rows, *rest), dtype = shape[0]
    device = comm.device if x is None else x.device
    out = torch.empty((n_rows // comm.n_ranks, *rest), dtype=dtype, device=device)
    cut = None if x is None else [part.contiguous() for part in x.chunk(comm.n_ranks)]
    work = dist.scatter(out, cut, group=comm.group, group_src=root, async_op=True)
    return _after(work, out)


def _gather(comm: TorchComm, x: Tensor, root: int) -> Pending:
    arrive = [torch.empty_like(x) for _ in range(comm.n_ranks)] if comm.rank == root else None
    work = dist.gather(x, arrive, group=comm.group, group_dst=root, async_op=True)
    waited = _after(work, None, keep=x)
    return Pending(
        lambda: waited.wait() if arrive is None else (waited.wait(), torch.cat(arrive))[1]
    )


def _reduce(
    comm: TorchComm, x: Tensor, root: int, reduction: str, in_place: bool = False
) -> Pending:
    out, op = x if in_place else x.clone(), _reduction(reduction)
    work = dist.reduce(out, group=comm.group, group_dst=root, op=op, async_op=True)
    return _divided(_after(work, out if comm.rank == root else None), reduction, comm.n_ranks)


def _all_gather(comm: TorchComm, x: Tensor, into: Tensor | None = None) -> Pending:
    out = x.new_empty((comm.n_ranks * x.shape[0], *x.shape[1:])) if into is None else into
    work = dist.all_gather_single(out, x, group=comm.group, async_op=True)
    return _after(work, out, keep=x)


def _reduce_scatter(
    comm: TorchComm, x: Tensor, reduction: str = "sum", into: Tensor | None = None
) -> Pending:
    out = x.new_empty((x.shape[0] // comm.n_ranks, *x.shape[1:])) if into is None else into
    if comm.device == "cpu":
        return _scatter_and_reduce(comm, x, reduction, out)
    op = _reduction(reduction)
    work = dist.reduce_scatter_single(out, x, op=op, group=comm.group, async_op=True)
    return _divided(_after(work, out, keep=x), reduction, comm.n_ranks)


def _scatter_and_reduce(comm: TorchComm, x: Tensor, reduction: str, out: Tensor) -> Pending:
    """Parts go straight to their ranks, which add up n of them, in the order of the ranks.

    gloo's own reduce-scatter is an all-reduce of which n - 1 parts are thrown away.
    """
    arrived = torch.empty_like(x)
    work = dist.all_to_all_single(arrived, x, group=comm.group, async_op=True)
    waited = _after(work, arrived, keep=x)

    def finish() -> Tensor:
        first, *others = waited.wait().chunk(comm.n_ranks)
        combine = {"max": torch.maximum, "min": torch.minimum}.get(reduction, torch.add)
        out.copy_(first) if not others else combine(first, others[0], out=out)
        for part in others[1:]:
            combine(out, part, out=out)
        return out

    return _divided(Pending(finish), reduction, comm.n_ranks)


def _all_reduce(
    comm: TorchComm, x: Tensor, reduction: str = "sum", in_place: bool = False
) -> Pending:
    out = x if in_place else x.clone()
    work = dist.all_reduce(out, op=_reduction(reduction), group=comm.group, async_op=True)
    return _divided(_after(work, out), reduction, comm.n_ranks)


def _all_to_all(
    comm: TorchComm,
    x: Tensor,
    send_rows: list[int] | None = None,
    receive_rows: list[int] | None = None,
) -> Pending:
    n_rows = x.shape[0] if receive_rows is None else sum(receive_rows)
    out = x.new_empty((n_rows, *x.shape[1:]))
    work = dist.all_to_all_single(out, x, receive_rows, send_rows, group=comm.group, async_op=True)
    return _after(work, out, keep=x)


def _barrier(comm: TorchComm, x: None) -> Pending:
    return _after(dist.barrier(group=comm.group, async_op=True), None)


STARTS: dict[str, Callable[..., Pending]] = {
    "broadcast": _broadcast,
    "scatter": _scatter,
    "gather": _gather,
    "reduce": _reduce,
    "all_gather": _all_gather,
    "reduce_scatter": _reduce_scatter,
    "all_reduce": _all_reduce,
    "all_to_all": _all_to_all,
    "barrier": _barrier,
}
