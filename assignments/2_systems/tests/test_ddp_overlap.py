"""Gradients that travel during the backward pass: seen in the order of events, never in time."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from adapters import parallel
from lib.grading.feedback import holds, same
from lib.grading.on_ranks import LoggedComm, on_ranks
from lib.grading.problems import problem
from tests import small_models

WITHIN = 1e-10  # float64: only the order of two sums differs
ALL = None  # bucket_bytes: one message for each parameter


def trained(comm, wrap, kind, bucket_bytes, n_steps, uneven=False):
    """Parameters after some steps of the wrapped model."""
    model = small_models.made(kind, seed=comm.rank)
    wrapped = wrap(model, comm, bucket_bytes)
    optimizer = small_models.sgd([p for p in model.parameters() if p.requires_grad])
    for _ in range(n_steps):
        optimizer.zero_grad()
        small_models.loss(wrapped, *small_models.rows(kind, comm.n_ranks, comm.rank)).backward()
        wrapped.finish_gradient_synchronization()
        optimizer.step()
    return {name: p.detach() for name, p in model.named_parameters()}


def check(kind: str, bucket_bytes: int | None, n_ranks: int = 2, n_steps: int = 3) -> None:
    done = on_ranks(n_ranks, trained, parallel.data_parallel, kind, bucket_bytes, n_steps)
    right = small_models.alone(kind, n_ranks, n_steps, small_models.sgd)
    for rank, yours in enumerate(done):
        given = (
            f"{kind} model, {n_steps} steps, rank {rank} of {n_ranks}, bucket_bytes {bucket_bytes}"
        )
        same(yours, right, given=given, within=WITHIN)


@problem("ddp_overlap")
def test_steps_are_those_of_one_process():
    check("plain", ALL, n_steps=1)
    check("plain", ALL)
    check("plain", ALL, n_ranks=3)


@problem("ddp_overlap")
def test_shared_and_frozen_parameters():
    check("tied", ALL)
    check("frozen", ALL)


def started(comm, wrap, kind):
    """What rank 1 has before its first step, buffers too."""
    model = small_models.made(kind, seed=comm.rank)
    for buffer in model.buffers():
        buffer += comm.rank + 1
    wrap(model, comm, ALL)
    return {name: x.detach() for name, x in model.state_dict().items()}


@problem("ddp_overlap")
def test_the_wrapper_broadcasts():
    for kind in ("plain", "frozen"):
        first, second = on_ranks(2, started, parallel.data_parallel, kind)
        same(second, first, given=f"{kind} model, rank 1 after wrapping; expected: rank 0's")


class Steps(nn.Module):
    """Linear layers of different sizes, which note when their backward passes are over."""

    def __init__(self, log: list[tuple], widths: tuple[int, ...]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(n, m, bias=False) for n, m in pairwise(widths))
        self.log = log

    def forward(self, x: Tensor) -> Tensor:
        for i, layer in enumerate(self.layers):
            x = layer(x)
            x.register_hook(lambda grad, i=i: self.log.append(("arrives at", i)))
        return x


WIDTHS = (3, 4, 5, 6, 7)  # layers of 12, 20, 30 and 42 numbers


def events(comm, wrap, bucket_bytes, n_passes):
    """The log of the last pass: gradients that arrive at layers, all-reduces that start and end."""
    log: list[tuple] = []
    torch.manual_seed(0)
    model = Steps(log, WIDTHS)
    wrapped = wrap(model, LoggedComm(comm, log), bucket_bytes)
    for _ in range(n_passes):
        log.clear()
        wrapped(torch.ones(2, 3)).sum().backward()
        log.append(("backward is over",))
        wrapped.finish_gradient_synchronization()
    return [entry[:3] for entry in log]


def check_order(log: list[tuple], sizes: list[int], complete: list[int], given: str) -> None:
    """The message of `sizes[i]` numbers starts before the gradient arrives at layer complete[i].

    A gradient arrives at layer i - 1 when layer i is done with it."""
    over = log.index(("backward is over",))
    starts = [entry for entry in log if entry[:2] == ("start", "all_reduce")]
    rule = "The all-reduces of a pass, in the order in which gradients come; numbers in each."
    same([entry[2] for entry in starts], sizes, given=f"{given}: {rule}")
    for size, layer in zip(sizes, complete):
        place = log.index(("start", "all_reduce", size))
        rule = f"The message of {size} numbers starts during the backward pass."
        holds(place < over, rule, given=given, yours=log)
        if layer >= 0:
            rule = f"It starts before the gradient arrives at layer {layer}: its own is complete."
            holds(place < log.index(("arrives at", layer)), rule, given=given, yours=log)
    waits = [i for i, entry in enumerate(log) if entry[0] == "wait"]
    rule = "Nobody waits for a message before the backward pass is over."
    holds(all(place > over for place in waits), rule, given=given, yours=log)


@problem("ddp_overlap")
def test_messages_start_while_gradients_are_still_on_their_way():
    """When the gradient arrives at layer 1, those of layers 3 and 2 have been sent, or one of them
    is about to be: the two happen in the same step of the backward pass."""
    for n_passes in (1, 3):
        for log in on_ranks(2, events, parallel.data_parallel, ALL, n_passes):
            given = f"four layers, of 12, 20, 30 and 42 numbers, pass {n_passes}"
            check_order(log, [42, 30, 20, 12], [1, 0, -1, -1], given)


@problem("ddp_buckets")
def test_bucket_steps_are_those_of_one_process():
    for bucket_bytes in (1, 200, 10**6):
        check("plain", bucket_bytes)
    for kind in ("tied", "frozen", "unused"):
        check(kind, 200)


@problem("ddp_buckets")
def test_buckets_are_filled_from_the_end():
    """In float32: 168, 120, 80 and 48 bytes."""
    for bucket_bytes, sizes, complete in (
        (10**6, [104], [-1]),
        (168, [42, 30, 32], [1, 0, -1]),
        (300, [72, 32], [0, -1]),
        (1, [42, 30, 20, 12], [1, 0, -1, -1]),
    ):
        for log in on_ranks(2, events, parallel.data_parallel, bucket_bytes, 2):
            given = f"four layers, of 12, 20, 30 and 42 numbers, bucket_bytes {bucket_bytes}"
            check_order(log, sizes, complete, given)
