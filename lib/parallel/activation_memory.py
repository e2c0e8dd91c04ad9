"""What a layer keeps for the backward pass on each of t ranks that compute it together.

Two kinds of block. `block_parts` is that of GPT-3 with dropout, in 16 bits, counted by Korthikanti
et al. (2022, arXiv 2205.05198), whose sum s b h (34 + 5 a s / h) one meets everywhere. And
`decoder_bytes` is the decoder of lib/model.

Tensor parallelism divides what lies inside of attention and feed-forward. What lies between, norms,
their results and dropout, every rank holds whole, until sequence parallelism divides that as well,
along the sequence.

Letters, those of the paper: s positions, b sequences, h width, a heads, t ranks.
"""

from lib.tensors.activations import DecoderConfig, layer_activations

RECOMPUTE = ("none", "selective", "full")

# In units of s b h bytes: (size, whether tensor parallelism divides it).
LINEAR_PARTS = {
    "norms, inputs": (4, False),
    "queries, keys, values, input": (2, False),
    "queries and keys": (4, True),
    "values": (2, True),
    "output projection, input": (2, True),
    "attention dropout, mask": (1, False),
    "feed-forward, input": (2, False),
    "GELU, input": (8, True),
    "second matrix, input": (8, True),
    "feed-forward dropout, mask": (1, False),
}
# In units of a s s b bytes.
QUADRATIC_PARTS = {"softmax, output": 2, "softmax dropout, mask": 1, "softmax dropout, output": 2}


def block_parts(
    s: int,
    b: int,
    h: int,
    a: int,
    t: int = 1,
    sequence: bool = False,
    recompute: str = "none",
) -> dict[str, float]:
    """Bytes of every tensor that the block keeps on one rank; `sequence`: sequence parallelism.

    `recompute` "selective" computes softmax and all around it a second time, as FlashAttention does
    too; "full" keeps nothing but the block's input.
    """
    _check(t, sequence, recompute)
    everywhere = t if sequence else 1
    if recompute == "full":
        return {"block, input": 2 * s * b * h / everywhere}
    parts = {
        name: size * s * b * h / (t if divided else everywhere)
        for name, (size, divided) in LINEAR_PARTS.items()
    }
    if recompute == "none":
        parts |= {name: size * a * s * s * b / t for name, size in QUADRATIC_PARTS.items()}
    return parts


def activation_bytes_per_layer(
    s: int,
    b: int,
    h: int,
    a: int,
    t: int = 1,
    sequence: bool = False,
    recompute: str = "none",
) -> int | float:
    """The sum: s b h (10 + 24 / t + 5 a s / (h t)); by sequence, s b h (34 + 5 a s / h) / t."""
    return sum(block_parts(s, b, h, a, t, sequence, recompute).values())


def decoder_bytes(
    config: DecoderConfig,
    batch: int,
    length: int,
    t: int = 1,
    sequence: bool = False,
    layer: int = 0,
) -> dict[str, float]:
    """The parts of `lib.tensors.activations.layer_activations` on one of t ranks.

    A norm's result, which several matrices read, counts with the norms.
    """
    _check(t, sequence, "none")
    whole = layer_activations(config, batch, length, layer)
    everywhere = t if sequence else 1
    return {part: n / (everywhere if part == "norms" else t) for part, n in whole.items()}


def live_microbatches(schedule: str, p: int, m: int, chunks: int = 1) -> int | float:
    """Of how many microbatches the first of p pipeline ranks holds activations at a time.

    Each rank's are those of its own layers. Interleaving starts more of them before the first comes
    back: 1 + (p - 1) / (p chunks) times as many.
    """
    if schedule == "gpipe":
        return m
    if schedule == "interleaved":
        return min(m, p * (1 + (p - 1) / (p * chunks)))
    return min(m, p)


def _check(t: int, sequence: bool, recompute: str) -> None:
    if t < 1:
        raise ValueError(f"A layer is computed by at least one rank, not {t}.")
    if recompute not in RECOMPUTE:
        raise ValueError(f"There is no recompute={recompute!r}: choose from {RECOMPUTE}.")
    if sequence and t == 1:
        raise ValueError("One rank has the whole sequence: sequence=True needs t of 2 or more.")
