"""A way of cutting a training run into equal parts for many GPUs, and who stands next to whom.

    Layout(dp=128, tp=8, pp=16)      16,384 GPUs

The batch is cut by data parallelism (dp), layers by tensor (tp) and pipeline parallelism (pp), the
sequence by context parallelism (cp), experts are spread over ep of the dp * cp ranks with equal
parts of the model. GPUs are numbered so that those that talk most are neighbours: tensor ranks
first, then context and expert, then data, the pipeline last.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields

from lib.parallel.memory import STAGES
from lib.parallel.schedules import KINDS

RECOMPUTE = ("attention", "elementwise", "full")


@dataclass(frozen=True)
class Layout:
    """`microbatch` are the sequences that a pipeline handles at a time, `chunks` as in schedules.

    `recompute` says what is computed again on the way back: "attention" between positions, which
    its kernels do anyway; "elementwise" what is cheap too, norms and activation functions; "full"
    whole layers, of which nothing but the input is kept.
    """

    dp: int = 1
    tp: int = 1
    pp: int = 1
    cp: int = 1
    ep: int = 1
    zero: int = 0
    sequence: bool = False
    microbatch: int = 1
    schedule: str = "1f1b"
    chunks: int = 1
    recompute: str = "attention"

    def __post_init__(self) -> None:
        sizes = {f.name: getattr(self, f.name) for f in fields(self) if f.type is int}
        too_small = {name: n for name, n in sizes.items() if n < (0 if name == "zero" else 1)}
        known = self.zero in STAGES and self.schedule in KINDS and self.recompute in RECOMPUTE
        if too_small or not known:
            raise ValueError(
                f"{self} is no layout: sizes are 1 or more, zero one of {STAGES}, schedule one of "
                f"{KINDS}, recompute one of {RECOMPUTE}."
            )
        if (self.dp * self.cp) % self.ep:
            raise ValueError(
                f"Experts are spread over the dp * cp = {self.dp * self.cp} ranks with equal parts "
                f"of the model, which ep={self.ep} does not divide."
            )
        if self.zero == 3 and self.pp > 1:
            raise ValueError("ZeRO-3 and a pipeline both cut by layers: with zero=3 leave pp at 1.")

    @property
    def n_gpus(self) -> int:
        return self.dp * self.tp * self.pp * self.cp

    def group(self, kind: str) -> tuple[int, int]:
        """Size and stride of the groups that do a kind of communication together.

        "data" are all ranks that hold the same parameters, "data of experts" the same experts.
        """
        same = self.dp * self.cp
        return {
            "tensor": (self.tp, 1),
            "context": (self.cp, self.tp),
            "expert": (self.ep, self.tp),
            "data": (same, self.tp),
            "data of experts": (same // self.ep, self.tp * self.ep),
            "pipeline": (self.pp, self.tp * same),
        }[kind]

    def n_microbatches(self, batch: int) -> int:
        """Of each pipeline, if a step takes `batch` sequences."""
        if batch % (self.dp * self.microbatch):
            raise ValueError(
                f"{batch} sequences do not make equal microbatches of {self.microbatch} for "
                f"{self.dp} ranks."
            )
        return batch // (self.dp * self.microbatch)

    def __str__(self) -> str:
        """Only what is not one: tp8 pp16 dp128."""
        words = [f"{name}{n}" for name, n in self._sizes().items() if n > 1]
        words += ["sp"] if self.sequence else []
        words += [f"zero{self.zero}"] if self.zero else []
        if self.pp > 1:
            words += [self.schedule + (f" x{self.chunks}" if self.chunks > 1 else "")]
        words += [f"mb{self.microbatch}"]
        words += [] if self.recompute == "attention" else [f"recompute {self.recompute}"]
        return " ".join(words)

    def _sizes(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in ("tp", "cp", "ep", "pp", "dp")}


def layouts(
    n_gpus: int,
    batch: int,
    n_layers: int,
    n_heads: int,
    n_experts: int = 1,
    most_tp: int = 16,
    most_cp: int = 1,
) -> Iterator[Layout]:
    """Every layout of so many GPUs that divides everything evenly.

    Sequence parallelism costs nothing, so whoever has tensor ranks uses it.
    """
    for tp in _divisors(n_heads, most_tp):
        for cp in _divisors(most_cp, most_cp):
            for pp in _divisors(n_gpus // (tp * cp), n_layers) if n_gpus % (tp * cp) == 0 else []:
                dp = n_gpus // (tp * cp * pp)
                if batch % dp:
                    continue
                for ep in _divisors(n_experts, dp * cp):
                    if (dp * cp) % ep == 0:
                        yield from _variants(tp, cp, pp, dp, ep, batch, n_layers)


def _variants(
    tp: int, cp: int, pp: int, dp: int, ep: int, batch: int, n_layers: int
) -> Iterator[Layout]:
    """All that can be chosen besides the five sizes."""
    for microbatch in (1, 2, 4):
        if batch % (dp * microbatch):
            continue
        for zero in _stages(dp * cp, pp):
            for schedule, chunks in _schedules(pp, batch // (dp * microbatch), n_layers):
                for recompute in RECOMPUTE:
                    yield Layout(
                        dp, tp, pp, cp, ep, zero, tp > 1, microbatch, schedule, chunks, recompute
                    )


def _stages(replicas: int, pp: int) -> tuple[int, ...]:
    """Stages 2 and 3 sum up gradients for every microbatch, of which a pipeline has many."""
    if replicas == 1:
        return (0,)
    return (0, 1) if pp > 1 else STAGES


def _schedules(pp: int, m: int, n_layers: int) -> list[tuple[str, int]]:
    """Interleaving takes whole layers, and microbatches in equal groups of one for every rank."""
    if pp == 1:
        return [("1f1b", 1)]
    chunks = [v for v in (2, 3, 4, 5, 6, 8) if pp * v <= n_layers + 2] if m % pp == 0 else []
    return [("1f1b", 1), ("zero-bubble", 1), *(("interleaved", v) for v in chunks)]


def _divisors(n: int, most: int) -> list[int]:
    return [d for d in range(1, min(n, most) + 1) if n % d == 0]
