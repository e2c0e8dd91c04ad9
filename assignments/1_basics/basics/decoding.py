"""From logits to text: one token drawn after the other.

Letters: T positions, V vocabulary. "..." are any leading axes, also none.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lib.grading.feedback import todo


def keep_top_p(probabilities: Tensor, top_p: float) -> Tensor:
    """(..., V) -> (..., V): only the likeliest tokens that together reach `top_p`, or nucleus.

    The tokens are taken from the likeliest on, until the sum of their probabilities is at least
    `top_p`: the smallest set that reaches it, and never an empty one. All other tokens get exactly
    zero, and those kept are divided by their sum. Of equally likely ones the smaller id goes
    first. With top_p = 1 nothing changes. (Holtzman et al., arXiv 1904.09751)

    [0.125, 0.5, 0.125, 0.25], top_p 0.75  ->  [0, 2/3, 0, 1/3]    0.5 + 0.25 reaches it
    [0.125, 0.5, 0.125, 0.25], top_p 0.76  ->  [1/7, 4/7, 0, 2/7]  one token more
    """
    return todo("3.4", "sort downwards; a token stays if the sum before it is below top_p.")


def next_token_probabilities(
    logits: Tensor, temperature: float = 1.0, top_p: float = 1.0
) -> Tensor:
    """(..., V) -> (..., V): what to draw the next token from.

    First the logits are divided by the temperature, then comes the softmax, then `keep_top_p`.
    Below 1 the likely becomes likelier, above 1 chances even out. A temperature of 0 means that the
    likeliest token gets everything; of several the one with the smallest id. ValueError if the
    temperature is below 0 or top_p is not in (0, 1].

    logits [0, log 3]:  temperature 1 -> [1/4, 3/4], 1/2 -> [1/10, 9/10], 0 -> [0, 1]
    """
    return todo("3.4", "treat temperature 0 by itself, then divide, softmax, keep_top_p.")


def generate(
    model: nn.Module,
    prompt: Sequence[int],
    max_new_tokens: int,
    context: int,
    *,
    temperature: float = 1.0,
    top_p: float = 1.0,
    end_id: int | None = None,
    generator: torch.Generator | None = None,
) -> list[int]:
    """The tokens that follow the prompt, without the prompt.

    Each is drawn from the model's probabilities after everything before it, what has been drawn
    included; of that the model gets at most the last `context` tokens, as ids (1, T) on the device
    of its parameters. It ends after `max_new_tokens` tokens, or when `end_id` is drawn, which is
    not part of the result. No gradients are recorded. All chance comes from `generator`, on the
    CPU; None means PyTorch's own. ValueError if the prompt is empty: then nothing can follow.
    """
    return todo("3.4", "in a loop: model(the last ids)[0, -1], probabilities, torch.multinomial.")
