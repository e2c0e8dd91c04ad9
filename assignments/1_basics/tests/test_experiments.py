"""Runs against their plans and targets; and what they claim, evaluated anew from their checkpoints.

A record is compared with experiments/<plan>.toml and targets.toml, the files of ids with those that
the course's tokenizer makes of the same text, and every claimed loss with that of the checkpoint.
"""

import json
import math
import tomllib
from dataclasses import asdict
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from adapters import experiments, training
from lib.grading import answers, ready_tokens
from lib.grading.feedback import holds, same, todo
from lib.grading.problems import problem
from lib.model.config import ModelConfig
from lib.model.transformer import Transformer

Record = dict[str, Any]
Runs = dict[str, Record]

SWEEP_PLANS = ("tales", "tinystories")  # either will do
FREE = {"lr", "warmup_steps", "lr_floor", "betas", "weight_decay", "clip", "seed", "eval_every"}
FREE |= {"device", "train", "valid"}  # train and valid are compared by the names of the files
N_RATES, RATES_APART = 5, 30
N_BATCH_SIZES = 4
WITHIN = 0.005  # nats: other processors and numbers of threads round differently
SAMPLE_TOKENS, SAMPLE_WITHIN = 256, 1.0


# Plans and the runs that follow them


def plan(name: str) -> Record:
    """All settings of experiments/<name>.toml, as a record has them."""
    path = experiments.folder() / f"{name}.toml"
    return settings_of(tomllib.loads(path.read_text(encoding="utf-8")))


def settings_of(values: dict[str, Any]) -> Record:
    return json.loads(json.dumps(asdict(training.Settings(**values))))


def targets(name: str) -> dict[str, Any]:
    text = (experiments.folder() / "targets.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)[name]


def deviations(record: Record, planned: Record) -> dict[str, Any]:
    """The settings of a run that differ from the plan, those that are free left out."""
    yours = settings_of(record["settings"] | {"betas": tuple(record["settings"]["betas"])})
    return {k: v for k, v in yours.items() if k not in FREE and v != planned[k]}


def runs_like(name: str, **choices: Any) -> Runs:
    """The runs on the texts of a plan that deviate from it in these settings and no others.

    A choice of None stands for any value, the plan's too.
    """
    planned, found = plan(name), {}
    for run, record in experiments.read_records(experiments.folder() / "runs").items():
        same_text = all(
            Path(record["settings"][key]).name == Path(planned[key]).name
            for key in ("train", "valid")
        )
        differing = deviations(record, planned)
        wanted = {k: v for k, v in choices.items() if v is not None}
        rest = {k: v for k, v in differing.items() if not (k in choices and choices[k] is None)}
        if same_text and rest == wanted:
            found[run] = record
    return found


def sweep_plan() -> str:
    """The plan with the most runs: that of a CPU, or the large one."""
    return max(SWEEP_PLANS, key=lambda name: len(runs_like(name, batch_size=None, steps=None)))


def sweep(step: str = "4.1") -> Runs:
    """The runs that differ in their learning rate; those of the most frequent batch size."""
    name = sweep_plan()
    sizes = {"batch_size": None, "steps": None} if name == "tinystories" else {}
    found = runs_like(name, **sizes)
    if not found:
        todo(step, "run  python -m basics.experiments experiments/tales.toml experiments/runs/a")
    groups: dict[tuple, Runs] = {}
    for run, record in found.items():
        group = record["settings"]["batch_size"], record["settings"]["steps"]
        groups.setdefault(group, {})[run] = record
    return max(groups.values(), key=len)


def loss_or_infinity(record: Record) -> float:
    return math.inf if record["valid_loss"] is None else record["valid_loss"]


def best(runs: Runs) -> str:
    return min(runs, key=lambda name: loss_or_infinity(runs[name]))


def some(runs: Runs, step: str, command: str) -> Runs:
    """The runs, or what to do where there are none."""
    return runs or todo(step, f"run  python -m basics.experiments experiments/{command}")


# What every record must fulfil


def check_record(run: str, record: Record) -> None:
    """The numbers of a record fit together and to its settings."""
    one, curve = record["settings"], record["curve"]
    given = f"runs/{run}/record.json: "
    ended = record["valid_loss"] is None
    steps = curve[-1]["step"] if ended else one["steps"]
    planned = [*range(one["eval_every"], steps, one["eval_every"]), steps]
    same([row["step"] for row in curve], planned, given=f"{given}the steps of the rows")
    same(record["steps"], steps, given=f"{given}steps")
    tokens = steps * one["batch_size"] * one["context"]
    same(record["tokens"], tokens, given=f"{given}tokens, steps * batch_size * context")
    same(record["valid_loss"], curve[-1]["valid_loss"], given=f"{given}valid_loss, of the last row")
    times = [0.0, *(row["seconds"] for row in curve)]
    growing = all(a < b for a, b in pairwise(times))
    holds(growing, "The seconds grow from row to row.", given=given, yours=times[1:])
    for row in curve:
        expected = rate(one, row["step"])
        what = f"{given}lr of step {row['step']}"
        same(row["lr"], expected, given=what, within=1e-6 * one["lr"])
    first = [row["train_loss"] for row in curve if row["train_loss"] is not None][:1]
    rule = "The losses are positive numbers of nats."
    holds(all(loss > 0 for loss in first), rule, given=given, yours=first)


def rate(one: Record, t: int) -> float:
    """The learning rate at step t."""
    floor, warmup = one["lr_floor"] * one["lr"], one["warmup_steps"]
    if t < warmup:
        return one["lr"] * t / warmup
    wave = (1 + math.cos(math.pi * (t - warmup) / (one["steps"] - warmup))) / 2
    return floor + wave * (one["lr"] - floor)


def check_promise(run: str, record: Record) -> None:
    """The checkpoint has the loss that the record claims, on the text it was not trained on."""
    if record["valid_loss"] is None:
        return
    one = record["settings"]
    model, _ = experiments.load_run(experiments.folder() / "runs" / run)
    ids = np.memmap(file_of(one["valid"]), "<u2", mode="r")
    found = loss_of(model, ids, one["context"], one["eval_windows"])
    given = f"runs/{run}: valid_loss, and the loss of its checkpoint, evaluated here on valid"
    same(record["valid_loss"], found, given=given, within=WITHIN)


def file_of(path: str) -> Path:
    """Where a file of ids lies now, which a record names as it was seen from the assignment."""
    return experiments.folder() / "data" / Path(path).name


@torch.no_grad()
def loss_of(model: Any, ids: np.ndarray, context: int, n_windows: int | None) -> float:
    """Nats per token, on windows side by side, as `evaluate` is to compute it."""
    n = min((len(ids) - 1) // context, n_windows or len(ids))
    text = torch.from_numpy(ids[: n * context + 1].astype(np.int64))
    inputs, targets = text[:-1].view(n, context), text[1:].view(n, context)
    total = 0.0
    for some_inputs, some_targets in zip(inputs.split(64), targets.split(64)):
        logits = model(some_inputs).float()
        total += F.cross_entropy(logits.mT, some_targets, reduction="sum").item()
    return total / targets.numel()


@cache
def expected_ids(name: str, folder: Path) -> dict[str, np.ndarray]:
    """What the files of ids must hold: the texts of the plan, with the course's tokenizer."""
    for part in ("train", "valid"):
        experiments.corpus(name, part).write_text(folder / f"{name}-{part}.txt")
    ready_tokens.make(folder / name, plan(name)["vocab_size"])
    return {part: np.fromfile(folder / f"{name}-{part}.ids", "<u2") for part in ("train", "valid")}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for texts that are made again."""
    return tmp_path_factory.mktemp("texts")


def check_texts(name: str, place: Path) -> None:
    """The files of ids are those of the plan's texts; those of a download are not made again."""
    if name == "tinystories":
        return
    for part, expected in expected_ids(name, place).items():
        path = experiments.folder() / "data" / f"{name}-{part}.ids"
        yours = np.fromfile(path, "<u2") if path.exists() else np.array([])
        rule = f"These are not the ids of {name}: run  python -m basics.prepare {name}  again."
        given = f"experiments/data/{path.name}, {len(expected):,} ids expected"
        holds(np.array_equal(yours, expected), rule, given=given, yours=yours)


# learning_rate


@problem("learning_rate")
def test_the_sweep_has_enough_rates():
    rates = sorted({record["settings"]["lr"] for record in sweep().values()})
    rule = f"A sweep has {N_RATES} or more learning rates, all else being equal."
    holds(len(rates) >= N_RATES, rule, given=f"runs {list(sweep())}", yours=rates)
    rule = f"The highest learning rate is {RATES_APART} times the lowest or more."
    holds(rates[-1] >= RATES_APART * rates[0], rule, given="the learning rates", yours=rates)


@problem("learning_rate")
def test_the_sweep_differs_in_nothing_else():
    for key in sorted(FREE - {"lr", "seed", "eval_every", "device", "train", "valid"}):
        values = {run: record["settings"][key] for run, record in sweep().items()}
        rule = f"All runs of the sweep have the same {key}."
        kinds = {json.dumps(value) for value in values.values()}
        holds(len(kinds) == 1, rule, given="the runs with the plan's sizes", yours=values)


@problem("learning_rate")
def test_the_records_of_the_sweep_fit_together():
    for run, record in sweep().items():
        check_record(run, record)


@problem("learning_rate")
def test_one_rate_is_too_high():
    limit = targets(sweep_plan())["diverged"]
    losses = {r["settings"]["lr"]: r["valid_loss"] for r in sweep().values()}
    rule = f"One run diverges: its last loss is no number (null), or above {limit} nats."
    diverged = [lr for lr, loss in losses.items() if loss is None or loss > limit]
    holds(diverged, rule, given="the last valid_loss by learning rate", yours=losses)
    good = min(losses, key=lambda lr: math.inf if losses[lr] is None else losses[lr])
    rule = "The run that diverges has a higher learning rate than the best one."
    holds(max(diverged) > good, rule, given="the last valid_loss by learning rate", yours=losses)


@problem("learning_rate")
def test_the_texts_are_those_of_the_plan(place):
    sweep()
    check_texts(sweep_plan(), place)


@problem("learning_rate")
def test_checkpoints_keep_what_the_sweep_claims():
    for run, record in sweep().items():
        check_promise(run, record)


@problem("learning_rate")
def test_the_best_run_reaches_the_target():
    runs = sweep()
    record = runs[best(runs)]
    budgets = targets(sweep_plan())["budgets"]
    enough = [b for b in budgets if record["tokens"] <= b["tokens"]]
    given = f"runs/{best(runs)}, {record['tokens']:,} tokens"
    largest = budgets[-1]["tokens"]
    holds(enough, f"A run may have {largest:,} tokens.", given=given, yours=record["tokens"])
    limit = enough[0]["valid_loss"]
    rule = f"With so many tokens the loss on other text reaches {limit} or less."
    holds(loss_or_infinity(record) <= limit, rule, given=given, yours=record["valid_loss"])


@problem("learning_rate")
def test_the_edge_of_stability_is_described():
    sweep()
    answers.words("learning_rate.search", at_least=15)
    answers.words("learning_rate.edge", at_least=25)


# batch_size


def batch_runs() -> Runs:
    """The runs with whatever batch size and as many steps as make the tokens of the plan."""
    sweep("4.2")
    tokens = sweep()[best(sweep())]["settings"]
    planned = tokens["batch_size"] * tokens["steps"]
    found = runs_like(sweep_plan(), batch_size=None, steps=None)
    return {
        run: record
        for run, record in found.items()
        if abs(record["settings"]["batch_size"] * record["settings"]["steps"] / planned - 1) < 0.02
    }


@problem("batch_size")
def test_batches_from_small_to_large():
    smallest, largest = targets(sweep_plan())["batch_sizes"]
    sizes = sorted({record["settings"]["batch_size"] for record in batch_runs().values()})
    given = "the batch sizes of runs with as many tokens as the sweep's"
    rule = f"There are {N_BATCH_SIZES} or more, from {smallest} or less to {largest} or more."
    enough = len(sizes) >= N_BATCH_SIZES and sizes[0] <= smallest and sizes[-1] >= largest
    holds(enough, rule, given=given, yours=sizes)


@problem("batch_size")
def test_rates_are_chosen_again_for_other_batches():
    rates: dict[int, set[float]] = {}
    for record in batch_runs().values():
        rates.setdefault(record["settings"]["batch_size"], set()).add(record["settings"]["lr"])
    for size in (min(rates), max(rates)):
        rule = "The smallest and the largest batch are tried with two learning rates or more."
        yours = {size: sorted(rates[size]) for size in sorted(rates)}
        holds(len(rates[size]) >= 2, rule, given="learning rates by batch size", yours=yours)


@problem("batch_size")
def test_the_records_of_all_batch_sizes_hold():
    for run, record in batch_runs().items():
        check_record(run, record)
        check_promise(run, record)


@problem("batch_size")
def test_batch_sizes_are_compared():
    sweep("4.2")
    answers.words("batch_size.comparison", at_least=25)


# The four ablations


LIB = {
    "pre": {},
    "post": {"norm_placement": "post"},
    "none": {"norm": "none"},
}


def check_model(**choices: Any) -> None:
    """The learner's model computes what lib's does, with the same weights."""
    sizes = {"vocab_size": 13, "context": 9, "width": 12, "n_heads": 2, "ff_width": 20}
    for n_layers in (1, 3):
        both = {**sizes, "n_layers": n_layers, **choices}
        one = training.Settings("", "", batch_size=1, steps=1, lr=1.0, warmup_steps=0, **both)
        config = ModelConfig(
            **{**sizes, "n_layers": n_layers},
            positions=one.positions,
            ffn=one.ffn,
            **LIB[one.norm],
        )
        right = Transformer(config, torch.Generator().manual_seed(1))
        for name, weight in right.named_parameters():
            if "norm" in name:  # ones would not show whether they are used
                torch.nn.init.uniform_(weight, 0.5, 2, torch.Generator().manual_seed(2))
        given = f"build_model with {choices} and {n_layers} layers: "
        yours = experiments.build_model(one)
        shapes = {name: tuple(p.shape) for name, p in right.state_dict().items()}
        mine = {name: tuple(p.shape) for name, p in yours.state_dict().items()}
        same(mine, shapes, given=f"{given}its state_dict, shapes by name")
        yours.load_state_dict(right.state_dict())
        ids = torch.randint(13, (2, 9), generator=torch.Generator().manual_seed(3))
        same(
            yours(ids).detach(),
            right(ids).detach(),
            given=f"{given}logits of random ids, with the same weights",
            within=1e-3,
        )


def check_ablation(step: str, rates: int = 1, **choices: Any) -> None:
    """Runs with the sizes of the sweep and this one choice, at so many rates; their claims hold."""
    base = sweep(step)[best(sweep(step))]["settings"]
    deviating = deviations({"settings": base}, plan(sweep_plan()))
    words = " ".join(f"{key}={value}" for key, value in choices.items())
    command = f"{sweep_plan()}.toml experiments/runs/... {words} lr=..."
    runs = some(runs_like(sweep_plan(), **deviating, **choices), step, command)
    for run, record in runs.items():
        check_record(run, record)
        check_promise(run, record)
    tried = sorted({record["settings"]["lr"] for record in runs.values()})
    given = f"runs with {words}, all else as in the sweep: their learning rates"
    rule = f"There are {rates} or more learning rates." if rates > 1 else "There is a run."
    holds(len(tried) >= rates, rule, given=given, yours=tried)
    if rates > 1:
        rule = "One is the best of the sweep or higher, another lower than that."
        holds(tried[0] < base["lr"] <= tried[-1], rule, given=f"{given}, {base['lr']}", yours=tried)


@problem("norm_ablation")
def test_a_model_without_norms():
    check_model(norm="none")


@problem("norm_ablation")
def test_runs_without_norms():
    check_ablation("4.3", rates=2, norm="none")


@problem("norm_ablation")
def test_what_the_norm_does_is_described():
    sweep("4.3")
    answers.words("norm_ablation.comparison", at_least=25)


@problem("post_norm_ablation")
def test_a_model_with_norms_after_the_sums():
    check_model(norm="post")


@problem("post_norm_ablation")
def test_a_run_with_norms_after_the_sums():
    check_ablation("4.4", norm="post")


@problem("post_norm_ablation")
def test_where_the_norm_stands_is_compared():
    sweep("4.4")
    answers.words("post_norm_ablation.comparison", at_least=15)


@problem("position_ablation")
def test_a_model_without_positions():
    check_model(positions="none")


@problem("position_ablation")
def test_a_run_without_positions():
    check_ablation("4.5", positions="none")


@problem("position_ablation")
def test_how_it_knows_the_order_is_explained():
    sweep("4.5")
    answers.words("position_ablation.comparison", at_least=15)


@problem("gate_ablation")
def test_a_model_without_gates():
    check_model(ffn="silu")
    check_model(ffn="silu", norm="post", positions="none")


@problem("gate_ablation")
def test_a_run_without_gates():
    check_ablation("4.6", ffn="silu", ff_width=4 * plan(sweep_plan())["width"])


@problem("gate_ablation")
def test_the_gate_is_compared_at_equal_size():
    sweep("4.6")
    answers.words("gate_ablation.comparison", at_least=15)


# generate


def sample() -> Record:
    """What `python -m basics.experiments sample` wrote."""
    sweep("4.7")
    path = experiments.folder() / "sample.json"
    if not path.exists():
        todo("4.7", "run  python -m basics.experiments sample experiments/runs/...")
    return json.loads(path.read_text(encoding="utf-8"))


@problem("generate")
def test_the_sample_is_long_enough():
    given = "the ids in experiments/sample.json"
    n, ended = len(sample()["ids"]), sample()["ended"]
    rule = f"The text has {SAMPLE_TOKENS} tokens, or fewer if the model has ended it."
    holds(n == SAMPLE_TOKENS or (n < SAMPLE_TOKENS and ended), rule, given=given, yours=n)


@problem("generate")
def test_the_sample_is_from_the_model():
    run, ids = sample()["run"], [*sample()["prompt"], *sample()["ids"]]
    model, one = experiments.load_run(experiments.folder() / "runs" / run)
    text = np.array(ids)
    loss = loss_of(model, text, min(one.context, len(ids) - 1), None)
    said = experiments.read_records(experiments.folder() / "runs")[run]["valid_loss"]
    rule = f"Its own text does not surprise a model: at most valid_loss + {SAMPLE_WITHIN} nats."
    given = f"the ids in experiments/sample.json, under the model of runs/{run}: nats per token"
    holds(loss <= said + SAMPLE_WITHIN, rule, given=f"{given}; valid_loss {said}", yours=loss)


@problem("generate")
def test_what_makes_a_text_better_is_described():
    sweep("4.7")
    answers.words("generate.quality", at_least=10)
    answers.words("generate.two_factors", at_least=20)


# main_experiment


def docs_runs() -> Runs:
    sweep("4.8")
    return some(runs_like("docs"), "4.8", "docs.toml experiments/runs/docs lr=...")


@problem("main_experiment")
def test_the_texts_of_docs(place):
    docs_runs()
    check_texts("docs", place)


@problem("main_experiment")
def test_runs_on_docs():
    for run, record in docs_runs().items():
        check_record(run, record)
        check_promise(run, record)


@problem("main_experiment")
def test_the_target_on_docs():
    runs = docs_runs()
    record, limit = runs[best(runs)], targets("docs")["budgets"][0]["valid_loss"]
    rule = f"The loss on other text reaches {limit} or less."
    holds(loss_or_infinity(record) <= limit, rule, given=f"runs/{best(runs)}", yours=record)


@problem("main_experiment")
def test_losses_that_can_be_compared():
    docs_runs()
    for name in ("tales", "docs"):
        runs = runs_like(name)
        if not runs:
            todo("4.8", f"train on {name} too, to compare the two.")
        loss = loss_or_infinity(runs[best(runs)])
        text, ids = (file_of(f"{name}-valid{end}").stat().st_size for end in (".txt", ".ids"))
        expected = loss / math.log(2) * (ids / 2) / text
        given = f"bits per byte: {loss:.4f} nats per token, {ids // 2} tokens for {text} bytes"
        yours = answers.number(f"main_experiment.{name}_bits_per_byte")
        same(yours, expected, given=given, within=0.01 * expected)


@problem("main_experiment")
def test_why_losses_cannot_be_compared():
    docs_runs()
    answers.words("main_experiment.why_not_comparable", at_least=20)
