"""What sharding saves and costs, on paper, for the model xl.

n parameters, P = 4 n bytes of them in float32, R ranks.
"""

import math

from lib.grading.answers import judge, number, words
from lib.grading.feedback import holds
from lib.grading.problems import problem
from systems.model import SIZES, on_paper

MIB, GIB, GB = 2**20, 2**30, 1e9
N = sum(p.numel() for p in on_paper(SIZES["xl"]).parameters())
P = 4 * N


@problem("sharding_accounting")
def test_memory_at_three_moments():
    for name, right in (("after_init", P), ("before_step", 2 * P)):
        mistakes = {"This is in GB; asked for are GiB, 2^30 bytes.": right / GB}
        judge(f"sharding_accounting.{name}", right / GIB, 5e-3, mistakes)
    for ranks in (1, 4):
        right = 2 * P + 2 * P / ranks
        mistakes = {
            "AdamW has two moments for each parameter.": (2 * P + P / ranks) / GIB,
            "Parameters and gradients are whole on every rank.": 4 * P / ranks / GIB,
            "This is in GB; asked for are GiB, 2^30 bytes.": right / GB,
        }
        if ranks == 1:
            mistakes.pop("Parameters and gradients are whole on every rank.")
        judge(f"sharding_accounting.after_step_{ranks}", right / GIB, 5e-3, mistakes)


@problem("sharding_accounting")
def test_what_is_received():
    part = 7 / 8 * P / GB
    mistakes = {
        "The all-reduce brings 2 (R - 1) / R of all bytes.": 2 * part,
        "A rank does not receive what it owns.": 2 * part + P / GB,
        "The gradients travel too.": part,
    }
    judge("sharding_accounting.received_here", 3 * part, 5e-3, mistakes)
    mistakes = {"Reduce-scatter and all-gather, each (R - 1) / R of all bytes.": 3 * part}
    judge("sharding_accounting.received_zero", 2 * part, 5e-3, mistakes)


@problem("sharding_accounting")
def test_the_difference_is_explained():
    words("sharding_accounting.difference", at_least=20)


@problem("fsdp_accounting")
def test_what_a_rank_holds():
    right = 4 * P / 8 / GIB
    mistakes = {
        "Parameters, gradients and two moments, all in float32.": 2 * P / 8 / GIB,
        "Gradients are kept as shards, between steps too.": 3 * P / 8 / GIB,
        "Gradients and parameters are sharded too.": (2 * P + 2 * P / 8) / GIB,
        "The weights in bfloat16 are gone between steps.": (4 * P / 8 + P / 2) / GIB,
    }
    judge("fsdp_accounting.held_8", right, 5e-3, mistakes)
    largest = 2 * SIZES["xl"].width * SIZES["xl"].ff_width / MIB
    mistakes = {
        "One at work and the next on its way: two of them.": largest,
        "They are gathered in bfloat16.": 4 * largest,
        "Gathered are single weights, not whole blocks.": 3 * largest,
    }
    judge("fsdp_accounting.gathered", 2 * largest, 5e-3, mistakes)


@problem("fsdp_accounting")
def test_what_is_received_with_full_sharding():
    part = 7 / 8 * 2 * N / GB
    mistakes = {
        "Weights are gathered twice: forward and backward.": 2 * part,
        "In bfloat16 a number has two bytes.": 6 * part,
        "A rank has its own part already: (R - 1) / R.": 3 * 2 * N / GB,
    }
    judge("fsdp_accounting.received", 3 * part, 5e-3, mistakes)


@problem("fsdp_accounting")
def test_the_fewest_ranks():
    name, right = "fsdp_accounting.fewest", math.ceil(4 * P / (10 * GIB))
    rule = "16 bytes for each parameter, divided by the ranks; and five and a bit are six."
    holds(number(name) == right, rule, given=name, yours=number(name))


@problem("fsdp_accounting")
def test_when_gathering_is_free():
    words("fsdp_accounting.when_free", at_least=20)
