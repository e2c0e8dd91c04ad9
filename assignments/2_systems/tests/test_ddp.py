"""Gradients averaged after the backward pass: equal to one process, with few messages."""

import torch
from torch import Tensor

from adapters import parallel
from lib.grading.feedback import holds, same
from lib.grading.on_ranks import on_ranks
from lib.grading.problems import problem
from tests import small_models

WITHIN = 1e-10  # float64: only the order of two sums differs


def broadcast(comm, broadcast_module, kind):
    model = small_models.made(kind, seed=comm.rank)
    with torch.no_grad():
        for buffer in model.buffers():
            buffer += comm.rank + 1
    broadcast_module(comm, model)
    return {name: x.detach() for name, x in model.state_dict().items()}


@problem("naive_ddp")
def test_all_start_from_rank_0():
    for kind in ("plain", "frozen"):
        expected, *others = on_ranks(2, broadcast, parallel.broadcast_module, kind)
        start = {name: x.detach() for name, x in small_models.made(kind).named_parameters()}
        start |= {"steps": torch.ones(2, dtype=torch.float64)}
        for rank, yours in enumerate([expected, *others]):
            given = f"{kind} model, rank {rank} of 2, after broadcast_module"
            same(yours, {name: start[name] for name in yours}, given=given)


def trained(comm, broadcast_module, reduce, kind, n_steps):
    """Parameters after some steps, and the sizes of all messages of the last one."""
    model = small_models.made(kind, seed=comm.rank)
    broadcast_module(comm, model)
    optimizer = small_models.sgd([p for p in model.parameters() if p.requires_grad])
    for _ in range(n_steps):
        optimizer.zero_grad()
        small_models.loss(model, *small_models.rows(kind, comm.n_ranks, comm.rank)).backward()
        comm.traffic.clear()
        reduce(comm, model)
        optimizer.step()
    sizes = [(call.op, call.size) for call in comm.traffic.calls]
    return {name: p.detach() for name, p in model.named_parameters()}, sizes


def check(reduce, kind: str, n_ranks: int = 2, n_steps: int = 3) -> None:
    done = on_ranks(n_ranks, trained, parallel.broadcast_module, reduce, kind, n_steps)
    right = small_models.alone(kind, n_ranks, n_steps, small_models.sgd)
    for rank, (yours, _) in enumerate(done):
        given = f"{kind} model, {n_steps} steps, rank {rank} of {n_ranks}: parameters"
        same(yours, right, given=given, within=WITHIN)


@problem("naive_ddp")
def test_steps_are_those_of_one_process():
    check(parallel.reduce_each, "plain", n_steps=1)
    check(parallel.reduce_each, "plain")


@problem("naive_ddp")
def test_three_ranks():
    check(parallel.reduce_each, "plain", n_ranks=3)


@problem("naive_ddp")
def test_shared_frozen_and_unused_parameters():
    check(parallel.reduce_each, "tied")
    check(parallel.reduce_each, "frozen")
    check(parallel.reduce_each, "unused")


def messages(reduce, kind: str) -> list[int]:
    done = on_ranks(2, trained, parallel.broadcast_module, reduce, kind, 1)
    sizes = done[0][1]
    others = sorted({op for op, _ in sizes if op != "all_reduce"})
    same(others, [], given=f"{kind} model: calls other than all_reduce")
    return [size for _, size in sizes]


def bytes_of(kind: str) -> list[int]:
    return [p.nbytes for p in small_models.made(kind).parameters() if p.requires_grad]


@problem("naive_ddp")
def test_one_message_for_each_parameter():
    for kind in ("plain", "tied", "frozen"):
        given = f"{kind} model: bytes of all messages of a step, sorted"
        same(sorted(messages(parallel.reduce_each, kind)), sorted(bytes_of(kind)), given=given)


@problem("minimal_ddp_flat")
def test_flat_steps_are_those_of_one_process():
    for kind in ("plain", "tied", "frozen", "unused"):
        check(parallel.reduce_flat, kind)


@problem("minimal_ddp_flat")
def test_there_is_a_single_message():
    for kind in ("plain", "tied", "frozen"):
        given = f"{kind} model: bytes of all messages of a step"
        same(messages(parallel.reduce_flat, kind), [sum(bytes_of(kind))], given=given)


def two_types(comm, reduce_flat):
    """Gradients of a half and of a single, which differ from rank to rank."""
    model = torch.nn.ParameterList([torch.zeros(2, dtype=torch.bfloat16), torch.zeros(3)])
    for p in model:
        p.grad = torch.full_like(p, 1.0 + 2 * comm.rank)
    reduce_flat(comm, model)
    return [p.grad for p in model], len(comm.traffic.calls)


@problem("minimal_ddp_flat")
def test_each_dtype_has_its_message():
    for grads, n_messages in on_ranks(2, two_types, parallel.reduce_flat):
        right: list[Tensor] = [torch.full((2,), 2.0, dtype=torch.bfloat16), torch.full((3,), 2.0)]
        same(grads, right, given="gradients 1 and 3 on two ranks, in bfloat16 and float32")
        holds(n_messages == 2, "There is one message for each dtype.", yours=n_messages)
