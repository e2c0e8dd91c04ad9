"""The optimizer's state in parts: what each rank really keeps is counted, not only the weights."""

from typing import ClassVar

import torch
from torch import Tensor

from adapters import parallel
from lib.grading.feedback import holds, same
from lib.grading.on_ranks import on_ranks
from lib.grading.problems import problem

WITHIN = 1e-12  # float64, and the same operations as in one process
SHAPES = ((6, 4), (5,), (3, 7), (2, 2), (1,))


class Watched(torch.optim.AdamW):
    """AdamW of which every instance of this process is known, wherever it is hidden."""

    made: ClassVar[list["Watched"]] = []

    def __init__(self, params, **settings):
        super().__init__(params, **settings)
        Watched.made.append(self)

    @classmethod
    def numbers_kept(cls) -> int:
        """In all moments of all instances."""
        tensors = [x for one in cls.made for state in one.state.values() for x in state.values()]
        return sum(x.numel() for x in tensors if isinstance(x, Tensor) and x.dim() > 0)


class Counting(torch.optim.Optimizer):
    """p = p - lr * gradient - t, with t counted for each parameter."""

    def __init__(self, params, lr: float = 0.1) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    state = self.state[p]
                    state["t"] = state.get("t", 0) + 1
                    p.sub_(group["lr"] * p.grad + state["t"])


CLASSES = {"AdamW": Watched, "SGD with momentum": torch.optim.SGD, "one of the test's": Counting}
SETTINGS = {"AdamW": {"lr": 0.1, "weight_decay": 0.2}, "one of the test's": {"lr": 0.3}}
SETTINGS["SGD with momentum"] = {"lr": 0.1, "momentum": 0.9}


def parameters(shapes=SHAPES) -> list[torch.nn.Parameter]:
    torch.manual_seed(1)
    return [torch.nn.Parameter(torch.randn(shape, dtype=torch.float64)) for shape in shapes]


def give_gradients(params: list[Tensor], step: int) -> None:
    for i, p in enumerate(params):
        p.grad = (3 * p.detach() + step + i).sin()


def stepped(make, n_steps: int, plan: str) -> list[Tensor]:
    """Parameters after steps; `make(params or groups)` gives the optimizer."""
    params = parameters()
    groups = [{"params": params[:2], "lr": 0.5}, {"params": params[2:]}]
    late = params[3:] if plan == "added later" else []
    first = params[: len(params) - len(late)]
    optimizer = make(groups if plan == "groups" else first)
    for step in range(n_steps):
        if late and step == 1:
            optimizer.add_param_group({"params": late, "lr": 0.05})
        give_gradients(params if step or not late else first, step)
        if plan == "schedule":
            optimizer.param_groups[0]["lr"] = 0.2 / (1 + step)
        optimizer.step()
    return [p.detach() for p in params]


def on_rank(comm, make, kind, n_steps, plan):
    """Parameters after steps with the sharded optimizer, and the numbers in AdamW's moments."""
    Watched.made.clear()

    def made(params):
        return make(params, CLASSES[kind], comm, **SETTINGS[kind])

    return stepped(made, n_steps, plan), Watched.numbers_kept()


def check(kind: str, n_steps: int, plan: str = "plain", n_ranks: int = 2) -> None:
    done = on_ranks(n_ranks, on_rank, parallel.sharded_optimizer_of, kind, n_steps, plan)
    right = stepped(lambda params: CLASSES[kind](params, **SETTINGS[kind]), n_steps, plan)
    for rank, (yours, _) in enumerate(done):
        given = f"{kind}, {plan}, {n_steps} steps, rank {rank} of {n_ranks}: the parameters"
        same(yours, right, given=given, within=WITHIN)


@problem("optimizer_state_sharding")
def test_steps_are_those_of_the_whole_optimizer():
    check("AdamW", 1)
    check("AdamW", 4)


@problem("optimizer_state_sharding")
def test_any_optimizer_class():
    check("SGD with momentum", 3)
    check("one of the test's", 3)


@problem("optimizer_state_sharding")
def test_more_ranks_than_some_own():
    check("AdamW", 3, n_ranks=3)


@problem("optimizer_state_sharding")
def test_groups_keep_their_settings():
    check("AdamW", 3, plan="groups")


@problem("optimizer_state_sharding")
def test_a_schedule_changes_the_settings():
    check("AdamW", 3, plan="schedule")


@problem("optimizer_state_sharding")
def test_parameters_that_come_later():
    check("AdamW", 3, plan="added later")


def check_kept(plan: str, n_ranks: int) -> None:
    done = on_ranks(n_ranks, on_rank, parallel.sharded_optimizer_of, "AdamW", 3, plan)
    sizes = [p.numel() for p in parameters()]
    kept = [numbers for _, numbers in done]
    given = f"AdamW, {plan}, after 3 steps, {n_ranks} ranks: numbers in the moments of each"
    same(sum(kept), 2 * sum(sizes), given=f"{given}; their sum")
    rule = "No rank keeps the state of more than total / R + largest numbers."
    most = 2 * (sum(sizes) / n_ranks + max(sizes))
    holds(max(kept) <= most, rule, given=given, yours=kept)


@problem("optimizer_state_sharding")
def test_each_rank_keeps_its_part_of_the_state():
    check_kept("plain", 2)
    check_kept("plain", 3)


@problem("optimizer_state_sharding")
def test_what_comes_later_is_shared_out_too():
    check_kept("added later", 2)
    check_kept("groups", 2)


def in_turn(comm, make):
    """Twelve parameters of two sizes by turns: what each rank keeps after a step."""
    Watched.made.clear()
    params = parameters(((8,), (1,)) * 6)
    optimizer = make(params, Watched, comm, lr=0.1)
    give_gradients(params, 0)
    optimizer.step()
    return Watched.numbers_kept()


@problem("optimizer_state_sharding")
def test_sizes_count_not_numbers_of_parameters():
    """Whoever deals them out by turns gives 48 of the 54 numbers to one rank."""
    kept = on_ranks(2, in_turn, parallel.sharded_optimizer_of)
    rule = "No rank owns more than total / R + largest: 27 + 8 numbers, with two moments each."
    holds(max(kept) <= 2 * 35, rule, given="sizes 8, 1, 8, 1, ... on 2 ranks", yours=kept)


def listed(comm, make):
    """What the wrapper shows to whoever walks through its groups."""
    params = parameters()
    optimizer = make(params, Watched, comm, lr=0.1)
    shown = [any(p is q for q in optimizer.param_groups[0]["params"]) for p in params]
    for p in params:
        p.grad = torch.ones_like(p)
    optimizer.zero_grad()
    left = [p.grad is None or not p.grad.any() for p in params]
    loss = optimizer.step(lambda: torch.tensor(3.0))
    return all(shown), all(left), loss is not None and float(loss)


@problem("optimizer_state_sharding")
def test_it_is_an_optimizer_for_all_parameters():
    for shown, left, loss in on_ranks(2, listed, parallel.sharded_optimizer_of):
        holds(shown, "param_groups has all parameters, on every rank.")
        holds(left, "zero_grad() clears all gradients, on every rank.")
        same(loss, 3.0, given="step(closure): what it returns")
