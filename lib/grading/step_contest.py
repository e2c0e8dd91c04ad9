"""A contest for the fastest training step: forward, loss, backward and AdamW of a given model.

entry.py defines

    def build(table: Table, weights: dict[str, Tensor], device: str) -> Trainer

`table`, see lib.grading.step_tables, says what is trained and how. `weights` are those of the
reference at the start, by the names of lib.model.transformer.Transformer, copies that the entry may
change. A Trainer has two methods: `step(ids, targets)` does one step and returns the mean loss
before it, a tensor of one number; `weights()` returns all weights under the same names.

First both train on the same batches, and losses and weights are compared. Then both run by turns,
each pair on a new batch, and every loss is compared. The score is the ratio of their fastest times:
others can only slow a step down, and do so with both. On a CPU it is processor time of one thread,
so that neither the number of cores nor other programs matter; entries may start no processes. Last,
the peaks of memory of both. entry.py may import what is installed here, `lib` too, and files that
lie beside it. Whoever reviews an entry looks whether it does the work.
"""

import platform
import time
from datetime import date
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lib.grading import step_page
from lib.grading.contest import loaded
from lib.grading.evaluation import Unfit
from lib.grading.memory_meter import MemoryMeter
from lib.grading.step_page import Score
from lib.grading.step_tables import TABLES, Batches, Reference, Table, Trainer

KEYS = {"author": str, "table": str, "description": str}
CHECKED_STEPS, PAIRS = 3, 11
disagreements, AGREEMENT = step_page.disagreements, step_page.AGREEMENT
order, page, said = step_page.order, step_page.page, step_page.said
# A CPU may be busy with other things: there the process's own time counts, of all its threads.
CLOCKS = {"cpu": time.process_time, "cuda": time.perf_counter}


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
        min(ours) / min(theirs),
        peak(lambda: build(table, {n: x.clone() for n, x in weights.items()}, table.device), table),
        peak(lambda: Reference(table), table),
        min(ours),
        min(theirs),
        machine(table.device),
        date.today().isoformat(),
        f"python run.py leaderboard 2 add {entry.name}",
    )


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
    clock = CLOCKS[table.device]
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
