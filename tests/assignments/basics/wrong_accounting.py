"""Wrong answers to part 2, costs and learning rates: each with the test that must see it."""

import math

from wrong_answers import wrong

from lib.grading.answers import read_answers


def planted(target, file):
    """The decorator of wrong answers in one place, once it knows the test that must see them."""
    return lambda test: wrong(target, caught_by=f"{file}::{test}")


wrong_costs = planted("answers.read_answers", "test_accounting.py")
wrong_tuning = planted("answers.read_answers", "test_learning_rate_tuning.py")


def answered(table, **changes):
    """The right answers with some changed; a change is a factor."""
    answers = read_answers()  # the right ones: this name is not swapped
    changed = {name: answers[table][name] * factor for name, factor in changes.items()}
    return answers | {table: answers[table] | changed}


@wrong_costs("test_parameters")
def one_table_for_both_ends():
    tied = 1 - 50_257 * 1600 / read_answers()["transformer_accounting"]["parameters"]
    return answered("transformer_accounting", parameters=tied)


@wrong_costs("test_memory_of_the_parameters")
def gigabytes_for_gibibytes():
    return answered("transformer_accounting", gib=2**30 / 1e9)


@wrong_costs("test_a_forward_pass")
def multiplications_without_additions():
    return answered("transformer_accounting", forward_tflop=0.5)


@wrong_costs("test_shares_of_four_sizes")
def shares_out_of_one():
    return answered("transformer_accounting", ffn_percent_small=0.01)


@wrong_costs("test_a_forward_pass_over_a_long_text")
def everything_sixteen_times():
    found = read_answers()["transformer_accounting"]
    return answered(
        "transformer_accounting", long_tflop=16 * found["forward_tflop"] / found["long_tflop"]
    )


@wrong_costs("test_state")
def one_moment():
    return answered("adamw_accounting", state_gb=12 / 16)


@wrong_costs("test_activations")
def no_logits():
    bytes_of_logits = 4 * 2 * 1024 * 50_257
    return answered("adamw_accounting", activations_gb=1 - bytes_of_logits / 16.373e9)


@wrong_costs("test_largest_batch")
def batch_rounded_up():
    return answered("adamw_accounting", largest_batch=4 / 3)


@wrong_costs("test_operations_of_a_step")
def only_the_moments():
    return answered("adamw_accounting", operations_per_parameter=7 / 15)


@wrong_costs("test_hours")
def forward_only():
    return answered("adamw_accounting", hours=1 / 3)


@wrong_tuning("test_what_is_left_of_the_loss")
def after_nine_updates():
    return answered("learning_rate_tuning", factor_10=1 / (1 - 0.2 / math.sqrt(10)) ** 2)


@wrong_tuning("test_the_largest_learning_rate")
def half_of_the_largest_rate():
    return answered("learning_rate_tuning", largest_lr=0.5)
