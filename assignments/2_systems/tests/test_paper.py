"""How many ranks an algorithm feeds: the closed forms, for the numbers of the handout.

C operations and W bytes per second and rank; a feed-forward layer with three matrices of D x F; B
tokens in the whole batch; numbers of two bytes; many ranks, so that N - 1 counts as N.
"""

from lib.grading.answers import judge
from lib.grading.problems import problem

C, W = 1e15, 9e11
D, F, B = 8192, 28_672, 65_536
US = 1e6
RATIO = W / C


@problem("alternate_ring")
def test_the_other_ring():
    """N - 1 steps of the whole tensor; the usual ring sends 2 (N - 1) / N of it."""
    right, usual = 7 * 1e9 / W * 1e3, 2 * 7 / 8 * 1e9 / W * 1e3
    mistakes = {
        "That is the usual ring, in which N-th parts travel.": usual,
        "There are N - 1 steps.": 8 / 7 * right,
        "This is in seconds.": right / 1e3,
    }
    judge("alternate_ring.milliseconds", right, 5e-3, mistakes)


@problem("data_parallel_limit")
def test_work_and_messages_of_data_parallelism():
    work = 12 * B * D * F / 16 / C * US
    mistakes = {
        "The backward pass has twice the products of the forward pass.": work / 2,
        "Each rank has a part of the tokens.": 16 * work,
        "There are three matrices.": work * 2 / 3,
    }
    judge("data_parallel_limit.work", work, 5e-3, mistakes)
    messages = 12 * D * F / W * US
    mistakes = {
        "An all-reduce sends every byte twice.": messages / 2,
        "A number has two bytes.": 2 * messages,
        "There are three matrices.": messages / 3,
        "For many ranks, (N - 1) / N counts as 1.": messages * 15 / 16,
    }
    judge("data_parallel_limit.messages", messages, 5e-3, mistakes)


def judge_limit(name: str, right: float, mistakes: dict[str, float] | None = None) -> None:
    """Rounded or not."""
    judge(name, right, max(0.01, 0.99 / right), mistakes)


@problem("data_parallel_limit")
def test_limit_of_data_parallelism():
    mistakes = {"It is a number of ranks, not of tokens for each.": C / W}
    judge_limit("data_parallel_limit.ranks", B * RATIO, mistakes)


@problem("fsdp_limit")
def test_messages_of_fsdp():
    gather = 6 * D * F / W * US
    judge("fsdp_limit.forward_messages", gather, 5e-3, {"One all-gather: half.": 2 * gather})
    reason = "All-gather the weights, reduce-scatter their gradients."
    judge("fsdp_limit.backward_messages", 2 * gather, 5e-3, {reason: gather})


@problem("fsdp_limit")
def test_limits_of_fsdp():
    for direction in ("forward", "backward"):
        mistakes = {"Half the messages, but half the work too.": 2 * B * RATIO}
        judge_limit(f"fsdp_limit.ranks_{direction}", B * RATIO, mistakes)


@problem("tensor_parallel_limit")
def test_messages_of_tensor_parallelism():
    right = 4 * B * D / W * US
    mistakes = {
        "An all-reduce sends every byte twice.": right / 2,
        "Summed are B x D numbers, not B x F.": 4 * B * F / W * US,
    }
    judge("tensor_parallel_limit.messages", right, 5e-3, mistakes)


@problem("tensor_parallel_limit")
def test_limits_of_tensor_parallelism():
    forward, backward = 1.5 * F * RATIO, 3 * F * RATIO
    judge_limit("tensor_parallel_limit.ranks_forward", forward)
    reason = "Twice the work, and one all-reduce as before: of the gradient of x."
    judge_limit("tensor_parallel_limit.ranks_backward", backward, {reason: forward})
    reason = "Work and messages both shrink with the tokens."
    mistakes = {reason: forward * 1024 / B}
    judge_limit("tensor_parallel_limit.for_one_sequence", forward, mistakes)


@problem("two_dimensions")
def test_messages_at_the_same_time():
    X, Y = B * RATIO, 1.5 * F * RATIO
    mistakes = {"The longer of the two messages counts, not their sum.": X * Y / 4}
    judge_limit("two_dimensions.ranks_overlapped", X * Y, mistakes)
    judge_limit("two_dimensions.batch_axis", X, {"This is the other axis.": Y})
    judge_limit("two_dimensions.width_axis", Y, {"This is the other axis.": X})


@problem("two_dimensions")
def test_messages_one_after_the_other():
    """6 F X + 4 B Y = 6 B F W / C: X Y is the largest where both messages take the same time."""
    X, Y = 0.5 * B * RATIO, 0.75 * F * RATIO
    mistakes = {
        "This is with both at the same time.": 4 * X * Y,
        "Each axis at half of its own limit.": X * Y * 2,
    }
    judge_limit("two_dimensions.ranks_in_turn", X * Y, mistakes)
    judge_limit("two_dimensions.batch_axis_in_turn", X, {"Without the other message.": 2 * X})
