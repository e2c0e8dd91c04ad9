"""Checkpoints: a run that goes on from one ends with the numbers of a run that never stopped."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import nn

from adapters import training
from lib.grading.feedback import holds, same
from lib.grading.problems import problem

Pair = tuple[nn.Module, torch.optim.Optimizer]


def fresh(seed: int = 0, lr: float = 0.1) -> Pair:
    """A small network and AdamW, which keeps averages of earlier gradients."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2, bias=False))
    return model, torch.optim.AdamW(model.parameters(), lr=lr, betas=(0.5, 0.9))


def steps(pair: Pair, first: int, last: int) -> None:
    """Steps `first` to `last`; what each learns from depends on its number alone."""
    model, optimizer = pair
    for t in range(first, last + 1):
        x = torch.randn(4, 3, generator=torch.Generator().manual_seed(t))
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()


def weights(pair: Pair) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in pair[0].parameters()])


def through_file() -> tuple[Callable[..., None], Callable[..., int]]:
    """Save and load by way of a file in memory that stays open; each save begins a new one."""
    files = []

    def save(*arguments: Any) -> None:
        files.append(BytesIO())
        training.save_checkpoint(*arguments, files[-1])
        rule = "A file that was handed over open stays open."
        holds(not files[-1].closed, rule, given="an io.BytesIO")
        rule = "What is saved to a file is in that file."
        holds(files[-1].getbuffer().nbytes, rule, given="an io.BytesIO", yours="0 bytes in it")

    def load(*arguments: Any) -> int:
        files[-1].seek(0)
        return training.load_checkpoint(files[-1], *arguments)

    return save, load


def through_path(path: Any) -> tuple[Callable[..., None], Callable[..., int]]:
    """Save and load by way of a path."""
    return (
        lambda *arguments: training.save_checkpoint(*arguments, path),
        lambda *arguments: training.load_checkpoint(path, *arguments),
    )


def ways(folder: Path) -> dict[str, tuple[Callable[..., None], Callable[..., int]]]:
    """All that a checkpoint can be written to, by what it is called."""
    return {
        "a path in a str": through_path(str(folder / "a.pt")),
        "a pathlib.Path": through_path(folder / "b.pt"),
        "a file that is open for bytes": through_file(),
    }


@problem("checkpointing")
def test_weights_and_iteration_come_back(tmp_path: Path):
    for target, (save, load) in ways(tmp_path).items():
        for n in (0, 3):
            pair = fresh()
            steps(pair, 1, n)
            expected = weights(pair)
            save(*pair, n)
            steps(pair, n + 1, n + 2)  # what was saved must not move with the model
            other = fresh(seed=1)
            given = f"a model after {n} steps, saved to {target}, loaded into another"
            same(load(*other), n, given=f"{given}: the iteration")
            same(weights(other), expected, given=f"{given}: the weights")


@problem("checkpointing")
def test_going_on_is_as_if_nothing_had_happened(tmp_path: Path):
    for target, (save, load) in ways(tmp_path).items():
        for before, after in ((1, 1), (3, 4)):
            whole = fresh()
            steps(whole, 1, before)
            save(*whole, before)
            steps(whole, before + 1, before + after)
            resumed = fresh(seed=1)
            load(*resumed)
            steps(resumed, before + 1, before + after)
            given = f"{before} steps, saved to {target}, loaded elsewhere, {after} steps more"
            same(weights(resumed), weights(whole), given=f"{given}: the weights")


@problem("checkpointing")
def test_settings_of_the_optimizer_come_back(tmp_path: Path):
    for target, (save, load) in ways(tmp_path).items():
        pair, other = fresh(lr=0.1), fresh(lr=0.7)
        steps(pair, 1, 1)
        pair[1].param_groups[0]["lr"] = 0.025  # as a schedule does
        save(*pair, 1)
        load(*other)
        given = f"AdamW with lr 0.025, saved to {target}, loaded into one with lr 0.7: its lr"
        same(other[1].param_groups[0]["lr"], 0.025, given=given)


@problem("checkpointing")
def test_a_later_checkpoint_replaces_an_earlier_one(tmp_path: Path):
    save, load = through_path(tmp_path / "a.pt")
    pair = fresh()
    for n in (1, 2):
        steps(pair, n, n)
        save(*pair, n)
    given = "checkpoints after 1 and after 2 steps, saved to the same path"
    other = fresh(seed=1)
    same(load(*other), 2, given=f"{given}: the iteration")
    same(weights(other), weights(pair), given=f"{given}: the weights")
