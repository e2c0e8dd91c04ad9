"""A run in a folder: it writes its log and checkpoints, and goes on where a crash has stopped it.

The folder holds `config.toml`, `log.jsonl` and `checkpoints/`. Resuming is exact: weights and log
are, bit for bit, those of a run that nobody interrupted (times aside), on the same machine.
"""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import torch

from lib.model.transformer import Transformer
from lib.tokenization.atomic import write_atomically
from lib.training.batches import Batches
from lib.training.build import (
    make_model,
    make_optimizer,
    make_schedule,
    training_batches,
    validation_batches,
)
from lib.training.checkpoint import Checkpoint, load_latest, paths, save
from lib.training.config import Config
from lib.training.divergence import Guard
from lib.training.engine import Engine
from lib.training.log import Log
from lib.training.loop import Step, evaluate, training_steps
from lib.training.precision import choose_precision
from lib.training.ranks import ALONE, Ranks
from lib.training.settings import read_config, to_toml

CONFIG, LOG, CHECKPOINTS = "config.toml", "log.jsonl", "checkpoints"


@dataclass
class Run:
    """A model in training, and everything that decides its next step."""

    config: Config
    model: Transformer
    optimizer: torch.optim.Optimizer
    batches: Batches
    ranks: Ranks = ALONE
    step: int = 0  # steps taken
    tokens: int = 0  # predicted in all of them
    seconds: float = 0.0  # that they took
    guard: Guard = field(default_factory=Guard)
    engine: Engine | None = None  # of processes on a mesh

    @property
    def folder(self) -> Path:
        """Where the run writes."""
        return Path(self.config.run.folder)

    def steps(self) -> Iterator[Step]:
        """Train to the end. Each step is logged, and saved if it is time, before it is yielded."""
        config, run = self.config, self.config.run
        valid = self._validation_batches()
        board = self.folder / "tensorboard" if run.tensorboard else None
        steps = training_steps(
            self.model,
            self.optimizer,
            self.batches,
            run.steps,
            start=self.step,
            schedule=make_schedule(config.schedule, run.steps),
            clip=config.optimizer.clip,
            microbatches=run.microbatches,
            recompute=run.recompute,
            z_loss=run.z_loss,
            guard=self.guard,
            ranks=self.ranks,
            engine=self.engine,
        )
        first = self.ranks.rank == 0
        with Log(self.folder / LOG, self.step, board) if first else nullcontext() as log:
            for step in steps:
                self.step = step.step
                self.tokens += step.tokens
                self.seconds += step.seconds
                last = step.step == run.steps
                if valid is not None and (last or step.step % run.eval_every == 0):
                    valid.restore({"next": 0})
                    step = replace(step, valid=self._evaluate(valid))
                if log is not None:
                    said = {"tokens": self.tokens, "seconds": round(self.seconds, 3)}
                    log.write(asdict(step) | said)
                if (first or self.engine is not None) and (last or step.step % run.save_every == 0):
                    self.save()
                yield step

    def _validation_batches(self) -> Batches | None:
        """Those of this process; the first alone evaluates, unless all have to."""
        if self.engine is not None:
            return validation_batches(self.config, self.engine.readers)
        return validation_batches(self.config) if self.ranks.rank == 0 else None

    def _evaluate(self, batches: Batches) -> float:
        n_batches = self.config.run.eval_batches
        if self.engine is not None:
            return self.engine.evaluate(batches, n_batches)
        return evaluate(self.model, batches, n_batches)

    def save(self) -> Path:
        """Write a checkpoint now."""
        state = {
            "tokens": self.tokens,
            "seconds": self.seconds,
            "batches": self.batches.state(),
            "guard": asdict(self.guard),
        }
        folder = self.folder / CHECKPOINTS
        if self.engine is not None:
            return self.engine.save(folder, self.step, state)
        state |= {
            "optimizer": self.optimizer.state_dict()["state"],
            "random": torch.get_rng_state(),  # for models that draw numbers, such as dropout
        }
        checkpoint = Checkpoint(self.step, self.model.state_dict(), state)
        return save(folder, checkpoint, self.config.run.keep)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Become what the run was when the checkpoint was written.

        Settings of the optimizer are the config's, so resuming can change them.
        """
        state, groups = checkpoint.state, self.optimizer.state_dict()["param_groups"]
        self.model.load_state_dict(checkpoint.weights)
        self.optimizer.load_state_dict({"state": state["optimizer"], "param_groups": groups})
        torch.set_rng_state(state["random"])
        self._go_on_from(checkpoint.step, state)

    def restore_latest(self) -> None:
        """Become what the newest whole checkpoint says. Raises FileNotFoundError without one."""
        folder = self.folder / CHECKPOINTS
        if self.engine is None:
            self.restore(load_latest(folder))
        else:
            self._go_on_from(*self.engine.restore_latest(folder))

    def _go_on_from(self, step: int, state: dict[str, Any]) -> None:
        self.batches.restore(state["batches"])
        self.guard = Guard(**state["guard"])
        self.step, self.tokens = step, state["tokens"]
        self.seconds = state["seconds"]


def start(config: Config, ranks: Ranks = ALONE) -> Run:
    """A new run. Raises FileExistsError where the folder has one that can be resumed."""
    folder = Path(config.run.folder)
    if paths(folder / CHECKPOINTS):
        raise FileExistsError(
            f"{folder} has a run that can be resumed: python -m lib.training resume {folder}. "
            "For a new one choose another run.folder, or remove this one."
        )
    if config.run.choose_precision:
        config = with_fastest_precision(config, ranks)
    if ranks.rank == 0:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / CONFIG, to_toml(config))
    return _make(config, ranks)


def resume(folder: Path, overrides: Iterable[str] = (), ranks: Ranks = ALONE) -> Run:
    """The run of a folder as its newest whole checkpoint has it, or at its start without one.

    `overrides` change its config: "run.steps=2000" goes on beyond the end. Model and data must stay
    what they are.
    """
    before, config = read_run(folder), read_run(folder, overrides)
    _check_resumable(before, config)
    if config != before and ranks.rank == 0:
        write_atomically(folder / CONFIG, to_toml(config))
    run = _make(config, ranks)
    try:
        run.restore_latest()
    except FileNotFoundError:
        warnings.warn(f"{folder} has no whole checkpoint: starting at step 1.", stacklevel=2)
    return run


def read_run(folder: Path, overrides: Iterable[str] = ()) -> Config:
    """The config of the run in a folder, wherever the folder is now."""
    if not (folder / CONFIG).exists():
        raise FileNotFoundError(
            f"{folder} has no {CONFIG}, so it holds no run. Start one: "
            "python -m lib.training train config.toml"
        )
    config = read_config(Config, folder / CONFIG, overrides)
    return replace(config, run=replace(config.run, folder=str(folder)))


def with_fastest_precision(config: Config, ranks: Ranks = ALONE) -> Config:
    """The config with what `precision.choose_precision` finds for this machine written into it."""
    bfloat16 = choose_precision(config.run.device).dtype == "bfloat16"
    dtype = "bfloat16" if ranks.agree(bfloat16) else "float32"
    model = replace(config.model, compute_dtype=dtype)
    return replace(config, model=model, run=replace(config.run, choose_precision=False))


def load_model(folder: Path) -> tuple[Transformer, Checkpoint]:
    """The model of a run's newest whole checkpoint, on the CPU, and the checkpoint."""
    config, checkpoint = read_run(folder), load_latest(folder / CHECKPOINTS)
    model = Transformer(config.model)
    model.load_state_dict(checkpoint.weights)
    return model, checkpoint


def _make(config: Config, ranks: Ranks) -> Run:
    if config.run.threads is not None:
        torch.set_num_threads(config.run.threads)
    torch.manual_seed(config.run.seed)  # for whatever the model may draw while it trains
    if config.mesh.is_used and max(config.mesh.fit(ranks.n_ranks).sizes) > 1:
        from lib.training.mesh_engine import MeshEngine  # a second of imports that others save

        engine = MeshEngine(config)
        batches = training_batches(config, engine.readers)
        return Run(config, engine.model, engine.optimizer, batches, ranks, engine=engine)
    model = make_model(config)
    optimizer = make_optimizer(config.optimizer, model)
    return Run(config, model, optimizer, training_batches(config, ranks), ranks)


def _check_resumable(before: Config, after: Config) -> None:
    """What a checkpoint fits to must not change."""
    for table in ("model", "data"):
        old, new = getattr(before, table), getattr(after, table)
        for name in (f.name for f in fields(old)):
            if getattr(old, name) != getattr(new, name):
                raise ValueError(
                    f"{table}.{name} was {getattr(old, name)!r} when the run began. Its "
                    f"checkpoints do not fit to {getattr(new, name)!r}: start a new run."
                )
    if before.optimizer.name != after.optimizer.name:
        raise ValueError(
            f"The run began with {before.optimizer.name}, whose averages mean nothing to "
            f"{after.optimizer.name}. Start a new run."
        )
