"""Train the entry beside this file once more, and draw its loss: python curve.py

curve.png shows the loss of the batches, averaged over 20 steps, against operations and minutes.
"""

import tempfile
import time
from pathlib import Path

import entry
import matplotlib.pyplot as plt
from PIL import Image

from lib.grading.contest import BUDGETS, TRACKS, TRAINING_BYTES
from lib.grading.entries import Entry, read_entry
from lib.grading.flop_meter import FlopMeter

HERE = Path(__file__).resolve().parent
TOGETHER = 20  # steps that are averaged

Noted = list[tuple[float, float, float]]  # loss, operations, minutes


def recorder(noted: Noted) -> entry.Note:
    """What `train` calls after each step."""
    began = time.monotonic()
    return lambda t, loss, spent: noted.append((loss, spent, (time.monotonic() - began) / 60))


def train_again(about: Entry) -> Noted:
    """The run of the entry, with all its losses."""
    noted: Noted = []
    with tempfile.TemporaryDirectory() as place:
        corpus = Path(place) / "train.txt"
        TRACKS[about.track]("train", TRAINING_BYTES[about.budget]).write_text(corpus)
        with FlopMeter(BUDGETS[about.budget]) as budget:
            entry.train(corpus, budget, about.seed, recorder(noted))
    return noted


def draw(noted: Noted, title: str, path: Path) -> None:
    """Two panels with one curve."""
    groups = [noted[i : i + TOGETHER] for i in range(0, len(noted), TOGETHER)]
    losses = [sum(loss for loss, _, _ in group) / len(group) for group in groups]
    figure, panels = plt.subplots(1, 2, figsize=(8, 3), sharey=True, layout="constrained")
    for ax, which, label in zip(panels, (1, 2), ("operations", "wall-clock time (minutes)")):
        ax.plot([group[-1][which] for group in groups], losses)
        ax.set(xlabel=label, ylim=(0, None))
        ax.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("training loss (nats per token)")
    figure.suptitle(title, x=0.02, ha="left", fontsize="medium")
    figure.savefig(path, dpi=100)
    plt.close(figure)
    Image.open(path).convert("RGB").quantize(64).save(path, optimize=True)


if __name__ == "__main__":
    about = read_entry(HERE)
    draw(train_again(about), f"{about.name}, seed {about.seed}", HERE / "curve.png")
