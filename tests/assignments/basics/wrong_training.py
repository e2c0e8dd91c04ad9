"""Wrong answers to part 3: what people really get wrong, each with the test that must see it."""

import json
import math
import tempfile
from dataclasses import replace
from itertools import count
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from reference import training as right
from wrong_answers import wrong

# Batches

EVERY_START = "test_data.py::test_every_start_is_as_likely_as_the_others"
SHORT_TEXT = "test_data.py::test_the_only_piece_of_a_short_text"
PIECES = "test_data.py::test_rows_are_pieces_and_targets_one_further"
GENERATOR = "test_data.py::test_the_generator_decides_and_nothing_else"


def cut_at(tokens, starts, context, device="cpu"):
    """The batch from these starts; what is beyond the end continues at the beginning."""
    places = np.asarray(starts)[:, None] + np.arange(context + 1)
    text = torch.from_numpy(np.asarray(tokens)[places % len(tokens)].astype(np.int64)).to(device)
    return text[:, :-1], text[:, 1:]


def some(highest, n, generator):
    return torch.randint(max(1, highest), (n,), generator=generator).numpy()


@wrong("training.get_batch", caught_by=EVERY_START)
def last_start_never(tokens, batch_size, context, device="cpu", generator=None):
    starts = some(len(tokens) - context - 1, batch_size, generator)
    return cut_at(tokens, starts, context, device)


@wrong("training.get_batch", caught_by=EVERY_START)
def first_start_never(tokens, batch_size, context, device="cpu", generator=None):
    n = len(tokens) - context
    starts = some(n - 1, batch_size, generator) + (n > 1)
    return cut_at(tokens, starts, context, device)


@wrong("training.get_batch", caught_by=EVERY_START)
def starts_at_multiples_of_the_context(tokens, batch_size, context, device="cpu", generator=None):
    starts = some((len(tokens) - 1) // context, batch_size, generator) * context
    return cut_at(tokens, starts, context, device)


@wrong("training.get_batch", caught_by=SHORT_TEXT)
def read_past_the_end(tokens, batch_size, context, device="cpu", generator=None):
    starts = some(len(tokens) - context + 1, batch_size, generator)
    return cut_at(tokens, starts, context, device)


@wrong("training.get_batch", caught_by=SHORT_TEXT)
def ids_of_32_bits(*arguments, **options):
    return tuple(part.int() for part in right.get_batch(*arguments, **options))


@wrong("training.get_batch", caught_by=PIECES)
def targets_not_shifted(*arguments, **options):
    inputs, _ = right.get_batch(*arguments, **options)
    return inputs, inputs.clone()


@wrong("training.get_batch", caught_by=PIECES)
def targets_shifted_backwards(*arguments, **options):
    return tuple(reversed(right.get_batch(*arguments, **options)))


@wrong("training.get_batch", caught_by="test_data.py::test_rows_are_drawn_by_themselves")
def rows_side_by_side(tokens, batch_size, context, device="cpu", generator=None):
    n = len(tokens) - context
    starts = (some(n, 1, generator) + np.arange(batch_size)) % n
    return cut_at(tokens, starts, context, device)


@wrong("training.get_batch", caught_by=GENERATOR)
def numpy_draws(tokens, batch_size, context, device="cpu", generator=None):
    starts = np.random.randint(len(tokens) - context, size=batch_size)
    return cut_at(tokens, starts, context, device)


@wrong("training.get_batch", caught_by=GENERATOR)
def generator_forgotten(tokens, batch_size, context, device="cpu", generator=None):
    return right.get_batch(tokens, batch_size, context, device)


@wrong("training.get_batch", caught_by=GENERATOR)
def every_batch_the_first(tokens, batch_size, context, device="cpu", generator=None):
    torch.manual_seed(generator.initial_seed() if generator else 0)
    return right.get_batch(tokens, batch_size, context, device)


@wrong("training.get_batch", caught_by="test_data.py::test_on_the_device_that_was_asked_for")
def device_forgotten(tokens, batch_size, context, device="cpu", generator=None):
    return right.get_batch(tokens, batch_size, context, generator=generator)


@wrong("training.get_batch", caught_by="test_data.py::test_only_the_pieces_are_read")
def whole_file_as_numpy(tokens, *arguments, **options):
    return right.get_batch(np.asarray(tokens).astype(np.int64), *arguments, **options)


@wrong("training.get_batch", caught_by="test_data.py::test_only_the_pieces_are_read")
def whole_file_as_tensor(tokens, *arguments, **options):
    return right.get_batch(torch.tensor(tokens).numpy(), *arguments, **options)


@wrong("training.get_batch", caught_by="test_data.py::test_a_text_without_any_piece_is_an_error")
def short_rows_without_a_word(tokens, batch_size, context, device="cpu", generator=None):
    context = min(context, len(tokens) - 1)
    return right.get_batch(np.resize(tokens, max(2, len(tokens))), batch_size, max(1, context))


# Checkpoints

GO_ON = "test_checkpoint.py::test_going_on_is_as_if_nothing_had_happened"
COME_BACK = "test_checkpoint.py::test_weights_and_iteration_come_back"


@wrong("training.load_checkpoint", caught_by=GO_ON)
def optimizer_forgotten(source, model, optimizer):
    state = torch.load(source)
    model.load_state_dict(state["model"])
    return state["iteration"]


@wrong("training.load_checkpoint", caught_by=GO_ON)
def optimizer_counts_steps_anew(source, model, optimizer):
    iteration = right.load_checkpoint(source, model, optimizer)
    for state in optimizer.state.values():
        state["step"] = torch.zeros(())
    return iteration


@wrong("training.load_checkpoint", caught_by=COME_BACK)
def iteration_forgotten(source, model, optimizer):
    right.load_checkpoint(source, model, optimizer)
    return 0


@wrong("training.load_checkpoint", caught_by=COME_BACK)
def weights_forgotten(source, model, optimizer):
    weights = {name: weight.clone() for name, weight in model.state_dict().items()}
    iteration = right.load_checkpoint(source, model, optimizer)
    model.load_state_dict(weights)
    return iteration


@wrong("training.save_checkpoint", caught_by=COME_BACK)
def a_file_is_taken_for_a_path(model, optimizer, iteration, out):
    if not isinstance(out, str | Path):
        out = Path(tempfile.mkdtemp()) / f"{out}".strip("<>").replace(" ", "-")
    right.save_checkpoint(model, optimizer, iteration, out)


@wrong("training.save_checkpoint", caught_by=COME_BACK)
def file_closed(model, optimizer, iteration, out):
    right.save_checkpoint(model, optimizer, iteration, out)
    if not isinstance(out, str | Path):
        out.close()


@wrong(
    "training.load_checkpoint",
    caught_by="test_checkpoint.py::test_settings_of_the_optimizer_come_back",
)
def settings_of_the_optimizer_kept(source, model, optimizer):
    before = [dict(group) for group in optimizer.param_groups]
    iteration = right.load_checkpoint(source, model, optimizer)
    for group, old in zip(optimizer.param_groups, before):
        group["lr"] = old["lr"]
    return iteration


@wrong(
    "training.save_checkpoint",
    caught_by="test_checkpoint.py::test_a_later_checkpoint_replaces_an_earlier_one",
)
def first_checkpoint_kept(model, optimizer, iteration, out):
    if not (isinstance(out, str | Path) and Path(out).exists()):
        right.save_checkpoint(model, optimizer, iteration, out)


# The nucleus and the temperature

SMALLEST = "test_decoding.py::test_the_smallest_set_that_reaches_top_p"
PLACES = "test_decoding.py::test_tokens_keep_their_places"


def kept(probabilities, top_p, keep, *, descending=True, divide=True):
    """The nucleus where `keep(before, after, top_p)` decides, given sums without and with each."""
    ordered, ids = probabilities.sort(dim=-1, descending=descending, stable=True)
    after = ordered.cumsum(-1)
    ordered = ordered.where(keep(after - ordered, after, top_p), 0)
    ordered = ordered / ordered.sum(-1, keepdim=True) if divide else ordered
    return torch.zeros_like(probabilities).scatter(-1, ids, ordered)


@wrong("training.keep_top_p", caught_by=SMALLEST)
def one_token_too_few(probabilities, top_p):
    return kept(probabilities, top_p, lambda before, after, p: after <= p)


@wrong("training.keep_top_p", caught_by=SMALLEST)
def one_token_too_many(probabilities, top_p):
    return kept(probabilities, top_p, lambda before, after, p: before <= p)


@wrong("training.keep_top_p", caught_by=SMALLEST)
def every_token_above_a_threshold(probabilities, top_p):
    chosen = probabilities.where(probabilities >= 1 - top_p, 0)
    return chosen / chosen.sum(-1, keepdim=True)


@wrong("training.keep_top_p", caught_by="test_decoding.py::test_what_is_kept_is_divided_by_its_sum")
def not_divided_by_the_sum(probabilities, top_p):
    return kept(probabilities, top_p, lambda before, after, p: before < p, divide=False)


@wrong("training.keep_top_p", caught_by=PLACES)
def unlikeliest_first(probabilities, top_p):
    return kept(probabilities, top_p, lambda before, after, p: before < p, descending=False)


@wrong("training.keep_top_p", caught_by=PLACES)
def left_in_sorted_order(probabilities, top_p):
    return right.keep_top_p(probabilities, top_p).sort(dim=-1, descending=True).values


@wrong("training.keep_top_p", caught_by="test_decoding.py::test_the_nucleus_of_every_row")
def one_nucleus_for_all_rows(probabilities, top_p):
    rows = probabilities.reshape(-1, probabilities.shape[-1])
    first = (right.keep_top_p(rows[0], top_p) > 0).expand_as(probabilities)
    chosen = probabilities.where(first, 0)
    return chosen / chosen.sum(-1, keepdim=True)


@wrong("training.keep_top_p", caught_by="test_decoding.py::test_top_p_of_one_changes_nothing")
def never_the_last_token(probabilities, top_p):
    return kept(probabilities, top_p, lambda before, after, p: (before == 0) | (after < min(p, 1)))


DIVIDES = "test_decoding.py::test_the_temperature_divides_the_logits"


@wrong("training.next_token_probabilities", caught_by=DIVIDES)
def temperature_ignored(logits, temperature=1.0, top_p=1.0):
    return right.next_token_probabilities(logits, 1.0, top_p)


@wrong("training.next_token_probabilities", caught_by=DIVIDES)
def temperature_after_the_softmax(logits, temperature=1.0, top_p=1.0):
    shares = right.next_token_probabilities(logits, 1.0, top_p) / max(temperature, 1e-9)
    return shares / shares.sum(-1, keepdim=True)


@wrong("training.next_token_probabilities", caught_by=DIVIDES)
def temperature_multiplies(logits, temperature=1.0, top_p=1.0):
    return right.next_token_probabilities(logits * temperature**2, temperature, top_p)


@wrong(
    "training.next_token_probabilities",
    caught_by="test_decoding.py::test_the_temperature_comes_before_the_nucleus",
)
def nucleus_before_the_temperature(logits, temperature=1.0, top_p=1.0):
    shares = right.next_token_probabilities(logits, 1.0, top_p)
    return right.next_token_probabilities(shares.log(), temperature)


@wrong(
    "training.next_token_probabilities",
    caught_by="test_decoding.py::test_temperature_zero_takes_the_likeliest",
)
def temperature_zero_means_none(logits, temperature=1.0, top_p=1.0):
    return right.next_token_probabilities(logits, temperature or 1.0, top_p)


@wrong("training.next_token_probabilities", caught_by="test_decoding.py::test_extreme_temperatures")
def no_maximum_subtracted(logits, temperature=1.0, top_p=1.0):
    if temperature == 0:
        return right.next_token_probabilities(logits, temperature, top_p)
    powers = (logits / temperature).exp()
    return right.keep_top_p(powers / powers.sum(-1, keepdim=True), top_p)


@wrong(
    "training.next_token_probabilities",
    caught_by="test_decoding.py::test_impossible_choices_are_errors",
)
def anything_goes(logits, temperature=1.0, top_p=1.0):
    return right.next_token_probabilities(logits, max(temperature, 0), min(max(top_p, 1e-9), 1))


# Generation

END = "test_decoding.py::test_it_ends_at_the_end_of_the_text"
CONTEXT = "test_decoding.py::test_the_model_sees_the_end_of_a_long_text"
FOLLOW = "test_decoding.py::test_new_tokens_follow_one_another"
ALL_BEFORE = "test_decoding.py::test_all_that_was_said_before_counts"


class Shown:
    """The model as if it were shown `change(ids)`, which counts from the beginning."""

    def __init__(self, model, change):
        self.model, self.change, self.parameters = model, change, model.parameters

    def __call__(self, ids):
        return self.model(self.change(ids))


@wrong("training.generate", caught_by=END)
def end_is_part_of_the_text(model, prompt, max_new_tokens, context, *, end_id=None, **options):
    new = right.generate(model, prompt, max_new_tokens, context, end_id=end_id, **options)
    return new if len(new) == max_new_tokens or end_id is None else [*new, end_id]


@wrong("training.generate", caught_by=END)
def no_stop_at_the_end(model, prompt, max_new_tokens, context, *, end_id=None, **options):
    return right.generate(model, prompt, max_new_tokens, context, **options)


@wrong("training.generate", caught_by=END)
def cut_at_the_end_afterwards(model, prompt, max_new_tokens, context, *, end_id=None, **options):
    new = right.generate(model, prompt, max_new_tokens, context, **options)
    return new[: new.index(end_id)] if end_id in new else new


@wrong("training.generate", caught_by=END)
def end_in_the_prompt_ends_it(model, prompt, max_new_tokens, context, *, end_id=None, **options):
    n = 0 if end_id in prompt else max_new_tokens
    return right.generate(model, prompt, n, context, end_id=end_id, **options)


@wrong(
    "training.generate",
    caught_by="test_decoding.py::test_without_end_id_nothing_ends_early",
)
def token_zero_is_the_end(model, prompt, max_new_tokens, context, *, end_id=None, **options):
    return right.generate(model, prompt, max_new_tokens, context, end_id=end_id or 0, **options)


@wrong(
    "training.generate",
    caught_by="test_decoding.py::test_never_more_than_the_tokens_asked_for",
)
def one_more_than_asked_for(model, prompt, max_new_tokens, context, **options):
    return right.generate(model, prompt, max_new_tokens + 1, context, **options)


@wrong(
    "training.generate",
    caught_by="test_decoding.py::test_never_more_than_the_tokens_asked_for",
)
def prompt_counts_as_new(model, prompt, max_new_tokens, context, **options):
    n = max(0, max_new_tokens - len(prompt))
    return right.generate(model, prompt, n, context, **options)


@wrong("training.generate", caught_by=FOLLOW)
def prompt_is_returned_too(model, prompt, max_new_tokens, context, **options):
    return [*prompt, *right.generate(model, prompt, max_new_tokens, context, **options)]


@wrong("training.generate", caught_by=FOLLOW)
def always_after_the_prompt(model, prompt, max_new_tokens, context, **options):
    first = model(torch.tensor([list(prompt)]))[0, -1].argmax().item()
    return [first] * max_new_tokens


@wrong("training.generate", caught_by=ALL_BEFORE)
def only_the_last_token_is_seen(model, prompt, max_new_tokens, context, **options):
    return right.generate(model, prompt, max_new_tokens, 1, **options)


@wrong("training.generate", caught_by=ALL_BEFORE)
def new_tokens_are_not_fed_back_in_order(model, prompt, max_new_tokens, context, **options):
    return [
        right.generate(model, [*prompt, *[prompt[-1]] * n], 1, context, **options)[0]
        for n in range(max_new_tokens)
    ]


@wrong("training.generate", caught_by=FOLLOW)
def filled_up_and_read_at_the_end(model, prompt, max_new_tokens, context, **options):
    def filled(ids):
        return torch.nn.functional.pad(ids, (0, max(0, context - ids.shape[1])))

    return right.generate(Shown(model, filled), prompt, max_new_tokens, context, **options)


@wrong("training.generate", caught_by=CONTEXT)
def context_forgotten(model, prompt, max_new_tokens, context, **options):
    return right.generate(model, prompt, max_new_tokens, 10**9, **options)


@wrong("training.generate", caught_by=CONTEXT)
def beginning_of_the_text_is_kept(model, prompt, max_new_tokens, context, **options):
    shown = Shown(model, lambda ids: ids[:, :context])
    return right.generate(shown, prompt, max_new_tokens, 10**9, **options)


OFTEN = "test_decoding.py::test_tokens_come_as_often_as_the_model_says"


@wrong("training.generate", caught_by=OFTEN)
def always_the_likeliest(model, prompt, max_new_tokens, context, *, temperature=1.0, **options):
    return right.generate(model, prompt, max_new_tokens, context, temperature=0.0, **options)


@wrong("training.generate", caught_by=OFTEN)
def top_p_forgotten(model, prompt, max_new_tokens, context, *, top_p=1.0, **options):
    return right.generate(model, prompt, max_new_tokens, context, **options)


@wrong("training.generate", caught_by="test_decoding.py::test_the_generator_decides")
def generator_of_generate_forgotten(model, prompt, *sizes, generator=None, **options):
    return right.generate(model, prompt, *sizes, **options)


@wrong("training.generate", caught_by="test_decoding.py::test_no_gradients_are_recorded")
def gradients_recorded(*arguments, **options):
    return right.generate.__wrapped__(*arguments, **options)


@wrong("training.generate", caught_by="test_decoding.py::test_an_empty_prompt_is_an_error")
def empty_prompt_means_token_zero(model, prompt, *sizes, **options):
    return right.generate(model, prompt or [0], *sizes, **options)


# Evaluation

EQUALLY = "test_training.py::test_every_target_counts_once_and_equally"
NO_TRACE = "test_training.py::test_evaluation_leaves_no_trace"


@wrong("training.evaluate", caught_by=EQUALLY)
def mean_of_the_means(model, tokens, context, batch_size, n_windows=None):
    n = min(n_windows or len(tokens), (len(tokens) - 1) // context)
    step = batch_size * context
    parts = [tokens[i : i + step + 1] for i in range(0, n * context, step)]
    losses = [right.evaluate(model, part, context, batch_size) for part in parts]
    return sum(losses) / len(losses)


@wrong("training.evaluate", caught_by=EQUALLY)
def last_batch_dropped(model, tokens, context, batch_size, n_windows=None):
    n = min(n_windows or len(tokens), (len(tokens) - 1) // context)
    whole = max(1, n // batch_size) * batch_size
    return right.evaluate(model, tokens, context, batch_size, whole)


@wrong("training.evaluate", caught_by=EQUALLY)
def loss_in_bits(*arguments):
    return right.evaluate(*arguments) / math.log(2)


@wrong(
    "training.evaluate",
    caught_by="test_training.py::test_windows_do_not_overlap_and_fit_into_batches",
)
def everything_in_one_batch(model, tokens, context, batch_size, n_windows=None):
    return right.evaluate(model, tokens, context, len(tokens), n_windows)


@wrong(
    "training.evaluate",
    caught_by="test_training.py::test_only_the_first_windows_if_so_many_are_asked_for",
)
def all_windows_whatever_is_asked(model, tokens, context, batch_size, n_windows=None):
    return right.evaluate(model, tokens, context, batch_size)


@wrong("training.evaluate", caught_by=NO_TRACE)
def evaluation_in_training_mode(model, *arguments):
    with patch.object(model, "eval"):
        return right.evaluate(model, *arguments)


@wrong("training.evaluate", caught_by=NO_TRACE)
def left_in_eval_mode(model, *arguments):
    loss = right.evaluate(model, *arguments)
    model.eval()
    return loss


@wrong("training.evaluate", caught_by=NO_TRACE)
def put_into_training_mode(model, *arguments):
    loss = right.evaluate(model, *arguments)
    model.train()
    return loss


@wrong("training.evaluate", caught_by=NO_TRACE)
def gradients_of_evaluation_recorded(*arguments):
    return right.evaluate.__wrapped__(*arguments)


# The loop. The reference is spoilt by replacing one of the functions that it calls.

CLIPPED = "test_training.py::test_long_gradients_are_clipped"
RATE = "test_training.py::test_the_rate_follows_the_schedule"
VALID = "test_training.py::test_valid_loss_is_that_of_the_other_text_after_the_step"
TRAIN_LOSS = "test_training.py::test_train_loss_is_from_before_the_step_and_averaged"
BATCHES = "test_training.py::test_batches_depend_on_seed_and_step_alone"
RESUMED = "test_training.py::test_an_interrupted_run_ends_with_the_same_numbers"
NO_NUMBER = "test_training.py::test_a_loss_that_is_no_number_ends_the_run"
SAYS = "test_training.py::test_the_record_says_what_was_done"


def spoilt(name, change):
    """The right `train`, in which `name` is replaced by change(what it was)."""

    def train(*arguments):
        with patch.object(right, name, change(getattr(right, name))):
            return right.train(*arguments)

    return train


def rewritten(change):
    """The right `train`, with `change(record)` done to what it writes and returns."""

    def train(model, optimizer, train_tokens, valid_tokens, settings, folder):
        record = right.train(model, optimizer, train_tokens, valid_tokens, settings, folder)
        change(record)
        (Path(folder) / "record.json").write_text(json.dumps(record), encoding="utf-8")
        return record

    return train


@wrong("training.train", caught_by="test_training.py::test_gradients_do_not_pile_up")
def gradients_never_cleared(model, optimizer, *rest):
    with patch.object(optimizer, "zero_grad"):
        return right.train(model, optimizer, *rest)


@wrong("training.train", caught_by=CLIPPED)
def never_clipped(*arguments):
    return spoilt("clip_gradients", lambda clip: lambda params, most: None)(*arguments)


@wrong("training.train", caught_by=CLIPPED)
def every_entry_clipped(*arguments):
    def change(clip):
        return lambda params, most: torch.nn.utils.clip_grad_value_(params, most)

    return spoilt("clip_gradients", change)(*arguments)


@wrong("training.train", caught_by=RATE)
def schedule_ignored(*arguments):
    return spoilt("cosine", lambda cosine: lambda *where: 1.0)(*arguments)


@wrong("training.train", caught_by=RATE)
def schedule_from_zero(*arguments):
    def change(cosine):
        return lambda t, *rest: cosine(t - 1, *rest)

    return spoilt("cosine", change)(*arguments)


@wrong("training.train", caught_by=RATE)
def rate_written_down_but_not_used(model, optimizer, *rest):
    step = optimizer.step

    def at_the_highest(*arguments):
        now = optimizer.param_groups[0]["lr"]
        optimizer.param_groups[0]["lr"] = rest[2].lr
        step(*arguments)
        optimizer.param_groups[0]["lr"] = now

    with patch.object(optimizer, "step", at_the_highest):
        return right.train(model, optimizer, *rest)


@wrong("training.train", caught_by=VALID)
def evaluated_on_the_training_text(model, optimizer, train_tokens, valid_tokens, *rest):
    return right.train(model, optimizer, train_tokens, train_tokens, *rest)


@wrong("training.train", caught_by=VALID)
def losses_in_bits(*arguments):
    def change(record):
        for row in record["curve"]:
            row["valid_loss"] /= math.log(2)
        record["valid_loss"] = record["curve"][-1]["valid_loss"]

    return rewritten(change)(*arguments)


@wrong("training.train", caught_by=VALID)
def number_of_windows_ignored(model, optimizer, train_tokens, valid_tokens, settings, folder):
    def change(evaluate):
        return lambda model, tokens, context, batch_size, n_windows: evaluate(
            model, tokens, context, batch_size
        )

    every = (model, optimizer, train_tokens, valid_tokens, settings, folder)
    return spoilt("evaluate", change)(*every)


@wrong("training.train", caught_by=TRAIN_LOSS)
def train_loss_after_the_step(*arguments):
    def change(step):
        def and_again(model, optimizer, tokens, settings, t):
            _, finite = step(model, optimizer, tokens, settings, t)
            generator = torch.Generator().manual_seed(settings.seed * 1_000_000 + t)
            shape = settings.batch_size, settings.context
            inputs, targets = right.get_batch(tokens, *shape, "cpu", generator)
            return right.cross_entropy(model(inputs), targets).item(), finite

        return and_again

    return spoilt("step", change)(*arguments)


@wrong("training.train", caught_by=TRAIN_LOSS)
def train_loss_of_the_last_batch_alone(*arguments):
    return spoilt("fmean", lambda fmean: lambda losses: losses[-1])(*arguments)


@wrong("training.train", caught_by=TRAIN_LOSS)
def train_loss_added_up(*arguments):
    return spoilt("fmean", lambda fmean: math.fsum)(*arguments)


@wrong("training.train", caught_by=BATCHES)
def one_batch_for_all_steps(*arguments):
    def change(step):
        return lambda model, optimizer, tokens, settings, t: step(
            model, optimizer, tokens[: settings.context + 1], settings, t
        )

    return spoilt("step", change)(*arguments)


@wrong("training.train", caught_by=BATCHES)
def seed_ignored(*arguments):
    def change(step):
        return lambda model, optimizer, tokens, settings, t: step(
            model, optimizer, tokens, replace(settings, seed=0), t
        )

    return spoilt("step", change)(*arguments)


@wrong(
    "training.train",
    caught_by="test_training.py::test_it_goes_on_training_after_a_look_at_the_other_text",
)
def stays_in_eval_mode(*arguments):
    def change(evaluate):
        def and_stay(model, *rest):
            loss = evaluate(model, *rest)
            model.eval()
            return loss

        return and_stay

    return spoilt("evaluate", change)(*arguments)


@wrong("training.train", caught_by="test_training.py::test_rows_come_when_they_should")
def no_row_for_the_last_step(*arguments):
    def change(record):
        every = record["settings"]["eval_every"]
        record["curve"] = [row for row in record["curve"] if row["step"] % every == 0]

    return rewritten(change)(*arguments)


@wrong("training.train", caught_by=SAYS)
def sequences_counted_as_tokens(*arguments):
    def change(record):
        record["tokens"] //= record["settings"]["context"]

    return rewritten(change)(*arguments)


@wrong("training.train", caught_by=SAYS)
def best_loss_instead_of_the_last(*arguments):
    def change(record):
        record["valid_loss"] = min(row["valid_loss"] for row in record["curve"]) - 0.1

    return rewritten(change)(*arguments)


@wrong("training.train", caught_by=SAYS)
def record_not_written(*arguments):
    record = right.train(*arguments)
    (Path(arguments[-1]) / "record.json").write_text("{}", encoding="utf-8")
    return record


@wrong("training.train", caught_by="test_training.py::test_seconds_are_those_of_the_clock")
def seconds_of_the_processor(*arguments):
    class Processor:
        monotonic = right.time.process_time

    return spoilt("time", lambda time: Processor)(*arguments)


@wrong("training.train", caught_by="test_training.py::test_seconds_are_those_of_the_clock")
def seconds_since_the_last_row(*arguments):
    def change(record):
        before = 0.0
        for row in record["curve"]:
            row["seconds"], before = row["seconds"] - before, row["seconds"]

    return rewritten(change)(*arguments)


@wrong("training.train", caught_by="test_training.py::test_the_checkpoint_is_that_of_the_last_step")
def checkpoint_before_the_last_steps(model, optimizer, texts, other, settings, folder):
    once = [settings.eval_every]

    def change(save):
        def save_once(model, optimizer, iteration, out):
            if iteration in once or not (Path(folder) / "checkpoint.pt").exists():
                return save(model, optimizer, iteration, out)
            return Path(out).write_bytes((Path(folder) / "checkpoint.pt").read_bytes())

        return save_once

    every = (model, optimizer, texts, other, settings, folder)
    return spoilt("save_checkpoint", change)(*every)


# Going on


@wrong("training.train", caught_by=RESUMED)
def begins_again_each_time(model, optimizer, texts, other, settings, folder):
    record = Path(folder) / "record.json"
    record.unlink(missing_ok=True)
    return right.train(model, optimizer, texts, other, settings, folder)


@wrong("training.train", caught_by=RESUMED)
def resumed_without_the_optimizer(*arguments):
    return spoilt("load_checkpoint", lambda load: optimizer_forgotten)(*arguments)


@wrong("training.train", caught_by=RESUMED)
def resumed_one_step_too_early(*arguments):
    def change(load):
        return lambda *where: load(*where) - 1

    return spoilt("load_checkpoint", change)(*arguments)


@wrong("training.train", caught_by=RESUMED)
def one_generator_for_the_whole_run(*arguments):
    numbers = count(1)  # starts again with every call, as a generator made before the loop does

    def change(get_batch):
        def next_batch(tokens, batch_size, context, device, generator):
            t = next(numbers)
            return get_batch(tokens, batch_size, context, device, generator.manual_seed(t))

        return next_batch

    return spoilt("get_batch", change)(*arguments)


@wrong("training.train", caught_by=RESUMED)
def curve_of_the_first_part_lost(*arguments):
    def change(begin):
        def empty(*where):
            record, t = begin(*where)
            done = t == where[2].steps
            return record | {"curve": record["curve"] if done else []}, t

        return empty

    return spoilt("begin", change)(*arguments)


@wrong("training.train", caught_by="test_training.py::test_seconds_go_on_too")
def seconds_begin_again(*arguments):
    def change(begin):
        def empty(*where):
            record, t = begin(*where)
            for row in record["curve"]:
                row["seconds"] = 0.0
            return record, t

        return empty

    return spoilt("begin", change)(*arguments)


@wrong("training.train", caught_by="test_training.py::test_a_run_at_its_end_is_only_read")
def finished_run_is_made_again(model, optimizer, texts, other, settings, folder):
    (Path(folder) / "checkpoint.pt").unlink(missing_ok=True)
    return right.train(model, optimizer, texts, other, settings, folder)


@wrong(
    "training.train",
    caught_by="test_training.py::test_other_settings_do_not_go_on_with_this_run",
)
def somebody_elses_run_is_taken(model, optimizer, texts, other, settings, folder):
    record = Path(folder) / "record.json"
    if record.exists():
        return json.loads(record.read_text(encoding="utf-8"))
    return right.train(model, optimizer, texts, other, settings, folder)


@wrong("training.train", caught_by=NO_NUMBER)
def goes_on_with_nan(*arguments):
    def change(math):
        class Careless:
            isfinite = staticmethod(lambda x: True)

        return Careless

    return spoilt("math", change)(*arguments)


@wrong("training.train", caught_by=NO_NUMBER)
def nan_written_into_the_record(*arguments):
    def change(record):
        for row in record["curve"]:
            row["train_loss"] = math.nan if row["train_loss"] is None else row["train_loss"]

    return rewritten(change)(*arguments)
