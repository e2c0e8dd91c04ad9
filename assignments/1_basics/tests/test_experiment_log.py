"""Records read back, models loaded from runs, and curves, of which text and lines are looked at."""

import json
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib import use
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from adapters import experiments, training
from lib.grading.feedback import holds, same
from lib.grading.problems import problem

use("Agg")  # pictures go to files: no window opens, wherever the tests run
IDS = np.random.default_rng(0).integers(0, 11, 300).astype("<u2")


def tiny(folder: Path, **choices: Any) -> Any:
    """Settings of a run on random ids, which are written here."""
    for name in ("train", "valid"):
        IDS.tofile(folder / f"{name}.ids")
    sizes = {"vocab_size": 11, "context": 6, "n_layers": 1, "width": 8, "n_heads": 2}
    steps = {"ff_width": 64, "batch_size": 3, "steps": 4, "lr": 0.01, "warmup_steps": 1}
    paths = str(folder / "train.ids"), str(folder / "valid.ids")
    return training.Settings(*paths, **{**sizes, **steps, "eval_every": 2, **choices})


def record(losses: list[float | None], every: int = 10) -> dict[str, Any]:
    """A record with these losses, in rows that are 30 seconds apart."""
    curve = [
        {
            "step": every * i,
            "seconds": 30.0 * i,
            "lr": 0.1,
            "train_loss": loss,
            "valid_loss": loss,
        }
        for i, loss in enumerate(losses, start=1)
    ]
    steps = every * len(losses)
    return {"steps": steps, "tokens": steps, "curve": curve, "valid_loss": losses[-1]}


def write(folder: Path, name: str, content: dict[str, Any]) -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "record.json").write_text(json.dumps(content), encoding="utf-8")


# Reading


@problem("experiment_log")
def test_records_come_by_the_names_of_their_folders(tmp_path: Path):
    expected: dict[str, Any] = {}
    same(experiments.read_records(tmp_path), {}, given="a folder without any run")
    for name, losses in (("b", [1.0]), ("a", [2.0, 1.5]), ("c", [3.0, None])):
        expected[name] = record(losses)
        write(tmp_path, name, expected[name])
        yours = experiments.read_records(tmp_path)
        given = f"runs in the folders {list(expected)}"
        same(dict(yours), expected, given=given)
        same(list(yours), sorted(expected), given=f"{given}: the order of the names")


@problem("experiment_log")
def test_what_is_no_run_is_passed_over(tmp_path: Path):
    same(experiments.read_records(tmp_path / "missing"), {}, given="a folder that does not exist")
    write(tmp_path, "run", record([1.0]))
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("a file")
    given = "a run, an empty folder and a file: the names"
    same(list(experiments.read_records(tmp_path)), ["run"], given=given)


@problem("experiment_log")
def test_a_run_gives_back_its_model_and_settings(tmp_path: Path):
    for seed, context in ((0, 6), (5, 4)):
        settings = tiny(tmp_path, seed=seed, context=context)
        folder = tmp_path / f"run-{seed}"
        said = experiments.run(settings, folder)["valid_loss"]
        torch.manual_seed(99)  # the weights must come from the checkpoint, not from a seed
        model, found = experiments.load_run(folder)
        given = f"load_run, of a run with seed {seed} and context {context}: "
        same(found, settings, given=f"{given}the settings")
        same(model.training, False, given=f"{given}model.training")
        yours = training.evaluate(model, IDS, context, 3)
        same(yours, said, given=f"{given}the loss of its model, evaluated again", within=1e-5)


# Drawing


@contextmanager
def pictures():
    """The figures that are saved meanwhile."""
    saved: list[Figure] = []
    with pytest.MonkeyPatch.context() as patch:
        before = Figure.savefig

        def savefig(figure: Figure, *arguments: Any, **options: Any) -> None:
            saved.append(figure)
            before(figure, *arguments, **options)

        patch.setattr(Figure, "savefig", savefig)
        yield saved


def drawn(records: dict[str, Any], path: Path) -> tuple[Figure, str]:
    """The learner's figure and words."""
    with pictures() as saved:
        words = experiments.draw_curves(records, path)
    given = f"records called {list(records)}"
    holds(len(saved) == 1, "One figure is saved.", given=given, yours=f"{len(saved)} figures")
    begin = path.read_bytes()[:8] if path.exists() else b"no file"
    same(begin, b"\x89PNG\r\n\x1a\n", given=f"{given}: the first bytes of the picture's file")
    return saved[0], words


def lines(ax: Axes) -> dict[str, tuple[list[float], list[float]]]:
    """The points of every line of a panel by its name."""
    return {
        str(line.get_label()): (
            list(map(float, line.get_xdata())),
            list(map(float, line.get_ydata())),
        )
        for line in ax.get_lines()
        if not str(line.get_label()).startswith("_")
    }


RECORDS = {"low": record([3.0, 2.0, 1.25]), "high": record([2.0, 1.0]), "bad": record([9.0, None])}


@problem("experiment_log")
def test_one_panel_against_steps_and_one_against_minutes(tmp_path: Path):
    for names in (["low"], ["low", "high", "bad"]):
        records = {name: RECORDS[name] for name in names}
        figure, _ = drawn(records, tmp_path / f"{len(names)}.png")
        given = f"records {names}"
        same(len(figure.axes), 2, given=f"{given}: panels")
        for ax, key, scale in zip(figure.axes, ("step", "seconds"), (1, 60)):
            expected = {}
            for name in names:
                rows = [r for r in records[name]["curve"] if r["valid_loss"] is not None]
                expected[name] = (
                    [row[key] / scale for row in rows],
                    [row["valid_loss"] for row in rows],
                )
            against = "steps" if key == "step" else "minutes"
            what = f"{given}: the lines against {against}, by name, as (x values, y values)"
            same(lines(ax), expected, given=what, within=1e-9)


@problem("experiment_log")
def test_axes_say_what_they_show_and_lines_who_they_are(tmp_path: Path):
    figure, _ = drawn(RECORDS, tmp_path / "curves.png")
    for ax, unit in zip(figure.axes, ("step", "minute")):
        label = ax.get_xlabel()
        rule = f'The label of the horizontal axis has the word "{unit}".'
        holds(unit in label.lower(), rule, given="the two panels", yours=label)
    label = figure.axes[0].get_ylabel()
    rule = 'The label of the vertical axis has the word "loss".'
    holds("loss" in label.lower(), rule, given="the first panel", yours=label)
    legends = [legend for ax in figure.axes if (legend := ax.get_legend())] + figure.legends
    said = {text.get_text() for legend in legends for text in legend.get_texts()}
    given = "the names in the legend"
    holds(set(RECORDS) <= said, "The legend names every run.", given=given, yours=sorted(said))


@problem("experiment_log")
def test_the_picture_in_words(tmp_path: Path):
    _, words = drawn(RECORDS, tmp_path / "curves.png")
    for part in ("low", "1.25", "high", "1.00", "bad", "diverged"):
        rule = f'The words name every run with its last loss; "{part}" is missing.'
        holds(part in words, rule, given="runs low, high and bad", yours=words)
    rule = "A run that diverged has no loss."
    holds("nan" not in words.lower() and "None" not in words, rule, yours=words)


@problem("experiment_log")
def test_nothing_stays_open(tmp_path: Path):
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    experiments.draw_curves({"low": RECORDS["low"]}, tmp_path / "curves.png")
    given = "the figures that pyplot keeps, after draw_curves (close yours: plt.close(figure))"
    same(pyplot.get_fignums(), before, given=given)
