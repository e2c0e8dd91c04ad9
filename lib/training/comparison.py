"""Train models that differ in one choice on the same batches, to see what the choice does.

    runs = compare({"pre": pre, "post": post}, text, Recipe(n_steps=60, warmup=0), seeds=(0, 1, 2))
    runs["post"][0].losses

With one seed all models see the same batches in the same order, and equal parts of them start from
equal weights if they are drawn in the same order. Losses are in nats for each predicted token.
Letters: B sequences, T positions, V vocabulary.
"""

import math
import multiprocessing
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from lib.model.attention import attention_scores, causal_mask, windowed
from lib.model.config import ModelConfig
from lib.model.self_attention import SelfAttention
from lib.model.transformer import Transformer
from lib.tensors.flops import model_flops
from lib.tokenization.workers import ordered_map
from lib.training.batches import Batch, Batches
from lib.training.clipping import clip_gradients
from lib.training.groups import decay_groups
from lib.training.loop import evaluate
from lib.training.losses import log_normaliser, pick
from lib.training.schedules import SCHEDULES, scale_lr
from lib.training.small_text import SmallText

VALID_SEQUENCES = 128
# What processes have from the start; the second is what torch's first optimizer imports, in seconds
PRELOADED = [__name__, "torch._dynamo"]


@dataclass(frozen=True)
class Recipe:
    """How all models of a comparison are trained; steps are counted from 1."""

    n_steps: int = 100
    batch: int = 4
    lr: float = 1e-2
    warmup: int = 10
    schedule: str = "linear"  # down to 0 after the warm-up; one of schedules.SCHEDULES
    weight_decay: float = 0.1
    clip: float = 1.0
    z_loss: float = 0.0

    def rate(self, step: int) -> float:
        """The share of the learning rate at a step."""
        return SCHEDULES[self.schedule](step, self.n_steps + 1, self.warmup)


@dataclass
class History:
    """One run, a number for each step, taken before its update; it ends where it diverged."""

    config: ModelConfig
    seed: int
    losses: list[float] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)  # of the gradient, before clipping
    log_z: list[float] = field(default_factory=list)  # of the output's softmax, mean over positions
    scores: list[float] = field(default_factory=list)  # the largest attention score; only if asked
    valid: float = math.nan  # loss after the last step, on text that was not trained on
    model: Transformer | None = None  # as it is after the last step


def compare(
    configs: Mapping[str, ModelConfig],
    text: SmallText,
    recipe: Recipe,
    seeds: Sequence[int] = (0,),
    *,
    watch_scores: bool = False,
    device: str = "cpu",
    processes: int | None = 1,
) -> dict[str, list[History]]:
    """One history for each config and seed.

    A run uses one thread, so on a CPU several `processes` (None: one per processor) train several
    runs side by side. The numbers are the same ones.
    """
    multiprocessing.set_forkserver_preload(PRELOADED)
    tasks = [(config, seed) for config in configs.values() for seed in seeds]
    one = partial(_packed_run, text, recipe, watch_scores, device)
    packed = ordered_map(one, tasks, processes if device == "cpu" else 1)
    histories = map(pickle.loads, packed)
    return {name: list(islice(histories, len(seeds))) for name in configs}


def _packed_run(
    text: SmallText, recipe: Recipe, watch: bool, device: str, task: tuple[ModelConfig, int]
) -> bytes:
    """Packed here, because between processes torch would share the weights' memory, which ends
    with the process."""
    config, seed = task
    return pickle.dumps(train(config, text, recipe, seed, watch, device))


def comparison_flops(configs: Mapping[str, ModelConfig], recipe: Recipe, n_seeds: int = 1) -> int:
    """What `compare` will cost, without the look at unseen text at the end of every run."""
    steps = recipe.n_steps * n_seeds
    return steps * sum(model_flops(c, recipe.batch, c.context) for c in configs.values())


def train(
    config: ModelConfig,
    text: SmallText,
    recipe: Recipe,
    seed: int = 0,
    watch_scores: bool = False,
    device: str = "cpu",
) -> History:
    """One run: the seed draws the weights and the order of the batches."""
    with one_thread():
        model = Transformer(config, torch.Generator().manual_seed(seed)).to(device)
        groups = decay_groups(model, recipe.weight_decay)
        # The rule of adaptive.AdamW, in one kernel for all these small tensors
        optimizer = torch.optim.AdamW(groups, lr=recipe.lr, betas=(0.9, 0.95), fused=True)
        batches = Batches(text.train, recipe.batch, config.context, seed)
        history = History(config, seed, model=model)
        for step in range(1, recipe.n_steps + 1):
            scale_lr(optimizer, recipe.rate(step))
            batch = next(batches).to(device)
            if watch_scores:
                history.scores.append(largest_score(model, batch[:1]))
            loss, log_z = loss_and_log_z(model, batch)
            optimizer.zero_grad()
            (loss + recipe.z_loss * log_z.square().mean()).backward()
            norm = clip_gradients(model.parameters(), recipe.clip)
            history.losses.append(loss.item())
            history.norms.append(norm.item())
            history.log_z.append(log_z.mean().item())
            if not math.isfinite(history.losses[-1] + history.norms[-1]):
                return history
            optimizer.step()
        unseen = Batches(text.valid, VALID_SEQUENCES, config.context)
        history.valid = evaluate(model, unseen, 1)
    return history


def loss_and_log_z(
    model: Transformer, batch: Batch
) -> tuple[Float[Tensor, ""], Float[Tensor, "B T"]]:
    """The mean loss, and log Z of every position, which that is made of."""
    logits = model(batch.ids)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    log_z = log_normaliser(logits)
    return (log_z - pick(logits, batch.targets)).mean(), log_z


@torch.no_grad()
def largest_score(model: Transformer, batch: Batch) -> float:
    """The largest attention score, without its sign, over all layers, heads and visible keys."""
    found: list[Tensor] = []

    def look(part: SelfAttention, inputs: tuple[Any, ...], options: dict[str, Any]) -> None:
        q, k, _ = part.queries_keys_values(*inputs, options["turn"])
        scores = attention_scores(
            q, k, scale=part.config.attention_scale, softcap=part.config.attention_softcap
        )
        T, S = q.shape[1], k.shape[1]
        seen = windowed(causal_mask(T, S, q.device), T, S, part.window, q.device)
        found.append(scores.masked_fill(~seen, 0).abs().amax())

    with before_each(model, SelfAttention, look):
        model.hidden(batch.ids)
    return torch.stack(found).amax().item()


@contextmanager
def before_each(model: Transformer, kind: type, look: Callable[..., None]) -> Iterator[None]:
    """Call `look` with what every part of this kind is about to get."""
    parts = [part for part in model.modules() if isinstance(part, kind)]
    hooks = [part.register_forward_pre_hook(look, with_kwargs=True) for part in parts]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def one_thread() -> Iterator[None]:
    """Matrices this small are multiplied faster by one thread than by several, and a sum that is
    not cut into parts comes out the same on every machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
