"""Contests between kernels on one GPU: answers first, then turns, medians, and a row for each.

All contestants of a piece of work get the same inputs. One that raises (a library that is not
installed, a backend that does not take these shapes) is left out, with its reason in the record.
"""

import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lib.tensors.gpu_record import OURS, Measured
from lib.tensors.timing import Timing, clock, wait_for

Run = Callable[[], tuple[Tensor, ...]]


@dataclass(frozen=True)
class Contestant:
    """`run` returns its answer: nothing where there is none to compare. `before` is not timed."""

    run: Run
    before: Callable[[], object] = lambda: None


@dataclass(frozen=True)
class Contest:
    """A piece of work, and how to set it up: inputs are made when its turn comes."""

    work: str
    prepare: Callable[[], dict[str, Contestant]]
    target: float | None = None  # ours / the fastest other, in speed
    bytes: float = 0
    flops: float = 0
    within: float = 0.02  # of the largest number of an answer, in bfloat16


def hold(contest: Contest, device: str, repeats: int, budget: float) -> list[Measured]:
    """One row per contestant. `budget` is in seconds of measured runs, all together."""
    contestants = contest.prepare()
    rows, answers, memory = [], {}, {}
    common = {"device": device, "work": contest.work}
    sizes = {"bytes": contest.bytes, "flops": contest.flops}
    for name, contestant in list(contestants.items()):
        try:
            answers[name], memory[name] = _first(contestant, device)
        except Exception as error:
            reason = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:150]}"
            rows.append(Measured(**common, contestant=name, seconds=None, note=reason))
            del contestants[name]
    agree = agreement(answers, contest.within)
    answers.clear()
    for name, timing in turns(contestants, device, repeats, budget).items():
        numbers = {"seconds": timing.median, "spread": timing.spread, "runs": len(timing.seconds)}
        target = contest.target if name == OURS else None
        found = {"peak_memory": memory[name], "agrees": agree[name], "target": target}
        rows.append(Measured(**common, contestant=name, **numbers, **sizes, **found))
    return rows


def _first(contestant: Contestant, device: str) -> tuple[tuple[Tensor, ...], float]:
    """The answer, and the most memory that was taken on the way; after runs that only warm up."""
    for _ in range(2):
        contestant.before()
        contestant.run()
    contestant.before()
    if not device.startswith("cuda"):
        return _copied(contestant.run()), 0.0
    gc.collect()
    wait_for(device)
    torch.cuda.reset_peak_memory_stats()
    already = torch.cuda.memory_allocated()
    answer = contestant.run()
    wait_for(device)
    taken = torch.cuda.max_memory_allocated() - already
    return _copied(answer), float(taken)


def _copied(answer: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Some contestants write their answers over their inputs."""
    return tuple(x.detach().clone() for x in answer)


def agreement(answers: dict[str, tuple[Tensor, ...]], within: float) -> dict[str, bool | None]:
    """Whether each gives what most of the others give; None for who gives no answer to compare."""
    with_answer = {name: answer for name, answer in answers.items() if answer}
    votes = {
        name: [_close(answer, other, within) for n, other in with_answer.items() if n != name]
        for name, answer in with_answer.items()
    }
    verdict: dict[str, bool | None] = dict.fromkeys(answers)
    return verdict | {name: 2 * sum(v) >= len(v) for name, v in votes.items() if v}


def _close(a: tuple[Tensor, ...], b: tuple[Tensor, ...], within: float) -> bool:
    if len(a) != len(b):
        return False
    for x, y in zip(a, b):
        x, y = x.float(), y.float()
        if x.shape != y.shape:
            return False
        if not (x - y).abs().max() <= within * y.abs().max() + 1e-6:  # NaN is not either
            return False
    return True


def turns(
    contestants: dict[str, Contestant], device: str, repeats: int, budget: float
) -> dict[str, Timing]:
    """A B C A B C ...: what disturbs the machine disturbs all. At least five rounds."""
    seconds_of, times = clock(device), {name: [] for name in contestants}
    for n_done in range(repeats):
        if n_done >= 5 and sum(map(sum, times.values())) > budget:
            break
        for name, contestant in contestants.items():
            contestant.before()
            times[name].append(seconds_of(contestant.run))
    return {name: Timing(tuple(seconds)) for name, seconds in times.items()}


def resume(
    contests: list[Contest], known: list[Measured], versions: str
) -> Iterator[tuple[Contest, bool]]:
    """Every contest, and whether its rows were already written with these versions."""
    done = {row.work for row in known if row.versions == versions}
    for contest in contests:
        yield contest, contest.work in done


def stamped(rows: list[Measured], **stamp: str) -> list[Measured]:
    return [replace(row, **stamp) for row in rows]
