"""Evaluation and the training loop, against the same written out in PyTorch on a tiny model."""

import json
import math
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adapters import experiments, training
from lib.grading.feedback import holds, same
from lib.grading.problems import problem
from lib.training.adaptive import AdamW

V, T, B = 5, 3, 2
CLOSE = 1e-6  # room for a loss that is computed in float32
ONE_PIECE = np.array([4, 0, 2, 1], dtype="<u2")  # T + 1 tokens: every row of a batch is the same
OTHER = np.array([1, 3, 3, 0, 4, 2, 1, 1], dtype="<u2")
LONG = np.random.default_rng(0).integers(0, V, 200).astype("<u2")


class Bigrams(nn.Module):
    """The next token depends on the last one alone. It notes what it is shown."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.table = nn.Parameter(torch.randn(V, V, generator=generator, dtype=torch.float64))
        self.trained_on: list[Tensor] = []
        self.tested_on: list[Tensor] = []
        self.gradients: set[bool] = set()  # whether they were recorded while it was tested

    def forward(self, ids: Tensor) -> Tensor:
        """(B, T) -> (B, T, V)"""
        (self.trained_on if self.training else self.tested_on).append(ids)
        if not self.training:
            self.gradients.add(torch.is_grad_enabled())
        return self.table[ids]


def settings(**choices: Any) -> Any:
    size = {"vocab_size": V, "context": T, "n_layers": 1, "width": 1, "n_heads": 1, "ff_width": 1}
    size |= {"batch_size": B, "steps": 3, "lr": 0.5, "warmup_steps": 0, "lr_floor": 1.0}
    return training.Settings("train.ids", "valid.ids", **{**size, "clip": 1e9, **choices})


def trained(
    folder: Path, text: np.ndarray = ONE_PIECE, **choices: Any
) -> tuple[nn.Module, dict[str, Any]]:
    """The learner's loop with plain gradient descent."""
    model = Bigrams()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e9)  # the schedule sets the rate
    return model, training.train(model, optimizer, text, OTHER, settings(**choices), folder)


def loss_of(table: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(table[inputs].reshape(-1, V), targets.reshape(-1))


def by_hand(rates: list[float], clip: float = 1e9) -> tuple[Tensor, list[float]]:
    """The table after steps with these rates on ONE_PIECE, and the loss before each step."""
    table, losses = Bigrams().table.detach().clone().requires_grad_(), []
    ids = torch.from_numpy(ONE_PIECE.astype(np.int64))
    for rate in rates:
        loss = loss_of(table, ids[:-1], ids[1:])
        (gradient,) = torch.autograd.grad(loss, table)
        norm = gradient.norm().item()
        losses.append(loss.item())
        with torch.no_grad():
            table -= rate * gradient * (clip / (norm + 1e-6) if norm > clip else 1)
    return table.detach(), losses


def windows(text: np.ndarray, context: int, n_windows: int | None = None) -> tuple[Tensor, Tensor]:
    """Inputs and targets, a row for each window."""
    n = (len(text) - 1) // context
    n = n if n_windows is None else min(n, n_windows)
    ids = torch.from_numpy(text[: n * context + 1].astype(np.int64))
    return ids[:-1].view(n, context), ids[1:].view(n, context)


# Evaluation


@problem("training_together")
def test_every_target_counts_once_and_equally():
    for n, context in ((2, 1), (4, 3), (7, 2), (8, 3), (100, 7)):
        model = Bigrams()
        expected = loss_of(model.table, *windows(LONG[:n], context)).item()
        for batch_size in (1, 2, 5, 1000):
            given = f"{n} tokens, context {context}, batch_size {batch_size}"
            yours = training.evaluate(model, LONG[:n], context, batch_size)
            same(yours, expected, given=f"{given}: mean loss", within=CLOSE)


@problem("training_together")
def test_windows_do_not_overlap_and_fit_into_batches():
    for n, context, batch_size in ((4, 3, 1), (7, 2, 2), (30, 4, 3)):
        model = Bigrams()
        training.evaluate(model, np.arange(n) % V, context, batch_size)
        given = f"{n} tokens, context {context}, batch_size {batch_size}"
        sizes = [list(ids.shape) for ids in model.tested_on]
        rule = "The model gets ids (windows, context), at most batch_size windows at once."
        fitting = all(len(s) == 2 and s[0] <= batch_size and s[1] == context for s in sizes)
        holds(fitting, rule, given=given, yours=sizes)
        rows = torch.cat(model.tested_on)
        same(rows, windows(np.arange(n) % V, context)[0], given=f"{given}: the inputs, row by row")


@problem("training_together")
def test_only_the_first_windows_if_so_many_are_asked_for():
    model = Bigrams()
    for n_windows in (1, 2, 3, 100):
        expected = loss_of(model.table, *windows(LONG[:20], 4, n_windows)).item()
        given = f"20 tokens, context 4 (so 4 windows), batch_size 2, n_windows {n_windows}"
        yours = training.evaluate(model, LONG[:20], 4, 2, n_windows)
        same(yours, expected, given=f"{given}: mean loss", within=CLOSE)


@problem("training_together")
def test_evaluation_leaves_no_trace():
    for mode in (True, False):
        model = Bigrams().train(mode)
        training.evaluate(model, OTHER, T, 2)
        before = "training" if mode else "evaluation"
        given = f"a model that is in {before} mode before evaluate"
        same(len(model.trained_on), 0, given=f"{given}: calls in training mode")
        same(model.gradients, {False}, given=f"{given}: torch.is_grad_enabled() in its calls")
        same(model.training, mode, given=f"{given}: model.training afterwards")


# The steps


@problem("training_together")
def test_a_step_follows_the_gradient_of_its_batch(tmp_path: Path):
    for rate in (0.5, 0.0625):
        model, _ = trained(tmp_path / str(rate), steps=1, lr=rate)
        given = f"a table of bigrams, one step of gradient descent, lr {rate}: the table after it"
        same(model.table.detach(), by_hand([rate])[0], given=given, within=CLOSE)


@problem("training_together")
def test_gradients_do_not_pile_up(tmp_path: Path):
    for steps in (2, 3, 7):
        model, _ = trained(tmp_path / str(steps), steps=steps)
        given = f"a table of bigrams, {steps} steps of gradient descent, lr 0.5: the table after it"
        same(model.table.detach(), by_hand([0.5] * steps)[0], given=given, within=CLOSE)


@problem("training_together")
def test_long_gradients_are_clipped(tmp_path: Path):
    for steps, clip in ((1, 0.25), (3, 0.25), (3, 0.5)):
        model, _ = trained(tmp_path / f"{steps}-{clip}", steps=steps, clip=clip)
        given = f"{steps} steps of gradient descent, lr 0.5, clip {clip}: the table after it"
        expected = by_hand([0.5] * steps, clip)[0]
        same(model.table.detach(), expected, given=given, within=CLOSE)


@problem("training_together")
def test_the_rate_follows_the_schedule(tmp_path: Path):
    for steps, warmup in ((1, 0), (4, 2), (6, 3)):
        wave = [
            (1 + math.cos(math.pi * (t - warmup) / (steps - warmup))) / 2
            for t in range(warmup, steps + 1)
        ]
        rates = [0.5 * t / warmup for t in range(1, warmup)]
        rates += [0.05 + 0.45 * share for share in wave][0 if warmup else 1 :]
        choices = {"steps": steps, "warmup_steps": warmup, "lr_floor": 0.1, "eval_every": 1}
        model, record = trained(tmp_path / f"{steps}-{warmup}", **choices)
        given = f"steps {steps}, warmup_steps {warmup}, lr 0.5, lr_floor 0.1: "
        yours = [row["lr"] for row in record["curve"]]
        same(yours, rates, given=f"{given}lr of steps 1 to {steps}", within=CLOSE)
        expected = by_hand(rates)[0]
        same(model.table.detach(), expected, given=f"{given}the table after them", within=CLOSE)


@problem("training_together")
def test_batches_depend_on_seed_and_step_alone(tmp_path: Path):
    for seed in (0, 3):
        model, _ = trained(tmp_path / str(seed), LONG, steps=4, seed=seed, eval_every=2)
        for t, yours in enumerate(model.trained_on, start=1):
            generator = torch.Generator().manual_seed(seed * 1_000_000 + t)
            expected, _ = training.get_batch(LONG, B, T, generator=generator)
            same(yours, expected, given=f"seed {seed}, step {t}: the inputs of the model")
        same(len(model.trained_on), 4, given=f"seed {seed}, steps 4: batches trained on")


@problem("training_together")
def test_it_goes_on_training_after_a_look_at_the_other_text(tmp_path: Path):
    model, _ = trained(tmp_path, steps=3, eval_every=1)
    given = "steps 3, eval_every 1: batches of the first text that came in eval mode"
    seen_in_test = [ids for ids in model.tested_on if (ids == windows(ONE_PIECE, T)[0]).all()]
    same(len(seen_in_test), 0, given=given)


# The record


@problem("training_together")
def test_valid_loss_is_that_of_the_other_text_after_the_step(tmp_path: Path):
    for n_windows in (None, 1):
        folder = tmp_path / str(n_windows)
        _, record = trained(folder, steps=3, eval_every=1, eval_windows=n_windows)
        for row in record["curve"]:
            t = row["step"]
            table, _ = by_hand([0.5] * t)
            expected = loss_of(table, *windows(OTHER, T, n_windows)).item()
            given = f"eval_windows {n_windows}, row of step {t}: valid_loss, in nats per token"
            same(row["valid_loss"], expected, given=given, within=CLOSE)


@problem("training_together")
def test_train_loss_is_from_before_the_step_and_averaged(tmp_path: Path):
    for steps, every in ((1, 1), (3, 1), (4, 2), (5, 3)):
        _, record = trained(tmp_path / f"{steps}-{every}", steps=steps, eval_every=every)
        _, losses = by_hand([0.5] * steps)
        last = 0
        for row in record["curve"]:
            since = losses[last : row["step"]]
            given = f"steps {steps}, eval_every {every}, row of step {row['step']}: train_loss"
            same(row["train_loss"], sum(since) / len(since), given=given, within=CLOSE)
            last = row["step"]


@problem("training_together")
def test_rows_come_when_they_should(tmp_path: Path):
    for steps, every, expected in ((1, 5, [1]), (4, 2, [2, 4]), (5, 2, [2, 4, 5])):
        _, record = trained(tmp_path / f"{steps}-{every}", steps=steps, eval_every=every)
        yours = [row["step"] for row in record["curve"]]
        same(yours, expected, given=f"steps {steps}, eval_every {every}: the steps of the rows")


@problem("training_together")
def test_the_record_says_what_was_done(tmp_path: Path):
    _, record = trained(tmp_path, steps=5, eval_every=2, seed=7)
    given = "5 steps of 2 sequences of 3 tokens, seed 7: "
    for key, expected in (("steps", 5), ("tokens", 30), ("checkpoint", "checkpoint.pt")):
        same(record.get(key), expected, given=f"{given}record[{key!r}]")
    last = record["curve"][-1]["valid_loss"]
    same(record.get("valid_loss"), last, given=f'{given}record["valid_loss"], that of the last row')
    for key, expected in (("seed", 7), ("lr", 0.5), ("context", 3), ("norm", "pre")):
        same(record["settings"].get(key), expected, given=f'{given}record["settings"][{key!r}]')
    written = json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))
    same(written, json.loads(json.dumps(record)), given=f"{given}record.json")


@problem("training_together")
def test_seconds_are_those_of_the_clock(tmp_path: Path):
    class Slow(Bigrams):
        def forward(self, ids: Tensor) -> Tensor:
            time.sleep(0.02)
            return super().forward(ids)

    model = Slow()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    choices = settings(steps=10, eval_every=1)
    began = time.monotonic()
    record = training.train(model, optimizer, ONE_PIECE, OTHER, choices, tmp_path)
    whole = time.monotonic() - began
    yours = [row["seconds"] for row in record["curve"]]
    given = f"10 steps of more than 0.02 s each, a row after each, {whole:.2f} s in all: seconds"
    rule = "Each row has the seconds since the beginning of the run."
    enough = all(seconds >= 0.02 * step for step, seconds in enumerate(yours, start=1))
    holds(enough and yours == sorted(yours) and yours[-1] <= whole, rule, given=given, yours=yours)


@problem("training_together")
def test_the_checkpoint_is_that_of_the_last_step(tmp_path: Path):
    for steps in (2, 3):
        folder = tmp_path / str(steps)
        model, _ = trained(folder, steps=steps, eval_every=2)
        other = Bigrams(seed=1)
        optimizer = torch.optim.SGD(other.parameters(), lr=1.0)
        given = f"steps {steps}, eval_every 2: checkpoint.pt, "
        iteration = training.load_checkpoint(folder / "checkpoint.pt", other, optimizer)
        same(iteration, steps, given=f"{given}its iteration")
        same(other.table.detach(), model.table.detach(), given=f"{given}its weights")


# Going on


class PowerCut(Exception):
    """What ends a run in the middle."""


class Interrupted(Bigrams):
    """Fails when it is to learn from its batch number `last` + 1."""

    def __init__(self, last: int) -> None:
        super().__init__()
        self.last = last

    def forward(self, ids: Tensor) -> Tensor:
        if self.training and len(self.trained_on) == self.last:
            raise PowerCut
        return super().forward(ids)


def adamw_run(model: nn.Module, folder: Path, **choices: Any) -> dict[str, Any]:
    """A run whose optimizer remembers earlier steps."""
    optimizer = AdamW(model.parameters(), lr=0.1, betas=(0.9, 0.95))
    one = settings(lr=0.1, warmup_steps=2, lr_floor=0.1, **choices)
    return training.train(model, optimizer, LONG, OTHER, one, folder)


def without_times(record: dict[str, Any]) -> dict[str, Any]:
    curve = [{k: v for k, v in row.items() if k != "seconds"} for row in record["curve"]]
    return json.loads(json.dumps({**record, "curve": curve}))


@problem("training_together")
def test_an_interrupted_run_ends_with_the_same_numbers(tmp_path: Path):
    choices = {"steps": 7, "eval_every": 2}
    whole = Bigrams()
    expected = adamw_run(whole, tmp_path / "whole", **choices)
    for last in (0, 1, 2, 3, 5, 6):
        folder = tmp_path / str(last)
        try:
            adamw_run(Interrupted(last), folder, **choices)
            holds(False, "An error of the model is not swallowed.", given=f"it fails at {last + 1}")
        except PowerCut:
            pass
        model = Bigrams(seed=1)
        if last < 2:  # nothing was saved yet, so it begins anew
            model = Bigrams()
        record = adamw_run(model, folder, **choices)
        given = f"steps 7, eval_every 2, stopped in step {last + 1} and started again: "
        same(without_times(record), without_times(expected), given=f"{given}the record")
        same(model.table.detach(), whole.table.detach(), given=f"{given}the weights")
        repeated = 7 - last // 2 * 2
        same(len(model.trained_on), repeated, given=f"{given}steps made after that")


@problem("training_together")
def test_seconds_go_on_too(tmp_path: Path):
    with suppress(PowerCut):
        adamw_run(Interrupted(3), tmp_path, steps=4, eval_every=2)
    path = tmp_path / "record.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    record["curve"][-1]["seconds"] = 1000.0  # as if it had taken so long
    path.write_text(json.dumps(record), encoding="utf-8")
    record = adamw_run(Bigrams(), tmp_path, steps=4, eval_every=2)
    yours = [row["seconds"] for row in record["curve"]]
    given = "a run that was stopped after 1000 seconds and started again: seconds of its rows"
    rule = "The seconds of a run that goes on are added to those before."
    holds(1000.0 < yours[-1] < 1100, rule, given=given, yours=yours)


@problem("training_together")
def test_a_run_at_its_end_is_only_read(tmp_path: Path):
    expected = adamw_run(Bigrams(), tmp_path, steps=3)
    model = Bigrams()
    record = adamw_run(model, tmp_path, steps=3)
    given = "train, for a folder whose run is at its end"
    same(json.loads(json.dumps(record)), json.loads(json.dumps(expected)), given=given)
    same(len(model.trained_on), 0, given=f"{given}: steps made")


@problem("training_together")
def test_other_settings_do_not_go_on_with_this_run(tmp_path: Path):
    adamw_run(Bigrams(), tmp_path, steps=3)
    for choices in ({"steps": 3, "seed": 1}, {"steps": 3, "clip": 0.5}, {"steps": 4}):
        given = f"a folder with a run of 3 steps, and then the settings {choices}"
        try:
            yours = adamw_run(Bigrams(), tmp_path, **choices)
        except ValueError:
            continue
        holds(False, "Settings differ: raise ValueError.", given=given, yours=without_times(yours))


# Going wrong


class Exploding(Bigrams):
    """Its logits are no numbers from the batch number `last` + 1 on."""

    def __init__(self, last: int) -> None:
        super().__init__()
        self.last = last

    def forward(self, ids: Tensor) -> Tensor:
        logits = super().forward(ids)
        return logits * math.nan if self.training and len(self.trained_on) > self.last else logits


def no_json_constant(name: str) -> None:
    holds(False, f"JSON has no {name}: write null.", given="record.json of a run that diverged")


@problem("training_together")
def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path):
    for last in (0, 3):
        model, folder = Exploding(last), tmp_path / str(last)
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        choices = replace(settings(), steps=6, eval_every=2)
        record = training.train(model, optimizer, ONE_PIECE, OTHER, choices, folder)
        given = f"steps 6, eval_every 2, the loss is NaN in step {last + 1}: "
        row = record["curve"][-1]
        same(row["step"], last + 1, given=f"{given}step of the last row")
        for key in ("train_loss", "valid_loss"):
            same(row[key], None, given=f"{given}its {key}")
        same(record["valid_loss"], None, given=f'{given}record["valid_loss"]')
        same(record["tokens"], (last + 1) * B * T, given=f'{given}record["tokens"]')
        expected = by_hand([0.5] * last)[0]
        same(model.table.detach(), expected, given=f"{given}the weights", within=CLOSE)
        written = (folder / "record.json").read_text(encoding="utf-8")
        json.loads(written, parse_constant=no_json_constant)


# A run from its settings


def tiny(folder: Path, **choices: Any) -> Any:
    """Settings of a small language model on LONG and OTHER, which are written here."""
    LONG.tofile(folder / "train.ids")
    OTHER.tofile(folder / "valid.ids")
    sizes = {"vocab_size": V, "context": T, "n_layers": 1, "width": 8, "n_heads": 2}
    steps = {"ff_width": 64, "batch_size": B, "steps": 4, "lr": 0.05, "warmup_steps": 1}
    paths = str(folder / "train.ids"), str(folder / "valid.ids")
    return training.Settings(*paths, **{**sizes, **steps, "eval_every": 2, **choices})


@problem("training_together")
def test_a_run_is_what_its_settings_say(tmp_path: Path):
    for number, choices in enumerate(
        (
            {},
            {"betas": (0.5, 0.6)},
            {"weight_decay": 5.0},
            {"seed": 1, "steps": 3},
            {"width": 4, "context": 2},
        )
    ):
        one = tiny(tmp_path, **choices)
        model = experiments.build_model(one)
        adamw = {"lr": one.lr, "betas": one.betas, "weight_decay": one.weight_decay}
        optimizer = AdamW(model.parameters(), **adamw)
        expected = training.train(
            model, optimizer, LONG, OTHER, one, tmp_path / f"expected-{number}"
        )
        yours = experiments.run(one, tmp_path / f"yours-{number}")
        given = f"settings with {choices or 'nothing unusual'}: "
        for mine, right in zip(yours["curve"], expected["curve"]):
            for key in ("step", "train_loss", "valid_loss"):
                what = f"{given}row of step {right['step']}, {key}"
                same(mine[key], right[key], given=what, within=1e-4)


@problem("training_together")
def test_the_seed_draws_the_weights(tmp_path: Path):
    def weights(seed: int) -> Tensor:
        model = experiments.build_model(tiny(tmp_path, seed=seed))
        return torch.cat([p.detach().flatten() for p in model.parameters()])

    first = weights(0)
    torch.manual_seed(7)
    same(weights(0), first, given="build_model, twice with seed 0: all weights")
    holds(not torch.equal(weights(1), first), "Another seed draws other weights.", given="seed 1")


@problem("training_together")
def test_the_files_are_mapped_and_not_read(tmp_path: Path):
    opened: list[tuple[str, int]] = []
    memmap = np.memmap

    def noted(*arguments: Any, **options: Any) -> np.memmap:
        array = memmap(*arguments, **options)
        opened.append((str(array.dtype), len(array)))
        return array

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np, "memmap", noted)
        experiments.run(tiny(tmp_path), tmp_path / "run")
    expected = [("uint16", len(OTHER)), ("uint16", len(LONG))]
    same(sorted(opened, key=str), sorted(expected, key=str), given="what np.memmap opened in run")
