"""Timing, with a clock and a device that are made up: real time is never measured here."""

import math

import torch
from torch import nn

from adapters import measuring
from lib.grading.feedback import holds, same
from lib.grading.problems import problem


class Device:
    """It is told what to do at once, and does it later: only `synchronize` waits for the end."""

    def __init__(self, *costs: float) -> None:
        self.costs, self.now, self.ready, self.n_runs = list(costs), 100.0, 0.0, 0

    def run(self) -> None:
        self.ready = max(self.ready, self.now) + self.costs[self.n_runs]
        self.n_runs += 1

    def synchronize(self) -> None:
        self.now = max(self.now, self.ready)

    def clock(self) -> float:
        return self.now


def timed(device: Device, warmups: int, repeats: int) -> list[float]:
    return measuring.time_runs(device.run, warmups, repeats, device.synchronize, device.clock)


def check_timed(costs: list[float], warmups: int, repeats: int) -> None:
    device = Device(*costs, *[1000.0] * 5)
    yours = list(timed(device, warmups, repeats))
    about = f"runs that take {costs} seconds, {warmups} warm-ups, {repeats} repeats"
    same(yours, costs[warmups:], given=about, within=1e-9)
    n_runs = f"{about}: how often run() was called"
    same(device.n_runs, warmups + repeats, given=n_runs)


@problem("benchmarking_script")
def test_every_run_is_measured_to_its_end():
    """Without synchronize, the clock is read before anything has been done."""
    check_timed([2.0], warmups=0, repeats=1)
    check_timed([2.0, 3.0, 5.0], warmups=0, repeats=3)


@problem("benchmarking_script")
def test_warm_ups_are_not_measured():
    check_timed([9.0, 2.0], warmups=1, repeats=1)
    check_timed([9.0, 7.0, 2.0, 3.0, 2.0], warmups=2, repeats=3)


@problem("benchmarking_script")
def test_mean_and_sample_deviation():
    for seconds, mean, sd in (
        ([1.0, 3.0], 2.0, math.sqrt(2)),
        ([2.0, 2.0, 2.0], 2.0, 0.0),
        ([1.0, 2.0, 6.0], 3.0, math.sqrt(7)),
        ([4.0], 4.0, math.nan),
    ):
        yours = tuple(float(x) for x in measuring.mean_and_sd(seconds))
        same(yours, (mean, sd), given=f"mean_and_sd({seconds})", within=1e-9)


class Counting(nn.Module):
    """A tiny language model that notes how it is called."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding, self.head = nn.Embedding(5, 4), nn.Linear(4, 5)
        self.with_graph: list[bool] = []
        self.device: Device | None = None

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        self.with_graph.append(torch.is_grad_enabled())
        if self.device is not None:
            self.device.run()
        return self.head(self.embedding(ids))


IDS, TARGETS = torch.tensor([[0, 1, 2], [3, 4, 0]]), torch.tensor([[1, 2, 3], [4, 0, 1]])


def ran(what: str, n_runs: int = 1) -> tuple[Counting, list[torch.Tensor]]:
    """The model after so many runs, and its weights from before."""
    model = Counting()
    before = [p.detach().clone() for p in model.parameters()]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(n_runs):
        measuring.run_once(model, optimizer, IDS, TARGETS, what)
    return model, before


def expected(n_steps: int) -> Counting:
    """After so many steps of SGD; the gradients are those of the last one."""
    model = Counting()
    for _ in range(max(n_steps, 1)):
        model.zero_grad()
        logits = model(IDS).flatten(0, 1)
        nn.functional.cross_entropy(logits, TARGETS.flatten()).backward()
        if n_steps:
            with torch.no_grad():
                for p in model.parameters():
                    p -= 0.5 * p.grad
    return model


@problem("benchmarking_script")
def test_forward_is_forward_alone():
    model, before = ran("forward")
    same(model.with_graph, [False], given='"forward": whether each call recorded a graph')
    grads = [p.grad is None for p in model.parameters()]
    holds(all(grads), 'After "forward" no parameter has a gradient.')
    for p, old in zip(model.parameters(), before):
        same(p.detach(), old, given='"forward": a parameter afterwards')


@problem("benchmarking_script")
def test_forward_backward_makes_gradients_and_changes_nothing():
    for n_runs in (1, 3):
        model, before = ran("forward_backward", n_runs)
        given = f'"forward_backward", {n_runs} times'
        same(model.with_graph, [True] * n_runs, given=f"{given}: whether calls recorded a graph")
        for p, old, right in zip(model.parameters(), before, expected(0).parameters()):
            same(p.detach(), old, given=f"{given}: a parameter afterwards")
            holds(p.grad is not None, "Every parameter has a gradient afterwards.", given=given)
            same(p.grad, right.grad, given=f"{given}: its gradient", within=1e-6)


@problem("benchmarking_script")
def test_a_step_is_all_of_it():
    for n_runs in (1, 3):
        model, _ = ran("step", n_runs)
        for p, right in zip(model.parameters(), expected(n_runs).parameters()):
            given = f'"step", {n_runs} times with SGD: a parameter afterwards'
            same(p.detach(), right.detach(), given=given, within=1e-5)


@problem("benchmarking_script")
def test_an_unknown_word_is_refused():
    ran("step")  # so that this is about the word
    try:
        ran("backward")
    except ValueError:
        return
    holds(False, 'run_once(..., "backward") raises ValueError: there is no such run.')


@problem("benchmarking_script")
def test_all_together():
    for costs, warmups in (([2.0, 4.0], 0), ([9.0, 8.0, 1.0, 2.0, 6.0], 2)):
        model = Counting()
        model.device = Device(*costs, *[1000.0] * 5)
        settings = {"warmups": warmups, "repeats": len(costs) - warmups}
        settings |= {"synchronize": model.device.synchronize, "clock": model.device.clock}
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        yours = measuring.benchmark(model, optimizer, IDS, TARGETS, "step", **settings)
        timed = costs[warmups:]
        mean = sum(timed) / len(timed)
        sd = math.sqrt(sum((x - mean) ** 2 for x in timed) / (len(timed) - 1))
        about = f"steps that take {costs} seconds, {warmups} warm-ups"
        same(tuple(map(float, yours)), (mean, sd), given=about, within=1e-9)
        same(len(model.with_graph), len(costs), given=f"{about}: calls of the model")
