"""Which layout fits a cluster best, and why not the others.

    found = plan(config, cluster("H100", 1024), batch=512, length=8192)
    found.best.layout, found.best.mfu, found.why()

Every layout is estimated: the memory of its fullest GPU (step_memory), and the seconds of a step
(step_time). Those that do not fit are rejected, the others ranked. MFU is the share of the promised
FLOP/s that goes into what the model asks for, attention between visible positions only.
"""

from collections.abc import Callable
from dataclasses import dataclass

from lib.parallel.cluster import Cluster
from lib.parallel.layer_cost import Experts, LayerCost, useful_flops_per_token
from lib.parallel.layout import Layout, layouts
from lib.parallel.step_memory import step_memory
from lib.parallel.step_time import step_time
from lib.tensors.shape import DecoderShape

RECIPE = "bf16 + fp32 grads and master"


@dataclass(frozen=True)
class Estimate:
    """A layout with its bytes and seconds; `seconds` is empty where it does not fit."""

    layout: Layout
    memory: dict[str, int | float]
    seconds: dict[str, int | float]
    mfu: int | float

    @property
    def bytes(self) -> int | float:
        return sum(self.memory.values())

    @property
    def time(self) -> int | float:
        return sum(self.seconds.values())

    def share(self, kind: str) -> int | float:
        """Of the step's time."""
        return self.seconds[kind] / self.time


@dataclass(frozen=True)
class Plan:
    """All layouts: `fitting`, the fastest first, and `rejected`, the smallest first."""

    cluster: Cluster
    fitting: list[Estimate]
    rejected: list[Estimate]

    @property
    def best(self) -> Estimate:
        if not self.fitting:
            raise ValueError(f"Nothing fits: {self.shortage(self.rejected[0])}")
        return self.fitting[0]

    def rank(self, layout: Layout) -> int:
        """How many fitting layouts are faster."""
        place = {estimate.layout: i for i, estimate in enumerate(self.fitting)}
        if layout not in place:
            raise LookupError(f"{layout} is not among the {len(place)} layouts that fit.")
        return place[layout]

    def having(self, **choices: int | str) -> tuple[list[Estimate], list[Estimate]]:
        """Those with these choices, fitting and rejected: `found.having(tp=8, zero=1)`."""

        def chosen(estimate: Estimate) -> bool:
            return all(getattr(estimate.layout, name) == value for name, value in choices.items())

        return [e for e in self.fitting if chosen(e)], [e for e in self.rejected if chosen(e)]

    def why(self, names: tuple[str, ...] = ("tp", "pp", "zero", "recompute")) -> list[str]:
        """For every other value of a choice, what is wrong with the best layout that has it."""
        sentences = []
        for name in names:
            everything = [*self.fitting, *self.rejected]
            values = {getattr(e.layout, name) for e in everything}
            for value in sorted(values - {getattr(self.best.layout, name)}):
                sentences.append(f"{name}={value}: {self._verdict(*self.having(**{name: value}))}")
        return sentences

    def _verdict(self, fitting: list[Estimate], rejected: list[Estimate]) -> str:
        if not fitting:
            return self.shortage(rejected[0])
        found, best = fitting[0], self.best
        growth = {kind: found.seconds[kind] - best.seconds[kind] for kind in best.seconds}
        most = max(growth, key=growth.get)
        slower = found.time / best.time - 1
        return f"{slower:.1%} slower with {found.layout}, which has more of: {most}"

    def shortage(self, estimate: Estimate) -> str:
        """By how much a layout does not fit, in words."""
        largest = max(estimate.memory, key=estimate.memory.get)
        return (
            f"does not fit, {estimate.layout} comes closest with {estimate.bytes / 1e9:,.0f} GB of "
            f"{self.cluster.room_bytes / 1e9:,.0f}, most of them {largest}"
        )


def estimate(
    cost: LayerCost, cluster: Cluster, layout: Layout, batch: int, length: int, by: str = RECIPE
) -> Estimate:
    """Memory and time of one layout, whether or not it fits."""
    memory = step_memory(cost, layout, batch, length, by)
    seconds = step_time(cost, cluster, layout, batch, length, by)
    useful = useful_flops_per_token(cost, length) * batch * length
    mfu = useful / (cluster.n_gpus * cluster.flops * sum(seconds.values()))
    return Estimate(layout, memory, seconds, mfu)


def plan(
    model: DecoderShape,
    cluster: Cluster,
    batch: int,
    length: int,
    experts: Experts | None = None,
    most_cp: int = 1,
    by: str = RECIPE,
    only: Callable[[Layout], bool] = lambda layout: True,
) -> Plan:
    """All layouts for training on `batch` sequences of `length` tokens at a time.

    Context parallelism is tried up to `most_cp` ranks; `only` leaves out what it returns False for.
    """
    cost = LayerCost(model, experts)
    n_experts = experts.n if experts else 1
    made = layouts(
        cluster.n_gpus, batch, model.n_layers, model.n_heads, n_experts,
        2 * cluster.node_size, most_cp,
    )  # fmt: skip
    fitting, rejected = [], []
    for layout in filter(only, made):
        memory = step_memory(cost, layout, batch, length, by)
        if sum(memory.values()) > cluster.room_bytes:
            rejected.append(Estimate(layout, memory, {}, 0.0))
        else:
            fitting.append(estimate(cost, cluster, layout, batch, length, by))
    fitting.sort(key=lambda e: e.time)
    rejected.sort(key=lambda e: e.bytes)
    return Plan(cluster, fitting, rejected)
