"""Models from settings, runs and their curves for the tests of assignment 1, from `lib`."""

import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import torch
from reference.training import CHECKPOINT, RECORD, train

from basics.training import Settings
from lib.model.config import ModelConfig
from lib.model.transformer import Transformer
from lib.training.adaptive import AdamW

NORMS = {
    "pre": {},
    "post": {"norm_placement": "post"},
    "none": {"norm": "none"},
}


def build_model(settings):
    config = ModelConfig(
        settings.vocab_size,
        settings.context,
        settings.n_layers,
        settings.width,
        settings.n_heads,
        ff_width=settings.ff_width,
        rope_theta=settings.theta,
        positions=settings.positions,
        ffn=settings.ffn,
        init="glorot",
        **NORMS[settings.norm],
    )
    return Transformer(config, torch.Generator().manual_seed(settings.seed)).to(settings.device)


def run(settings, folder):
    files = (np.memmap(path, "<u2", mode="r") for path in (settings.train, settings.valid))
    model = build_model(settings)
    choices = {"lr": settings.lr, "betas": settings.betas, "weight_decay": settings.weight_decay}
    return train(model, AdamW(model.parameters(), **choices), *files, settings, folder)


def load_run(folder):
    record = json.loads((Path(folder) / RECORD).read_text(encoding="utf-8"))
    described = record["settings"] | {"betas": tuple(record["settings"]["betas"]), "device": "cpu"}
    settings = Settings(**described)
    model = build_model(settings)
    state = torch.load(Path(folder) / CHECKPOINT, map_location="cpu")
    model.load_state_dict(state["model"])
    return model.eval(), settings


def read_records(folder):
    found = sorted(Path(folder).glob(f"*/{RECORD}"))
    return {path.parent.name: json.loads(path.read_text(encoding="utf-8")) for path in found}


def draw_curves(records, path):
    figure, both = plt.subplots(1, 2, figsize=(9, 3.5), sharey=True, layout="constrained")
    for ax, x, scale in zip(both, ("step", "seconds"), (1, 60)):
        for name, record in records.items():
            rows = [row for row in record["curve"] if row["valid_loss"] is not None]
            ax.plot([r[x] / scale for r in rows], [r["valid_loss"] for r in rows], label=name)
        ax.set_xlabel("steps" if x == "step" else "wall-clock time (minutes)")
    both[0].set_ylabel("loss on other text (nats per token)")
    both[0].legend()
    figure.savefig(path)
    plt.close(figure)
    losses = {name: record["valid_loss"] for name, record in records.items()}
    said = [f"{n}: {'diverged' if x is None else f'{x:.2f}'}" for n, x in losses.items()]
    return "Loss against steps and against minutes. Last: " + ", ".join(said) + "."
