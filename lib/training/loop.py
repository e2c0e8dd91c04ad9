"""The training loop, as a generator: whoever asks for the next step makes it happen.

A lecture steps through it, `drain` runs it to the end, and both see the same numbers. Losses are
in nats for each predicted token.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from lib.model.transformer import Transformer
from lib.training.accumulation import accumulate
from lib.training.batches import Batch, Batches
from lib.training.clipping import clip_gradients
from lib.training.divergence import Guard
from lib.training.engine import Engine
from lib.training.losses import output_loss
from lib.training.ranks import ALONE, Ranks
from lib.training.recomputation import recomputed_blocks
from lib.training.schedules import scale_lr


@dataclass(frozen=True)
class Step:
    """What one step of training was like."""

    step: int  # counted from 1
    loss: float  # before the step
    norm: float  # of the gradient, before clipping
    lr: float  # of the first parameter group
    tokens: int  # predicted in this step, over all ranks
    seconds: float  # that this step took
    valid: float | None = None  # loss after the step, on text that is not trained on


def training_steps(
    model: Transformer,
    optimizer: torch.optim.Optimizer,
    batches: Iterator[Batch],
    n_steps: int,
    *,
    start: int = 0,
    schedule: Callable[[int], float] | None = None,
    clip: float = 1.0,
    microbatches: int = 1,
    recompute: bool = False,
    z_loss: float = 0.0,
    guard: Guard | None = None,
    ranks: Ranks = ALONE,
    engine: Engine | None = None,
) -> Iterator[Step]:
    """Train from step `start` + 1 to `n_steps`, yielding after each.

    `schedule` gives each step's share of the optimizer's learning rate. `z_loss` is part of what is
    minimised, and of the loss that is reported. With an `engine`, how gradients are found is its
    own business. Raises Diverged.
    """
    params, guard = list(model.parameters()), guard or Guard()
    device = params[0].device
    for step in range(start + 1, n_steps + 1):
        begin = time.perf_counter()
        if schedule is not None:
            scale_lr(optimizer, schedule(step))
        lr = optimizer.param_groups[0]["lr"]
        optimizer.zero_grad(set_to_none=True)
        batch = next(batches).to(device)
        if engine is not None:
            loss, tokens = engine.add_gradients(batch)
            norm = engine.clip(clip)
        else:
            loss, tokens = add_gradients(model, batch, microbatches, recompute, ranks, z_loss)
            norm = clip_gradients(params, clip).item()
        guard.check(step, loss, norm, lr)
        optimizer.step()
        yield Step(step, loss, norm, lr, tokens, time.perf_counter() - begin)


def add_gradients(
    model: Transformer,
    batch: Batch,
    microbatches: int = 1,
    recompute: bool = False,
    ranks: Ranks = ALONE,
    z_loss: float = 0.0,
) -> tuple[float, int]:
    """The gradient of the mean loss over the whole batch, of which only a part is held at a time.

    Every target weighs the same, however it is cut, and whichever rank has it. Returns the loss and
    the number of targets.
    """
    parts = batch.parts(microbatches)
    weights = [part.n_counted for part in parts]
    with recomputed_blocks(model.blocks if recompute else ()):
        loss = accumulate(partial(batch_loss, model, z_loss=z_loss), parts, weights).item()
    return ranks.average(loss, sum(weights), model.parameters())


def batch_loss(model: Transformer, batch: Batch, z_loss: float = 0.0) -> Float[Tensor, ""]:
    """The mean loss over the targets that count, without holding all logits."""
    hidden = model.hidden(batch.ids, batch.positions, batch.mask)
    cap, kernels = model.config.output_softcap, model.config.kernels
    counts = (batch.targets, batch.counted)
    return output_loss(hidden, model.output_weight, *counts, z_loss, cap, kernels)


@torch.no_grad()
def evaluate(model: Transformer, batches: Batches, n_batches: int) -> float:
    """The mean loss over the targets of the next batches."""
    model.eval()
    device, total, n_targets = model.output_weight.device, 0.0, 0
    for batch in islice(batches, n_batches):
        if batch.n_counted:
            total += batch_loss(model, batch.to(device)).item() * batch.n_counted
            n_targets += batch.n_counted
    model.train()
    return total / max(1, n_targets)


def drain(
    steps: Iterable[Step],
    n_steps: int,
    callbacks: Iterable[Callable[[Step], None]] = (),
    progress: bool = True,
) -> Step | None:
    """Run to the end under a progress bar, and return the last step; None if there was none.

    Every callback gets every step; in a notebook, `lib.notebook.live_plot` draws them as they come.
    """
    callbacks, last = list(callbacks), None
    with tqdm(total=n_steps, unit="step", leave=False, disable=not progress) as bar:
        for last in steps:
            if bar.n == 0:
                bar.initial = bar.n = last.step - 1  # of a run that goes on: done before
            bar.update(last.step - bar.n)
            bar.set_postfix(loss=f"{last.loss:.3f}", lr=f"{last.lr:.1e}", refresh=False)
            for callback in callbacks:
                callback(last)
    return last
