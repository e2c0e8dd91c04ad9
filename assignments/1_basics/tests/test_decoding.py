"""Decoding: probabilities by hand and against a slow twin; generation with known models."""

import math
from collections import Counter
from fractions import Fraction

import torch
from torch import Tensor, nn

from adapters import training
from lib.grading.feedback import NotWritten, holds, same
from lib.grading.problems import problem

END = 0


def doubles(*numbers: float | Fraction) -> Tensor:
    return torch.tensor([float(number) for number in numbers], dtype=torch.float64)


def random_probabilities(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64).softmax(-1)


def kept_slowly(probabilities: list[float], top_p: float) -> list[float]:
    """The nucleus, token by token."""
    order = sorted(range(len(probabilities)), key=lambda i: (-probabilities[i], i))
    kept, total = [], 0.0
    for i in order:
        if kept and total >= top_p:
            break
        kept.append(i)
        total += probabilities[i]
    return [p / total if i in kept else 0.0 for i, p in enumerate(probabilities)]


# The nucleus


@problem("decoding")
def test_the_smallest_set_that_reaches_top_p():
    halves = doubles(0.5, 0.25, 0.125, 0.125)  # sums of these are exact
    for top_p, n in ((0.1, 1), (0.5, 1), (0.51, 2), (0.75, 2), (0.76, 3), (0.875, 3), (0.9, 4)):
        given = f"probabilities {halves.tolist()}, top_p {top_p}: how many are above zero"
        same(int((training.keep_top_p(halves, top_p) > 0).sum()), n, given=given)


@problem("decoding")
def test_what_is_kept_is_divided_by_its_sum():
    for ids, top_p, expected in (
        ((0.5, 0.25, 0.125, 0.125), 0.75, (Fraction(2, 3), Fraction(1, 3), 0, 0)),
        ((0.5, 0.25, 0.125, 0.125), 0.5, (1, 0, 0, 0)),
        ((0.25, 0.25, 0.5), 0.6, (Fraction(1, 3), 0, Fraction(2, 3))),
    ):
        given = f"probabilities {list(ids)}, top_p {top_p}"
        yours = training.keep_top_p(doubles(*ids), top_p)
        same(yours, doubles(*expected), given=given, within=1e-12)


@problem("decoding")
def test_tokens_keep_their_places():
    third = Fraction(1, 3)
    for ids, top_p, expected in (
        ((0.25, 0.75), 0.5, (0, 1)),
        ((0.125, 0.5, 0.125, 0.25), 0.75, (0, 2 * third, 0, third)),
        ((0.125, 0.5, 0.125, 0.25), 0.76, (Fraction(1, 7), Fraction(4, 7), 0, Fraction(2, 7))),
    ):
        given = f"probabilities {list(ids)}, top_p {top_p}"
        yours = training.keep_top_p(doubles(*ids), top_p)
        same(yours, doubles(*expected), given=given, within=1e-12)


@problem("decoding")
def test_top_p_of_one_changes_nothing():
    for ids in ((1.0,), (0.25, 0.75), (0.5, 0.0, 0.5), (0.1, 0.2, 0.3, 0.4)):
        yours = training.keep_top_p(doubles(*ids), 1.0)
        same(yours, doubles(*ids), given=f"probabilities {list(ids)}, top_p 1", within=1e-12)


@problem("decoding")
def test_the_nucleus_of_every_row():
    for shape in ((5,), (2, 3), (2, 3, 31)):
        for top_p in (0.2, 0.5, 0.9):
            x = random_probabilities(*shape)
            rows = [kept_slowly(row, top_p) for row in x.reshape(-1, shape[-1]).tolist()]
            expected = torch.tensor(rows, dtype=torch.float64).reshape(shape)
            given = f"random probabilities of shape {shape}, top_p {top_p}, row by row"
            same(training.keep_top_p(x, top_p), expected, given=given, within=1e-12)


# Temperature


@problem("decoding")
def test_the_temperature_divides_the_logits():
    logits = doubles(0, math.log(3))
    for temperature, expected in (
        (1.0, (1 / 4, 3 / 4)),
        (0.5, (1 / 10, 9 / 10)),
        (2.0, (1 / (1 + math.sqrt(3)), math.sqrt(3) / (1 + math.sqrt(3)))),
    ):
        yours = training.next_token_probabilities(logits, temperature)
        given = f"logits [0, log 3], temperature {temperature}"
        same(yours, doubles(*expected), given=given, within=1e-12)


@problem("decoding")
def test_extreme_temperatures():
    for logits, temperature, expected in (
        ((0, 1), 1e-4, (0, 1)),
        ((0, 1), 1e6, (0.5, 0.5)),
        ((-800, 800), 1.0, (0, 1)),
        ((5, -3, 5), 1e-3, (0.5, 0, 0.5)),
    ):
        yours = training.next_token_probabilities(doubles(*logits), temperature)
        given = f"logits {list(logits)}, temperature {temperature:g}"
        same(yours, doubles(*expected), given=given, within=1e-6)


@problem("decoding")
def test_temperature_zero_takes_the_likeliest():
    for logits, best in (((3,), 0), ((1, 2), 1), ((2, 1), 0), ((-1, 4, 0, 4), 1)):
        for top_p in (1.0, 0.5):
            yours = training.next_token_probabilities(doubles(*logits), 0.0, top_p)
            expected = doubles(*(float(i == best) for i in range(len(logits))))
            given = f"logits {list(logits)}, temperature 0, top_p {top_p}"
            same(yours, expected, given=given)


@problem("decoding")
def test_the_temperature_comes_before_the_nucleus():
    logits = doubles(0.5, 0.25, 0.125, 0.125).log()
    for temperature, top_p, expected in (
        (0.5, 0.7, (1, 0, 0, 0)),  # 16/22 of it at temperature 1/2, and only 1/2 before
        (2.0, 0.5, (math.sqrt(2) / (1 + math.sqrt(2)), 1 / (1 + math.sqrt(2)), 0, 0)),
    ):
        yours = training.next_token_probabilities(logits, temperature, top_p)
        given = f"logits log [1/2, 1/4, 1/8, 1/8], temperature {temperature}, top_p {top_p}"
        same(yours, doubles(*expected), given=given, within=1e-12)


@problem("decoding")
def test_impossible_choices_are_errors():
    logits = doubles(0, 1)
    for temperature, top_p in ((-1.0, 1.0), (1.0, 0.0), (1.0, -0.1), (1.0, 1.1)):
        given = f"temperature {temperature}, top_p {top_p}"
        try:
            yours = training.next_token_probabilities(logits, temperature, top_p)
        except ValueError:
            continue
        holds(False, "These have no meaning: raise ValueError.", given=given, yours=yours)


# Generation


class Scripted(nn.Module):
    """A model that wants `after[last id]` next at every position, and notes what it was shown."""

    def __init__(self, after: list[int], sure: float = 50.0) -> None:
        super().__init__()
        self.table = nn.Parameter(sure * nn.functional.one_hot(torch.tensor(after)).double())
        self.seen: list[list[int]] = []
        self.gradients: list[bool] = []

    def forward(self, ids: Tensor) -> Tensor:
        """(1, T) -> (1, T, V)"""
        same(ids.ndim, 2, given="the ids that the model gets: number of axes")
        self.seen.append(ids[0].tolist())
        self.gradients.append(torch.is_grad_enabled())
        return self.table[ids]


class LongMemory(nn.Module):
    """A model whose next token is the sum of all ids that it sees, modulo V."""

    def __init__(self, V: int) -> None:
        super().__init__()
        self.table = nn.Parameter(50 * torch.eye(V, dtype=torch.float64))

    def forward(self, ids: Tensor) -> Tensor:
        return self.table[ids.cumsum(-1) % len(self.table)]


COUNTING = [1, 2, 3, 4, 5, 6, 0]  # after 0 comes 1, after 1 comes 2, ..., after 6 comes 0


def sums(prompt: list[int], n: int, context: int, V: int) -> list[int]:
    """What LongMemory says, where only the last `context` ids are seen."""
    ids = list(prompt)
    for _ in range(n):
        ids.append(sum(ids[-context:]) % V)
    return ids[len(prompt) :]


@problem("decoding")
def test_new_tokens_follow_one_another():
    for prompt, n, expected in (
        ([3], 1, [4]),
        ([3], 3, [4, 5, 6]),
        ([2, 6, 1], 4, [2, 3, 4, 5]),
        ([5], 4, [6, 0, 1, 2]),
    ):
        for temperature in (0.0, 1.0):
            given = f"a model that counts, prompt {prompt}, {n} tokens, temperature {temperature}"
            yours = training.generate(Scripted(COUNTING), prompt, n, 8, temperature=temperature)
            same(list(yours), expected, given=given)


@problem("decoding")
def test_all_that_was_said_before_counts():
    for prompt, n in (([1], 1), ([1, 2], 3), ([3, 1, 4], 6)):
        given = f"a model that says the sum of all ids modulo 11, prompt {prompt}, {n} tokens"
        yours = training.generate(LongMemory(11), prompt, n, 50, temperature=0.0)
        same(list(yours), sums(prompt, n, 50, 11), given=given)


@problem("decoding")
def test_the_model_sees_the_end_of_a_long_text():
    for prompt, n, context in (([1, 2], 2, 1), ([1, 2, 3, 4, 5], 3, 4), ([6] * 9, 5, 8)):
        model = Scripted(COUNTING)
        given = f"context {context}, a prompt of {len(prompt)} ids, {n} tokens"
        training.generate(model, prompt, n, context, temperature=0.0)
        longest = max(map(len, model.seen))
        rule = f"The model never gets more than its context of {context} ids."
        holds(longest <= context, rule, given=given, yours=f"{longest} ids")
        yours = training.generate(LongMemory(11), prompt, n, context, temperature=0.0)
        what = "a model that says the sum of all ids it sees modulo 11"
        same(list(yours), sums(prompt, n, context, 11), given=f"{what}, {given}")


@problem("decoding")
def test_never_more_than_the_tokens_asked_for():
    for n in (0, 1, 5):
        given = f"a model that counts, prompt [1, 2], at most {n} tokens: how many came"
        same(len(training.generate(Scripted(COUNTING), [1, 2], n, 4)), n, given=given)


@problem("decoding")
def test_it_ends_at_the_end_of_the_text():
    for prompt, end_id, expected in (
        ([6], 0, []),
        ([4], 0, [5, 6]),
        ([1], 4, [2, 3]),
        ([4, 0, 4], 0, [5, 6]),  # an end in the prompt is over
    ):
        model = Scripted(COUNTING)
        given = f"a model that counts, prompt {prompt}, at most 9 tokens, end_id {end_id}"
        yours = training.generate(model, prompt, 9, 8, temperature=0.0, end_id=end_id)
        same(list(yours), expected, given=f"{given}, which is not part of the result")
        given = f"{given}: how often the model was asked"
        same(len(model.seen), len(expected) + 1, given=given)


@problem("decoding")
def test_without_end_id_nothing_ends_early():
    yours = training.generate(Scripted(COUNTING), [4], 9, 8, temperature=0.0)
    given = "a model that counts modulo 7, prompt [4], 9 tokens, no end_id"
    same(list(yours), [5, 6, 0, 1, 2, 3, 4, 5, 6], given=given)


@problem("decoding")
def test_tokens_come_as_often_as_the_model_says():
    model = Scripted(COUNTING)
    shares = doubles(0.4, 0.3, 0.15, 0.1, 0.05, 0, 0)
    with torch.no_grad():
        model.table.copy_(shares.clamp(min=1e-30).log().expand(7, 7))
    for options, expected in (
        ({}, shares),
        ({"top_p": 0.6}, doubles(4 / 7, 3 / 7, 0, 0, 0, 0, 0)),
        ({"temperature": 0.5}, shares**2 / (shares**2).sum()),
    ):
        n, generator = 600, torch.Generator().manual_seed(0)
        drawn = Counter(training.generate(model, [1], n, 2, generator=generator, **options))
        given = f"a model with the shares {shares.tolist()}, {n} tokens, {options}: "
        for id, p in enumerate(expected.tolist()):
            allowed = 5 * math.sqrt(n * p * (1 - p))  # five standard deviations
            same(drawn[id], n * p, given=f"{given}how often {id} came", within=allowed)


@problem("decoding")
def test_the_generator_decides():
    model = Scripted(COUNTING, sure=1.0)
    seeds = (5, 5, 6)
    results = []
    for n, seed in enumerate(seeds):
        torch.manual_seed(n)
        generator = torch.Generator().manual_seed(seed)
        results.append(list(training.generate(model, [1], 40, 4, generator=generator)))
    given = "40 tokens from an unsure model, a generator with seed 5, twice"
    same(results[1], results[0], given=given)
    rule = "A generator with another seed gives another text."
    holds(results[2] != results[0], rule, given="seeds 5 and 6", yours=results[2])


@problem("decoding")
def test_no_gradients_are_recorded():
    model = Scripted(COUNTING)
    training.generate(model, [1], 2, 4)
    given = "torch.is_grad_enabled() in each call of the model"
    same(model.gradients, [False, False], given=given)


@problem("decoding")
def test_an_empty_prompt_is_an_error():
    try:
        yours = training.generate(Scripted(COUNTING), [], 2, 4)
    except ValueError:
        return
    except (IndexError, RuntimeError) as error:
        if isinstance(error, NotWritten):
            raise
        yours = error
    holds(False, "Nothing can follow an empty prompt: raise ValueError.", yours=yours)
