"""In which order the ranks of a pipeline work: schedules as data, and the time they take.

The layers are cut into stages, the batch into microbatches, and a schedule gives every rank a list
of actions, to be done in this order, each as soon as what it needs has come from its neighbours:

- F, forward: needs F of the same microbatch at the stage before;
- B, backward: needs F here and B at the stage after, which sends the gradient of what we sent;
- W, the gradients of weights, where B leaves them for later: needs B here, and nobody waits for it.

Rank r of p has stage r, or with chunks the stages r, r + p, r + 2p ... All schedules give the same
gradients. They differ in how long ranks wait, and in how many activations they hold meanwhile.

Letters: p ranks, m microbatches, v chunks per rank.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import zip_longest

from lib.parallel.timeline import Event, Timeline


@dataclass(frozen=True)
class Action:
    """F, B or W of one microbatch in one chunk of a rank's layers."""

    kind: str
    microbatch: int
    chunk: int = 0

    def __str__(self) -> str:
        return f"{self.kind}{self.microbatch}" + (f".{self.chunk}" if self.chunk else "")


Order = list[Action]  # of one rank
Step = tuple[str, int, int]  # kind, stage, microbatch: an action, whoever does it


def schedule(kind: str, p: int, m: int, chunks: int = 1) -> list[Order]:
    """What each rank does, by rank: "gpipe", "1f1b", "interleaved" (of chunks) or "zero-bubble"."""
    _check(kind, p, m, chunks)
    return interleaved(p, m, chunks) if kind == "interleaved" else PLAIN[kind](p, m)


def gpipe(p: int, m: int) -> list[Order]:
    """All forward, then all backward (arXiv 1811.06965): simple, and holds all m activations."""
    return [[Action("F", i) for i in range(m)] + [Action("B", i) for i in range(m)]] * p


def one_f_one_b(p: int, m: int) -> list[Order]:
    """A backward as soon as one is possible, so few activations wait: PipeDream's order, with the
    weights changed only after the batch (arXiv 1806.03377, 2006.09503)."""
    forwards, backwards = [Action("F", i) for i in range(m)], [Action("B", i) for i in range(m)]
    return [_in_turn(forwards, backwards, ahead=p - 1 - rank) for rank in range(p)]


def interleaved(p: int, m: int, v: int) -> list[Order]:
    """1F1B on v stages per rank: the pipeline fills in steps of 1 / v (arXiv 2104.04473).

    A group of microbatches, p of them, goes through a chunk before the next chunk has its turn.
    """
    group = m // max(1, m // p)
    firsts = range(0, m, group)
    places = [(a + i, chunk) for a in firsts for chunk in range(v) for i in range(group)]
    forwards = [Action("F", i, chunk) for i, chunk in places]
    backwards = [Action("B", i, v - 1 - chunk) for i, chunk in places]
    ahead = [(v - 1) * group + 2 * (p - 1 - rank) for rank in range(p)]
    return [_in_turn(forwards, backwards, ahead[rank]) for rank in range(p)]


def zero_bubble(p: int, m: int) -> list[Order]:
    """1F1B whose B sends its gradient on before those of the weights are computed: W fills what
    would be bubble. No rank holds more than p activations (ZB-H1, arXiv 2401.10241)."""
    orders = []
    for rank, plain in enumerate(one_f_one_b(p, m)):
        order = []
        for action in plain:
            order.append(action)
            if action.kind == "B" and action.microbatch >= rank:
                order.append(Action("W", action.microbatch - rank))
        order += [Action("W", i) for i in range(max(0, m - rank), m)]
        orders.append(order)
    return orders


PLAIN: dict[str, Callable[[int, int], list[Order]]] = {
    "gpipe": gpipe,
    "1f1b": one_f_one_b,
    "zero-bubble": zero_bubble,
}
KINDS = (*PLAIN, "interleaved")


def _in_turn(forwards: Order, backwards: Order, ahead: int) -> Order:
    """Some forwards ahead, then a forward and a backward in turn, then the backwards left over."""
    pairs = zip_longest(forwards[ahead:], backwards)
    return forwards[:ahead] + [action for pair in pairs for action in pair if action is not None]


def needs(action: Action, stage: int, n_stages: int) -> list[Step]:
    """What must be done before, here or at a neighbour."""
    i = action.microbatch
    if action.kind == "F":
        return [("F", stage - 1, i)] if stage else []
    if action.kind == "W":
        return [("B", stage, i)]
    after = [("B", stage + 1, i)] if stage + 1 < n_stages else []
    return [("F", stage, i), *after]


def simulate_schedule(
    kind: str,
    p: int,
    m: int,
    f: float | int = 1.0,
    b: float | int = 2.0,
    w: float | int | None = None,
    chunks: int = 1,
    transfer: float | int = 0.0,
) -> Timeline:
    """When everything happens if a rank takes f for the forward pass of a microbatch through all
    its layers and b for the whole backward pass, of which w (half, if None) are for the weights.

    `transfer` passes between a neighbour's end and our beginning, while both may do other things.
    """
    w = b / 2 if w is None else w
    b = b - w if kind == "zero-bubble" else b
    durations = {"F": f / chunks, "B": b / chunks, "W": w / chunks}
    return simulate_orders(schedule(kind, p, m, chunks), durations, transfer)


def simulate_orders(
    orders: list[Order], durations: Mapping[str, float | int], transfer: float | int = 0.0
) -> Timeline:
    """The same for any orders. ValueError if all ranks would wait for each other."""
    simulation = _Simulation(orders, durations, transfer)
    while any(simulation.remaining):
        able = [rank for rank, order in enumerate(simulation.remaining) if simulation.can(order)]
        if not able:
            raise ValueError(simulation.why_stuck())
        for rank in able:
            simulation.advance(rank)
    return Timeline(simulation.events, len(orders))


class _Simulation:
    """What is done, when, and what remains."""

    def __init__(
        self, orders: list[Order], durations: Mapping[str, float | int], transfer: float | int
    ) -> None:
        self.durations, self.transfer, self.p = durations, transfer, len(orders)
        self.remaining = [
            [(action, action.chunk * self.p + rank) for action in order]
            for rank, order in enumerate(orders)
        ]
        self.n_stages = 1 + max(stage for order in self.remaining for _, stage in order)
        self.free_from = [0.0] * self.p
        self.ends: dict[Step, float] = {}
        self.events: list[Event] = []

    def missing(self, order: list[tuple[Action, int]]) -> list[Step]:
        """What the next action of an order still needs."""
        return [need for need in needs(*order[0], self.n_stages) if need not in self.ends]

    def can(self, order: list[tuple[Action, int]]) -> bool:
        return bool(order) and not self.missing(order)

    def advance(self, rank: int) -> None:
        action, stage = self.remaining[rank].pop(0)
        come = [
            self.ends[need] + (0.0 if need[1] % self.p == rank else self.transfer)
            for need in needs(action, stage, self.n_stages)
        ]
        begin = max([self.free_from[rank], *come])
        end = begin + self.durations[action.kind]
        self.free_from[rank] = self.ends[action.kind, stage, action.microbatch] = end
        self.events.append(Event(rank, action.kind, action.microbatch, action.chunk, begin, end))

    def why_stuck(self) -> str:
        lines = [
            f"  rank {rank} would do {order[0][0]} after {step}{microbatch} of stage {stage}"
            for rank, order in enumerate(self.remaining) if order
            for step, stage, microbatch in self.missing(order)
        ]  # fmt: skip
        return "\n".join(["In these orders all ranks wait, none can go on:", *lines])


def _check(kind: str, p: int, m: int, chunks: int) -> None:
    if kind not in KINDS:
        raise ValueError(f"There is no schedule {kind!r}. Choose from {', '.join(KINDS)}.")
    if min(p, m, chunks) < 1:
        raise ValueError(
            f"A pipeline has at least one rank, microbatch and chunk, not p={p}, m={m}, "
            f"chunks={chunks}."
        )
    if kind != "interleaved" and chunks > 1:
        raise ValueError(
            f"With {kind!r} a rank has one stage, but chunks is {chunks}. Several take turns in "
            "'interleaved'; or leave chunks at 1."
        )
    n_groups = max(1, m // p)
    if kind == "interleaved" and m % n_groups:
        raise ValueError(
            f"Interleaving sends microbatches through in equal groups of {p} or a few more, but "
            f"{m} do not make {n_groups}. Take {m - m % n_groups} or {m - m % n_groups + n_groups}."
        )
