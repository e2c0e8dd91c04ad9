"""Everything that decides a training run, as dataclasses of plain numbers and words.

A lecture writes `Config(model=ModelConfig(...), data=DataConfig(...), ...)`, a file has the same
names as tables, a command line as `optimizer.lr=0.002`: `settings` reads and writes those.
"""

from dataclasses import dataclass, field, replace
from math import prod
from typing import Any, Literal

from lib.model.checks import check_choices, check_count
from lib.model.choices import DType
from lib.model.config import ModelConfig

Documents = Literal["ignore", "mask", "pack"]
OptimizerName = Literal[
    "sgd", "momentum", "adagrad", "rmsprop", "adam", "adamw", "lion", "muon", "soap"
]
ScheduleName = Literal["constant", "linear", "cosine", "wsd", "stairs"]
PipelineName = Literal["gpipe", "1f1b", "interleaved", "breadth-first", "zero-bubble"]
AXES = ("pipeline", "data", "shard", "tensor")  # of a mesh; neighbouring processes share tensors


@dataclass(frozen=True)
class DataConfig:
    """What is read. Paths are relative to the folder where the command is given."""

    train: str  # a file of ids made by lib.tokenization.token_files.encode_file
    valid: str | None = None  # the same for text that is never trained on; None: no evaluation
    tokenizer: str | None = None  # a file of lib.tokenization.own_json; only `sample` needs it
    batch: int = 16  # sequences in each step, over all ranks; each as long as model.context
    documents: Documents = "ignore"  # what a border between documents means, see `batches`

    def __post_init__(self) -> None:
        check_choices(self)
        check_count("data.batch", self.batch)


@dataclass(frozen=True)
class OptimizerConfig:
    """How gradients become changes of the weights."""

    name: OptimizerName = "adamw"
    lr: float = 2e-3  # the highest; the schedule multiplies it
    adamw_lr: float | None = None  # with muon: of what is no hidden matrix; None: lr
    betas: tuple[float, float] = (0.9, 0.95)
    momentum: float = 0.95  # of momentum and muon
    weight_decay: float = 0.1  # of matrices; norms and biases are never pulled to zero
    clip: float = 1.0  # longest gradient, over all parameters; inf: any length

    def __post_init__(self) -> None:
        check_choices(self)
        _check_above_zero("optimizer.lr", self.lr)
        _check_above_zero("optimizer.clip", self.clip)


@dataclass(frozen=True)
class ScheduleConfig:
    """How the learning rate moves over the run, as a share of its highest value."""

    name: ScheduleName = "cosine"
    warmup: int = 20  # steps of rising from zero
    decay: int | None = None  # last steps, of falling (wsd alone); None: a tenth of the run
    floor: float = 0.1  # share of the highest learning rate at the end (not of stairs)

    def __post_init__(self) -> None:
        check_choices(self)
        if self.warmup < 0:
            raise ValueError(f"schedule.warmup is {self.warmup} steps. Choose 0 (none) or more.")


@dataclass(frozen=True)
class RunConfig:
    """How long, where, how often to look, and what to keep."""

    folder: str  # gets config.toml, log.jsonl and the checkpoints
    steps: int = 1000
    seed: int = 0  # of the first weights and of the order of the data
    microbatches: int = 1  # a batch in so many parts: less memory, the same gradient
    z_loss: float = 0.0  # times (log Z)^2 is added to the loss; PaLM took 1e-4
    recompute: bool = False  # activation checkpointing: less memory, a third more work
    choose_precision: bool = False  # at the start, set model.compute_dtype to what is fastest here
    device: str = "cpu"
    threads: int | None = None  # of the CPU; None: as torch chooses
    eval_every: int = 100
    eval_batches: int = 10
    save_every: int = 100
    keep: int = 3  # checkpoints, the newest ones
    tensorboard: bool = False  # write its event files too, if it is installed

    def __post_init__(self) -> None:
        check_choices(self)
        for name in ("steps", "microbatches", "eval_every", "eval_batches", "save_every", "keep"):
            check_count(f"run.{name}", getattr(self, name))


@dataclass(frozen=True)
class MeshConfig:
    """How many processes share the work in which way; torchrun starts as many as their product.

    One of the four may be -1, as in `reshape`: as many as there are processes left. With all four
    at 1, any number of processes share batches as `ranks` does it.
    """

    data: int = 1  # copies of the model, each of which reads a part of every batch
    shard: int = 1  # processes that read parts of batches, too, and hold one copy together (FSDP)
    tensor: int = 1  # processes that share the heads and columns of every layer
    pipeline: int = 1  # processes with some layers each
    sequence: bool = True  # with tensor: norms and residuals are shared, too, by positions
    schedule: PipelineName = "1f1b"  # in which order the stages of a pipeline work
    stages: int = 1  # of each process: several for the interleaved, breadth-first, zero-bubble ones
    reshard: bool = True  # with shard: forget gathered weights after forward, and gather them again
    gather_dtype: DType | None = None  # and in which dtype; None: model.dtype
    reduce_dtype: DType | None = None  # in which their gradients are added up; None: the same

    def __post_init__(self) -> None:
        check_choices(self)
        check_count("mesh.stages", self.stages)
        for name in AXES:
            if getattr(self, name) != -1:
                check_count(f"mesh.{name}", getattr(self, name))

    @property
    def is_used(self) -> bool:
        """Whether the config asks for a mesh at all."""
        return any(size != 1 for size in self.sizes)

    @property
    def sizes(self) -> tuple[int, ...]:
        """In the order of AXES."""
        return tuple(getattr(self, name) for name in AXES)

    def fit(self, n_processes: int) -> "MeshConfig":
        """With a number for -1. Raises ValueError unless the product is `n_processes`."""
        free = [name for name, size in zip(AXES, self.sizes) if size == -1]
        product = prod(size for size in self.sizes if size != -1)
        said = " x ".join(f"{name} {size}" for name, size in zip(AXES, self.sizes) if size != 1)
        if len(free) > 1:
            raise ValueError(f"mesh has {said}. Only one size can be -1: all that is left.")
        if n_processes % product or (not free and product != n_processes):
            raise ValueError(
                f"mesh has {said}, which is for {product} processes{' or a multiple' * len(free)}, "
                f"and there {'is' if n_processes == 1 else 'are'} {n_processes}. Start as many "
                f"(torchrun --nproc-per-node {product} -m lib.training ...), or change the sizes, "
                "of which one may be -1: all processes that are left."
            )
        return replace(self, **dict.fromkeys(free, n_processes // product))


@dataclass(frozen=True)
class Config:
    """A whole run: what `python -m lib.training train` reads from a file."""

    model: ModelConfig
    data: DataConfig
    run: RunConfig
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    mesh: MeshConfig = field(default_factory=MeshConfig)

    def __post_init__(self) -> None:
        batch, parts = self.data.batch, self.run.microbatches
        if batch % parts:
            raise ValueError(
                f"A batch of {batch} sequences cannot be cut into {parts} equal microbatches. "
                "Choose a run.microbatches that divides data.batch."
            )
        if self.schedule.warmup >= self.run.steps:
            raise ValueError(
                f"The warm-up takes {self.schedule.warmup} of {self.run.steps} steps, and none is "
                "left to train at the full learning rate. Choose a smaller schedule.warmup."
            )


def _check_above_zero(name: str, value: Any) -> None:
    if not value > 0:
        raise ValueError(f"{name} is {value}. Choose a number above zero.")
