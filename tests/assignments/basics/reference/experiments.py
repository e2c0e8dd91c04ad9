"""Models from settings, runs and their curves for the tests of assignment 1, from `lib`.

The runs that the tests look at are small ones, on texts that take no time: see `folder`.
"""

import json
import tempfile
from functools import cache
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import torch
from reference.training import CHECKPOINT, RECORD, generate, train

from basics.training import Settings
from lib.corpora.tales import Tales
from lib.grading import ready_tokens
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


# A small world with all the runs of part 4


TINY = {
    "vocab_size": 290,
    "context": 8,
    "n_layers": 1,
    "width": 16,
    "n_heads": 2,
    "ff_width": 40,
    "batch_size": 8,
    "steps": 24,
    "lr": 0.01,
    "warmup_steps": 2,
    "eval_every": 24,
    "eval_windows": 16,
}
TARGETS = """
diverged = 8.0
budgets = [{ tokens = 1536, valid_loss = 5.5 }]
batch_sizes = [2, 32]
"""
RUNS = {
    "lr-0.001": {"lr": 0.001},
    "lr-0.003": {"lr": 0.003},
    "lr-0.01": {},
    "lr-0.03": {"lr": 0.03},
    "lr-100": {"lr": 100.0},
    "batch-2": {"batch_size": 2, "steps": 96},
    "batch-2-slow": {"batch_size": 2, "steps": 96, "lr": 0.003},
    "batch-16": {"batch_size": 16, "steps": 12},
    "batch-32": {"batch_size": 32, "steps": 6},
    "batch-32-fast": {"batch_size": 32, "steps": 6, "lr": 0.03},
    "no-norm": {"norm": "none", "lr": 0.1},
    "no-norm-slow": {"norm": "none", "lr": 0.001},
    "post-norm": {"norm": "post"},
    "no-positions": {"positions": "none"},
    "no-gate": {"ffn": "silu", "ff_width": 64},
}


def corpus(name, part):
    seed = {"tales": 0, "docs": 1}[name]
    return Tales(seed=seed, n_documents=60).split(part)


@cache
def world():
    """A folder with plans, texts, runs and a sample; it goes when this process ends."""
    place = tempfile.TemporaryDirectory(prefix="experiments-")
    folder, targets = Path(place.name), ""
    for name in ("tales", "docs", "tinystories"):
        paths = {part: str(folder / "data" / f"{name}-{part}.ids") for part in ("train", "valid")}
        plan = {**paths, **TINY, "n_layers": 2 if name == "tinystories" else 1}
        lines = [f"{key} = {json.dumps(value)}" for key, value in plan.items()]
        (folder / f"{name}.toml").write_text("\n".join(lines), encoding="utf-8")
        targets += f"[{name}]\n{TARGETS}"
        if name != "tinystories":
            for part in paths:
                corpus(name, part).write_text(folder / "data" / f"{name}-{part}.txt")
            ready_tokens.make(folder / "data" / name, TINY["vocab_size"])
            for run_name, choices in (RUNS if name == "tales" else {"docs": {}}).items():
                run(Settings(**plan | choices), folder / "runs" / run_name)
    (folder / "targets.toml").write_text(targets, encoding="utf-8")
    write_sample(folder)
    return place


def write_sample(folder):
    model, settings = load_run(folder / "runs" / "lr-0.03")
    end = TINY["vocab_size"] - 1
    generator = torch.Generator().manual_seed(0)
    ids = generate(model, [end], 256, settings.context, end_id=end, generator=generator)
    written = {"run": "lr-0.03", "prompt": [end], "ids": ids, "ended": len(ids) < 256}
    (folder / "sample.json").write_text(json.dumps(written), encoding="utf-8")


def folder():
    return Path(world().name)
