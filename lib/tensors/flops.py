"""How many operations: a product of matrices, a model, a whole training run.

One multiplication and one addition count as two operations, and everything that is not a product
of matrices as none: it is of lower order. Letters: see `shape`.
"""

from lib.tensors.shape import DecoderShape, keys_seen, matrix_sizes

SECONDS_PER_DAY = 86_400


def matmul_flops(B: int, D: int, K: int) -> int:
    """(B x D) times (D x K): each of the B K results takes D multiplications and D additions.

    Backward costs twice as much, one such product for the gradient of either factor.
    """
    return 2 * B * D * K


def attention_flops(n_heads: int, queries: int, keys: int, head_width: int) -> int:
    """Scores and weighted average of one sequence, forward: two products in every head.

    All keys are counted for each query. A kernel that skips those a causal mask hides does half.
    """
    scores = matmul_flops(queries, head_width, keys)
    average = matmul_flops(queries, keys, head_width)
    return n_heads * (scores + average)


def flops_by_part(
    shape: DecoderShape, batch: int, length: int, backward: bool = True
) -> dict[str, int]:
    """Of one step on `batch` sequences of `length` tokens, by part of the model.

    With `backward` a training step, three times a forward pass. In a layer with a window each query
    counts with as many keys as it has: what a kernel does that skips the others.
    """
    matrices = matrix_sizes(shape)
    logits = 2 * batch * length * matrices.pop("logits")
    parts = {part: 2 * batch * length * shape.n_layers * n for part, n in matrices.items()}
    parts["attention scores and average"] = batch * sum(
        attention_flops(shape.n_heads, length, keys_seen(shape, layer, length), shape.head_width)
        for layer in range(shape.n_layers)
    )
    parts["logits"] = logits
    return {part: (3 if backward else 1) * flops for part, flops in parts.items()}


def model_flops(shape: DecoderShape, batch: int, length: int, backward: bool = True) -> int:
    """All of `flops_by_part`."""
    return sum(flops_by_part(shape, batch, length, backward).values())


def flops_per_token(shape: DecoderShape, length: int) -> int:
    """Of training on one token: 6 per number in the matrices, and 12 L T N H for attention.

    The second term is what the rule 6 N D leaves out; N H is the width in most models. With windows
    T is that of each layer, at most its window.
    """
    return model_flops(shape, batch=1, length=length) // length


# From a model's size alone


def training_flops(n_params: int | float, n_tokens: int | float) -> float:
    """6 N D: two operations per parameter and token forward, four backward (arXiv 2001.08361)."""
    return 6.0 * n_params * n_tokens


def training_days(
    n_params: int | float,
    n_tokens: int | float,
    n_devices: int,
    device_flops: int | float,
    mfu: int | float,
) -> float:
    """How long training takes on devices that promise `device_flops` each and keep `mfu` of it."""
    per_day = n_devices * device_flops * mfu * SECONDS_PER_DAY
    return training_flops(n_params, n_tokens) / per_day
