"""A contest for the fastest training step: forward, loss, backward and AdamW of a given model.

entry.py defines

    def build(table: Table, weights: dict[str, Tensor], device: str) -> Trainer

`table` says what the model is and how it is trained. `weights` are those of the reference at the
start, by the names of lib.model.transformer.Transformer, copies that the entry may change. A
Trainer has two methods: `step(ids, targets)` does one step and returns the mean loss before it, a
tensor of one number; `weights()` returns all weights under the same names.

First both train on the same batches, and losses and weights are compared. Then both run by turns,
each pair on a new batch, and every loss is compared. The score is the median of the ratios of
neighbouring times: what slows the machine down slows both. On a CPU all run on one thread, so that
the number of cores makes no difference, and entries may start no others. Last, the peaks of memory
of both. entry.py may import what is installed here, `lib` too, and files that lie beside it.
Whoever reviews an entry looks whether it does the work.
"""

import platform
import statistics
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from lib.grading.boards import cell
from lib.grading.contest import loaded
from lib.grading.evaluation import Unfit
from lib.grading.memory_meter import MemoryMeter
from lib.model.config import ModelConfig
from lib.model.transformer import Transformer
from lib.training.losses import cross_entropy

KEYS = {"author": str, "table": str, "description": str}
CHECKED_STEPS, PAIRS = 3, 11
SLOWER, LARGER = 0.15, 0.02  # how far a claim may be off; times vary, bytes hardly do
AGREEMENT = f"the time within {SLOWER:.0%} of the claim, the memory within {LARGER:.0%}"
clock = time.perf_counter  # tests put another one here


@dataclass(frozen=True)
class Table:
    """What all entries of one table do. `within` bounds the distance of an entry's three updates
    from the reference's, as a share of their length: an update of AdamW is about the sign of a
    gradient, and rounding decides the sign of those next to zero."""

    model: ModelConfig
    batch: int
    device: str
    within: float
    loss_within: float
    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = 1e-8
    weight_decay: float = 0.1


LARGE = ModelConfig(
    vocab_size=50_304,
    context=4096,
    n_layers=16,
    width=2048,
    n_heads=16,
    ff_width=5504,
    compute_dtype="bfloat16",
)
TABLES = {
    "mini": Table(ModelConfig(512, 32, 1, 32, 2), 2, "cpu", 0.05, 1e-3),  # to try things out
    "cpu": Table(ModelConfig(16_384, 256, 4, 256, 8), 4, "cpu", 0.05, 1e-3),
    "gpu": Table(LARGE, 1, "cuda", 0.3, 1e-2),
}


@runtime_checkable
class Trainer(Protocol):
    """What `build` returns."""

    def step(self, ids: Tensor, targets: Tensor) -> Tensor:
        """One step on ids and targets (B, T): the loss before it."""

    def weights(self) -> dict[str, Tensor]:
        """All weights now."""


class Reference:
    """The naive step: everything as the formulas have it, one operation after the other."""

    def __init__(self, table: Table) -> None:
        self.model = Transformer(table.model, torch.Generator().manual_seed(0)).to(table.device)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(),
            lr=table.lr,
            betas=table.betas,
            eps=table.eps,
            weight_decay=table.weight_decay,
            foreach=False,
        )

    def step(self, ids: Tensor, targets: Tensor) -> Tensor:
        """One step, and the loss before it."""
        self.optimizer.zero_grad()
        loss = cross_entropy(self.model(ids), targets)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def weights(self) -> dict[str, Tensor]:
        """All weights, copied."""
        return {name: x.detach().clone() for name, x in self.model.state_dict().items()}


@dataclass(frozen=True)
class Score:
    """What a run gave, and where."""

    ratio: float  # of the entry's seconds and the reference's
    peak_mib: float
    reference_peak_mib: float
    seconds: float
    reference_seconds: float
    machine: str
    date: str
    command: str


def choices() -> dict[str, Any]:
    """What an entry may choose from."""
    return {"table": TABLES}


def score(entry: Any) -> Score:
    """Check the entry's results, then measure it; Unfit where it cannot be ranked."""
    table = TABLES[entry.about["table"]]
    if table.device == "cuda" and not torch.cuda.is_available():
        raise Unfit("this table is for a GPU, and there is none here.")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _score(entry, table)
    finally:
        torch.set_num_threads(threads)


def _score(entry: Any, table: Table) -> Score:
    build = loaded(entry.folder).build
    reference = Reference(table)
    weights = reference.weights()
    batches = Batches(table)
    trainer = build(table, {name: x.clone() for name, x in weights.items()}, table.device)
    check(reference, trainer, weights, batches, table)
    theirs, ours = timed(reference, trainer, batches, table)
    del reference, trainer
    return Score(
        statistics.median(b / a for a, b in zip(theirs, ours)),
        peak(lambda: build(table, {n: x.clone() for n, x in weights.items()}, table.device), table),
        peak(lambda: Reference(table), table),
        statistics.median(ours),
        statistics.median(theirs),
        machine(table.device),
        date.today().isoformat(),
        f"python run.py leaderboard 2 add {entry.name}",
    )


class Batches:
    """Random text, new in every step: nothing can be kept from one to the next."""

    def __init__(self, table: Table) -> None:
        self.table, self.generator = table, torch.Generator().manual_seed(1)

    def next(self) -> tuple[Tensor, Tensor]:
        """ids and targets, both (B, T)."""
        shape = self.table.batch, self.table.model.context + 1
        ids = torch.randint(self.table.model.vocab_size, shape, generator=self.generator)
        ids = ids.to(self.table.device)
        return ids[:, :-1], ids[:, 1:]


def check(
    reference: Reference,
    trainer: Trainer,
    start: dict[str, Tensor],
    batches: Batches,
    table: Table,
) -> None:
    """Some steps of both: Unfit where losses or weights differ by more than rounding."""
    for step in range(CHECKED_STEPS):
        batch = batches.next()
        compare_losses(reference.step(*batch), trainer.step(*batch), f"step {step + 1}", table)
    right, found = reference.weights(), trainer.weights()
    if set(found) != set(right):
        odd = min(set(found) ^ set(right))
        raise Unfit(f"weights() must have the reference's names, and {odd} is only on one side.")
    for name, x in right.items():
        moved = (x - start[name]).norm().item()
        distance = (found[name].to(x) - x).norm().item()
        if not distance <= table.within * moved:
            off = f"{distance / max(moved, 1e-30):.1%} of its way off"
            allowed = f"{table.within:.0%} are allowed"
            raise Unfit(f"After {CHECKED_STEPS} steps {name} is {off}; {allowed}.")


def compare_losses(right: Tensor, found: Tensor, where: str, table: Table) -> None:
    """Unfit unless they are the same but for rounding."""
    right, found = float(right), float(found)
    if not abs(found - right) <= table.loss_within * abs(right):
        raise Unfit(f"The loss is {found:.5f} in {where}, and the reference's is {right:.5f}.")


def timed(
    reference: Reference, trainer: Trainer, batches: Batches, table: Table
) -> tuple[list[float], list[float]]:
    """Seconds of both, by turns on the same batches; who comes first changes from pair to pair."""
    seconds: dict[str, list[float]] = {"reference": [], "entry": []}
    runners = {"reference": reference, "entry": trainer}
    for pair in range(PAIRS):
        batch, losses = batches.next(), {}
        for name in sorted(runners, reverse=pair % 2 == 0):
            synchronize(table.device)
            began = clock()
            loss = runners[name].step(*batch)
            synchronize(table.device)
            seconds[name].append(clock() - began)
            losses[name] = loss
        compare_losses(losses["reference"], losses["entry"], f"timed step {pair + 1}", table)
    return seconds["reference"], seconds["entry"]


def synchronize(device: str) -> None:
    """Wait until all that was asked for is done."""
    if device == "cuda":
        torch.cuda.synchronize()


def peak(build: Any, table: Table) -> float:
    """MiB at the worst moment of two steps; on a CPU those of tensors alive at once."""
    batches = Batches(table)
    if table.device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        two_steps(build(), batches)
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    with MemoryMeter() as meter:
        two_steps(build(), batches)
    return meter.peak / 2**20


def two_steps(trainer: Trainer, batches: Batches) -> None:
    """The second has the optimizer's state from the beginning."""
    for _ in range(2):
        trainer.step(*batches.next())


def machine(device: str) -> str:
    """The processor's name."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{(names or [platform.processor() or platform.machine()])[0]}, one thread"


# Comparing, and the page

PREFACE = """\
# Leaderboard

One training step of a model that is given: forward, loss, backward, AdamW. The score is its time,
divided by that of a naive reference which runs by turns with it on the same machine; below it, the
peak of memory. Results must be the reference's but for rounding. What is trained and how it is
measured: [lib/grading/step_contest.py](../../../lib/grading/step_contest.py). Written by
`python run.py leaderboard {number} table` from `entries/`; do not edit.
"""
HEAD = "| | entry | author | time / reference | peak MiB | ms | reference | machine | date | what |"


def disagreements(claimed: Score, found: Score) -> list[str]:
    """What keeps a claim from being reproduced, one sentence each."""
    problems = []
    if abs(found.ratio - claimed.ratio) > SLOWER * claimed.ratio:
        where = "" if found.machine == claimed.machine else f" on {found.machine}"
        problems.append(
            f"The step takes {found.ratio:.3f} of the reference's time here{where}, "
            f"claimed are {claimed.ratio:.3f} on {claimed.machine}."
        )
    if abs(found.peak_mib - claimed.peak_mib) > LARGER * claimed.peak_mib:
        problems.append(
            f"The peak is {found.peak_mib:.1f} MiB, claimed are {claimed.peak_mib:.1f}."
        )
    return problems


def said(score: Score) -> str:
    """In a line."""
    return (
        f"{score.ratio:.3f} of the reference's time ({1e3 * score.seconds:.1f} ms against "
        f"{1e3 * score.reference_seconds:.1f}), peak {score.peak_mib:.1f} MiB"
    )


def order(entry: Any) -> tuple:
    """The best first within each table; memory decides between equal times."""
    worst = (float("inf"), float("inf"))
    figures = (entry.claim.ratio, entry.claim.peak_mib) if entry.claim else worst
    return list(TABLES).index(entry.about["table"]), *figures, entry.name


def page(entries: list[Any], number: str) -> str:
    """A section for each table, a line for each entry that has been run."""
    parts = [PREFACE.format(number=number)]
    for name, table in TABLES.items():
        rows = [entry for entry in entries if entry.about["table"] == name and entry.claim]
        if rows or name != "mini":
            parts.append(_section(name, table, rows))
    return "\n".join(parts)


def _section(name: str, table: Table, entries: list[Any]) -> str:
    model = table.model
    about = (
        f"{table.batch} x {model.context} tokens of {model.vocab_size:,}, {model.n_layers} layers "
        f"of width {model.width}, {model.compute_dtype}, on {table.device}."
    )
    if not entries:
        return "\n".join([f"## {name}", "", about, "", "Nobody has entered yet.", ""])
    lines = [f"## {name}", "", about, "", HEAD, "|" + "---|" * (HEAD.count("|") - 1)]
    for place, entry in enumerate(entries, start=1):
        claim = entry.claim
        cells = [str(place), f"[{entry.name}](entries/{entry.name}/)", cell(entry.about["author"])]
        cells += [f"{claim.ratio:.3f}", f"{claim.peak_mib:,.1f}", f"{1e3 * claim.seconds:,.1f}"]
        reference = f"{1e3 * claim.reference_seconds:,.1f} ms, {claim.reference_peak_mib:,.1f} MiB"
        cells += [reference, cell(claim.machine), claim.date, cell(entry.about["description"])]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
