"""From the words of a config to a model, an optimizer, a schedule and batches."""

from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from lib.model.transformer import Transformer
from lib.tokenization.token_files import document_starts, open_tokens
from lib.training.adaptive import AdaGrad, Adam, AdamW, RMSProp
from lib.training.batches import Batches
from lib.training.config import Config, OptimizerConfig, ScheduleConfig
from lib.training.groups import decay_groups, hidden_matrices
from lib.training.lion import Lion
from lib.training.muon import MuonAdamW
from lib.training.ranks import ALONE, Ranks
from lib.training.schedules import SCHEDULES
from lib.training.sgd import SGD, Momentum
from lib.training.soap import SOAP


def make_model(config: Config) -> Transformer:
    """With weights drawn by `run.seed`, on `run.device`."""
    model = Transformer(config.model, torch.Generator().manual_seed(config.run.seed))
    return model.to(config.run.device)


def make_optimizer(config: OptimizerConfig, model: nn.Module) -> torch.optim.Optimizer:
    """The optimizer of that name, with weight decay for matrices alone."""
    decay = {"weight_decay": config.weight_decay}
    if config.name == "muon":
        return MuonAdamW(
            *hidden_matrices(model),
            lr=config.lr,
            momentum=config.momentum,
            adamw_lr=config.adamw_lr or config.lr,
            betas=config.betas,
            **decay,
        )
    groups, betas = decay_groups(model, config.weight_decay), {"betas": config.betas}
    make: dict[str, Callable[..., torch.optim.Optimizer]] = {
        "sgd": SGD,
        "momentum": partial(Momentum, momentum=config.momentum),
        "adagrad": AdaGrad,
        "rmsprop": RMSProp,
        "adam": partial(Adam, **betas),
        "adamw": partial(AdamW, **betas),
        "lion": partial(Lion, **betas),
        "soap": partial(SOAP, **betas),
    }
    return make[config.name](groups, lr=config.lr, **decay)


def parameter_order(config: Config) -> list[str]:
    """The names of all parameters in the order in which the optimizer counts them."""
    with torch.device("meta"):
        model = Transformer(config.model)
    names = {p: name for name, p in model.named_parameters()}
    groups = make_optimizer(config.optimizer, model).param_groups
    return [names[p] for group in groups for p in group["params"]]


def make_schedule(config: ScheduleConfig, n_steps: int) -> Callable[[int], float]:
    """The share of the highest learning rate at each step, counted from 1."""
    choices = {
        "constant": {},
        "linear": {"floor": config.floor},
        "cosine": {"floor": config.floor},
        "wsd": {"floor": config.floor, "n_decay": config.decay},
        "stairs": {},
    }
    schedule = partial(SCHEDULES[config.name], n_steps=n_steps, n_warmup=config.warmup)
    return partial(schedule, **choices[config.name])


def training_batches(config: Config, ranks: Ranks = ALONE) -> Batches:
    """Shuffled by `run.seed`; the part of this rank."""
    path, data = config.data.train, config.data
    return Batches(
        open_tokens(path),
        data.batch,
        config.model.context,
        config.run.seed,
        documents=data.documents,
        starts=[0] if data.documents == "ignore" else document_starts(path),
        rank=ranks.rank,
        n_ranks=ranks.n_ranks,
    )


def validation_batches(config: Config, ranks: Ranks = ALONE) -> Batches | None:
    """In the order of the file, the part of this rank; None if the config names no file."""
    path, data = config.data.valid, config.data
    if path is None:
        return None
    return Batches(
        open_tokens(path),
        data.batch,
        config.model.context,
        documents=data.documents,
        starts=[0] if data.documents == "ignore" else document_starts(path),
        rank=ranks.rank,
        n_ranks=ranks.n_ranks,
    )
