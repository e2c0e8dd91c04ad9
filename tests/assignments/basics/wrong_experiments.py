"""Wrong answers to part 4 and to the log: claims that do not hold, models that are not ablated."""

import json
import math
import shutil
import tempfile
from copy import deepcopy
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from matplotlib import pyplot as plt
from reference import experiments as right
from wrong_answers import wrong

# Models from settings


@wrong("experiments.build_model", caught_by="test_experiments.py::test_a_model_without_norms")
def norms_stay_but_are_ones(settings):
    return right.build_model(replace(settings, norm="pre"))


@wrong("experiments.build_model", caught_by="test_experiments.py::test_a_model_without_norms")
def last_norm_stays(settings):
    model = right.build_model(settings)
    model.norm = right.build_model(replace(settings, norm="pre")).norm
    return model


@wrong(
    "experiments.build_model",
    caught_by="test_experiments.py::test_a_model_with_norms_after_the_sums",
)
def norm_before_the_sum(settings):
    """x + N(f(x)), which is another design."""
    model = right.build_model(settings)
    for block in model.blocks if settings.norm == "post" else ():
        block.forward = partial(after_each, block)
    return model


def after_each(block, x, *rest):
    x = x + block.attention_norm(block.attention(x, *rest))
    return x + block.ffn_norm(block.ffn(x))


@wrong(
    "experiments.build_model",
    caught_by="test_experiments.py::test_a_model_with_norms_after_the_sums",
)
def pre_norm_under_another_name(settings):
    return right.build_model(replace(settings, norm="pre"))


@wrong("experiments.build_model", caught_by="test_experiments.py::test_a_model_without_positions")
def positions_stay(settings):
    return right.build_model(replace(settings, positions="rope"))


@wrong("experiments.build_model", caught_by="test_experiments.py::test_a_model_without_gates")
def gate_stays(settings):
    return right.build_model(replace(settings, ffn="swiglu"))


@wrong("experiments.build_model", caught_by="test_experiments.py::test_a_model_without_gates")
def no_activation_without_the_gate(settings):
    model = right.build_model(settings)
    for block in model.blocks if settings.ffn == "silu" else ():
        ffn = block.ffn
        ffn.forward = lambda x, ffn=ffn: ffn.down(ffn.up(x))
    return model


@wrong("experiments.build_model", caught_by="test_training.py::test_the_seed_draws_the_weights")
def weights_without_seed(settings):
    return right.build_model(replace(settings, seed=int(torch.randint(10**9, ()))))


@wrong("experiments.build_model", caught_by="test_training.py::test_the_seed_draws_the_weights")
def the_same_weights_for_every_seed(settings):
    return right.build_model(replace(settings, seed=0))


# Runs

SAYS = "test_training.py::test_a_run_is_what_its_settings_say"


@wrong("experiments.run", caught_by=SAYS)
def betas_ignored(settings, folder):
    return right.run(replace(settings, betas=(0.9, 0.999)), folder)


@wrong("experiments.run", caught_by=SAYS)
def weight_decay_ignored(settings, folder):
    return right.run(replace(settings, weight_decay=0.01), folder)


@wrong("experiments.run", caught_by=SAYS)
def trained_on_the_other_text(settings, folder):
    return right.run(replace(settings, train=settings.valid, valid=settings.train), folder)


@wrong("experiments.run", caught_by="test_training.py::test_the_files_are_mapped_and_not_read")
def files_read_into_memory(settings, folder):
    texts = [np.fromfile(path, "<u2") for path in (settings.train, settings.valid)]
    model = right.build_model(settings)
    optimizer = right.AdamW(model.parameters(), settings.lr, settings.betas)
    return right.train(model, optimizer, *texts, settings, folder)


# Records and curves

NAMES = "test_experiment_log.py::test_records_come_by_the_names_of_their_folders"
PASSED_OVER = "test_experiment_log.py::test_what_is_no_run_is_passed_over"
GIVES_BACK = "test_experiment_log.py::test_a_run_gives_back_its_model_and_settings"
PANELS = "test_experiment_log.py::test_one_panel_against_steps_and_one_against_minutes"
AXES = "test_experiment_log.py::test_axes_say_what_they_show_and_lines_who_they_are"
WORDS = "test_experiment_log.py::test_the_picture_in_words"


@wrong("experiments.read_records", caught_by=NAMES)
def records_in_any_order(folder):
    return dict(reversed(right.read_records(folder).items()))


@wrong("experiments.read_records", caught_by=NAMES)
def whole_paths_as_names(folder):
    return {str(Path(folder) / name): r for name, r in right.read_records(folder).items()}


@wrong("experiments.read_records", caught_by=PASSED_OVER)
def every_entry_is_a_run(folder):
    names = sorted(path.name for path in Path(folder).glob("*"))
    return {name: right.read_records(folder).get(name, {}) for name in names}


@wrong("experiments.load_run", caught_by=GIVES_BACK)
def weights_drawn_again(folder):
    _, settings = right.load_run(folder)
    return right.build_model(settings).eval(), settings


@wrong("experiments.load_run", caught_by=GIVES_BACK)
def model_in_training_mode(folder):
    model, settings = right.load_run(folder)
    return model.train(), settings


@wrong("experiments.load_run", caught_by=GIVES_BACK)
def betas_as_a_list(folder):
    model, settings = right.load_run(folder)
    return model, replace(settings, betas=list(settings.betas))


def redrawn(change):
    """The right curves, with `change(figure)` done before they are saved."""

    def draw_curves(records, path):
        close, figures = plt.close, []
        plt.close = figures.append
        try:
            with tempfile.TemporaryDirectory() as place:
                savefig = plt.Figure.savefig
                plt.Figure.savefig = lambda figure, *_, **__: None
                try:
                    words = right.draw_curves(records, Path(place) / "never.png")
                finally:
                    plt.Figure.savefig = savefig
        finally:
            plt.close = close
        change(figures[0])
        figures[0].savefig(path)
        plt.close(figures[0])
        return words

    return draw_curves


@wrong("experiments.draw_curves", caught_by=PANELS)
def seconds_instead_of_minutes(records, path):
    def change(figure):
        for line in figure.axes[1].get_lines():
            line.set_xdata(60 * np.asarray(line.get_xdata()))

    return redrawn(change)(records, path)


@wrong("experiments.draw_curves", caught_by=PANELS)
def steps_twice(records, path):
    def change(figure):
        for one, other in zip(figure.axes[0].get_lines(), figure.axes[1].get_lines()):
            other.set_xdata(one.get_xdata())

    return redrawn(change)(records, path)


@wrong("experiments.draw_curves", caught_by=PANELS)
def loss_of_training_drawn(records, path):
    records = deepcopy(records)
    for record in records.values():
        for row in record["curve"]:
            row["valid_loss"] = row["train_loss"] and row["train_loss"] - 0.125
    return right.draw_curves(records, path)


@wrong("experiments.draw_curves", caught_by=AXES)
def axes_without_labels(records, path):
    def change(figure):
        for ax in figure.axes:
            ax.set_xlabel("")

    return redrawn(change)(records, path)


@wrong("experiments.draw_curves", caught_by=AXES)
def no_legend(records, path):
    def change(figure):
        for ax in figure.axes:
            if ax.get_legend():
                ax.get_legend().remove()

    return redrawn(change)(records, path)


@wrong("experiments.draw_curves", caught_by=WORDS)
def words_without_numbers(records, path):
    right.draw_curves(records, path)
    return "Loss curves of " + ", ".join(records)


@wrong("experiments.draw_curves", caught_by=WORDS)
def lowest_loss_instead_of_the_last(records, path):
    words = right.draw_curves(records, path)
    return words.replace("diverged", "9.00")


@wrong("experiments.draw_curves", caught_by="test_experiment_log.py::test_nothing_stays_open")
def figure_left_open(records, path):
    words = right.draw_curves(records, path)
    plt.figure()
    return words


# Claims. Records are spoilt where they are read.


def claimed(change, only=lambda name, record: True):
    """The records of the small world, with `change(record)` done to copies of some of them."""

    def read_records(folder):
        records = deepcopy(right.read_records(folder))
        for name, record in records.items():
            if only(name, record):
                change(record)
        return records

    return read_records


def without(*names):
    """The records without those whose names begin so."""

    def read_records(folder):
        records = right.read_records(folder)
        return {name: r for name, r in records.items() if not name.startswith(names)}

    return read_records


def settings_changed(only, **changes):
    def change(record):
        record["settings"] |= changes

    return claimed(change, lambda name, record: name.startswith(only))


ENOUGH = "test_experiments.py::test_the_sweep_has_enough_rates"
FIT = "test_experiments.py::test_the_records_of_the_sweep_fit_together"
KEPT = "test_experiments.py::test_checkpoints_keep_what_the_sweep_claims"
TOO_HIGH = "test_experiments.py::test_one_rate_is_too_high"


@wrong("experiments.read_records", caught_by=ENOUGH)
def four_rates(folder):
    return without("lr-0.003")(folder)


@wrong("experiments.read_records", caught_by=ENOUGH)
def one_rate_from_five_seeds(folder):
    return claimed(lambda record: record["settings"].update(lr=0.01))(folder)


@wrong("experiments.read_records", caught_by=ENOUGH)
def rates_side_by_side(folder):
    def change(record):
        record["settings"]["lr"] = 0.01 + record["settings"]["lr"] / 1e5

    return claimed(change)(folder)


@wrong("experiments.read_records", caught_by=TOO_HIGH)
def no_run_that_diverges(folder):
    return claimed(lambda record: record.update(valid_loss=record["valid_loss"] or 4.5))(folder)


@wrong("experiments.read_records", caught_by=TOO_HIGH)
def slow_counts_as_diverging(folder):
    def change(record):
        low = record["settings"]["lr"] == 0.001
        record["valid_loss"] = None if low else record["valid_loss"] or 4.5

    return claimed(change)(folder)


@wrong(
    "experiments.read_records",
    caught_by="test_experiments.py::test_the_sweep_differs_in_nothing_else",
)
def clipped_in_one_run_alone(folder):
    return settings_changed("lr-0.03", clip=0.1)(folder)


@wrong("experiments.read_records", caught_by=FIT)
def tokens_not_as_many_as_said(folder):
    return claimed(lambda record: record.update(tokens=record["tokens"] * 2))(folder)


@wrong("experiments.read_records", caught_by=FIT)
def stopped_when_the_loss_was_low(folder):
    def change(record):
        record["curve"][-1]["step"] -= 1
        record["steps"] -= 1

    return claimed(change, lambda name, record: name == "lr-0.03")(folder)


@wrong("experiments.read_records", caught_by=FIT)
def lowest_loss_claimed(folder):
    def change(record):
        record["valid_loss"] = record["valid_loss"] and record["valid_loss"] - 0.5

    return claimed(change)(folder)


@wrong("experiments.read_records", caught_by=FIT)
def another_rate_than_used(folder):
    def change(record):
        record["settings"]["lr"] *= 1.5

    return claimed(change)(folder)


@wrong("experiments.read_records", caught_by=FIT)
def all_rows_at_one_time(folder):
    def change(record):
        for row in record["curve"]:
            row["seconds"] = 0.0

    return claimed(change)(folder)


def all_losses_lower(record, by=0.2):
    if record["valid_loss"] is not None:
        record["curve"][-1]["valid_loss"] = record["valid_loss"] = record["valid_loss"] - by


@wrong("experiments.read_records", caught_by=KEPT)
def loss_that_the_checkpoint_has_not(folder):
    return claimed(all_losses_lower)(folder)


@wrong("experiments.read_records", caught_by=KEPT)
def loss_in_bits_claimed(folder):
    def change(record):
        if record["valid_loss"] is not None:
            all_losses_lower(record, record["valid_loss"] * (1 - 1 / math.log(2)))

    return claimed(change)(folder)


@wrong("experiments.load_run", caught_by=KEPT)
def checkpoint_of_another_run(folder):
    other = Path(folder).with_name("lr-0.001")
    return right.load_run(other)


@wrong(
    "experiments.read_records",
    caught_by="test_experiments.py::test_the_best_run_reaches_the_target",
)
def learning_rates_all_too_low(folder):
    return claimed(all_losses_higher)(folder)


def all_losses_higher(record):
    if record["valid_loss"] is not None:
        record["valid_loss"] += 3


@cache
def other_texts():
    """The small world with the text to be tested on put in the place of that to learn from."""
    place = tempfile.TemporaryDirectory(prefix="other-texts-")
    folder = Path(place.name) / "experiments"
    shutil.copytree(right.folder(), folder)
    for name in ("tales", "docs"):
        data = folder / "data"
        shutil.copyfile(data / f"{name}-valid.ids", data / f"{name}-train.ids")
    return place


@wrong("experiments.folder", caught_by="test_experiments.py::test_the_texts_are_those_of_the_plan")
def trained_on_what_it_is_tested_on():
    return Path(other_texts().name) / "experiments"


@wrong("experiments.folder", caught_by="test_experiments.py::test_the_texts_of_docs")
def trained_on_the_docs_it_is_tested_on():
    return Path(other_texts().name) / "experiments"


BATCHES = "test_experiments.py::test_batches_from_small_to_large"


@wrong("experiments.read_records", caught_by=BATCHES)
def no_large_batch(folder):
    return without("batch-32")(folder)


@wrong("experiments.read_records", caught_by=BATCHES)
def as_many_steps_for_every_batch(folder):
    def change(record):
        record["settings"]["steps"] = 24

    return claimed(change)(folder)


@wrong(
    "experiments.read_records",
    caught_by="test_experiments.py::test_rates_are_chosen_again_for_other_batches",
)
def one_rate_for_all_batches(folder):
    return without("batch-2-slow", "batch-32-fast")(folder)


@wrong(
    "experiments.read_records",
    caught_by="test_experiments.py::test_the_records_of_all_batch_sizes_hold",
)
def better_batches_claimed(folder):
    def of_batches(name, record):
        return name.startswith("batch")

    return claimed(all_losses_lower, of_batches)(folder)


def spoilt_ablation(test, run):
    """Declare a record without this ablation's claim holding to be caught by its test."""

    @wrong("experiments.read_records", caught_by=f"test_experiments.py::{test}")
    def ablation_claimed_better(folder):
        return claimed(all_losses_lower, lambda name, record: name == run)(folder)

    return ablation_claimed_better


ABLATIONS = {
    "test_runs_without_norms": "no-norm",
    "test_a_run_with_norms_after_the_sums": "post-norm",
    "test_a_run_without_positions": "no-positions",
    "test_a_run_without_gates": "no-gate",
}
no_norm, post_norm, no_positions, no_gate = (spoilt_ablation(*both) for both in ABLATIONS.items())


@wrong("experiments.read_records", caught_by="test_experiments.py::test_runs_without_norms")
def no_norm_at_one_rate(folder):
    return without("no-norm-slow")(folder)


@wrong("experiments.load_run", caught_by="test_experiments.py::test_a_run_without_positions")
def ablation_forgotten_when_loading(folder):
    settings = right.load_run(folder)[1]
    model = right.build_model(replace(settings, positions="rope"))
    model.load_state_dict(right.load_run(folder)[0].state_dict())
    return model.eval(), settings


# The sample and docs


def other_sample(change):
    """The small world with another sample.json."""

    @cache
    def place():
        made = tempfile.TemporaryDirectory(prefix="other-sample-")
        shutil.copytree(right.folder(), Path(made.name) / "experiments")
        path = Path(made.name) / "experiments" / "sample.json"
        written = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(change(written)), encoding="utf-8")
        return made

    return lambda: Path(place().name) / "experiments"


cut_off = other_sample(lambda written: written | {"ids": written["ids"][:20], "ended": False})
at_random = other_sample(
    lambda written: written | {"ids": np.random.default_rng(0).integers(0, 32, 256).tolist()}
)


@wrong("experiments.folder", caught_by="test_experiments.py::test_the_sample_is_long_enough")
def sample_cut_off():
    return cut_off()


@wrong("experiments.folder", caught_by="test_experiments.py::test_the_sample_is_from_the_model")
def sample_of_no_model():
    return at_random()


@wrong("experiments.read_records", caught_by="test_experiments.py::test_runs_on_docs")
def better_docs_claimed(folder):
    return claimed(all_losses_lower, lambda name, record: name == "docs")(folder)


@wrong("experiments.read_records", caught_by="test_experiments.py::test_the_target_on_docs")
def docs_not_learned(folder):
    return claimed(all_losses_higher, lambda name, record: name == "docs")(folder)


def answered(key, factor):
    """The answers of the reference with one number multiplied."""
    from lib.grading import answers

    before = answers.read_answers

    def read_answers():
        table = deepcopy(before())
        table["main_experiment"][key] *= factor
        return table

    return read_answers


COMPARED = "test_experiments.py::test_losses_that_can_be_compared"
bits_in_nats = wrong("answers.read_answers", caught_by=COMPARED)(
    answered("docs_bits_per_byte", math.log(2))
)
bits_per_token = wrong("answers.read_answers", caught_by=COMPARED)(
    answered("tales_bits_per_byte", 1352 / 943)
)
