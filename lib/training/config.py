"""Everything that decides a training run, as dataclasses of plain numbers and words.

A lecture writes `Config(model=ModelConfig(...), data=DataConfig(...), ...)`, a file has the same
names as tables, a command line as `optimizer.lr=0.002`: `settings` reads and writes those.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from lib.model.checks import check_choices, check_count
from lib.model.config import ModelConfig

Documents = Literal["ignore", "mask", "pack"]
OptimizerName = Literal[
    "sgd", "momentum", "adagrad", "rmsprop", "adam", "adamw", "lion", "muon", "soap"
]
ScheduleName = Literal["constant", "linear", "cosine", "wsd", "stairs"]


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
class Config:
    """A whole run: what `python -m lib.training train` reads from a file."""

    model: ModelConfig
    data: DataConfig
    run: RunConfig
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)

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
