"""What a decoder's cost depends on: the sizes of its parts, under the names of a model's config.

Letters: L layers, D width, N heads, K key/value heads, H head width, F feed-forward width,
V vocabulary, B sequences, T positions.
"""

from typing import Protocol, runtime_checkable

GATED = ("swiglu", "geglu", "geglu_tanh", "reglu")  # with three matrices instead of two


@runtime_checkable
class DecoderShape(Protocol):
    """A config with these fields, whatever else it holds.

    It may also have an `attention_gate` and, for layers with a window, `window_of(layer)`.
    """

    @property
    def vocab_size(self) -> int: ...

    @property
    def n_layers(self) -> int: ...

    @property
    def width(self) -> int: ...

    @property
    def n_heads(self) -> int: ...

    @property
    def n_kv_heads(self) -> int: ...

    @property
    def head_width(self) -> int: ...

    @property
    def ff_width(self) -> int: ...

    @property
    def ffn(self) -> str:
        """Which feed-forward layer; those in GATED have three matrices, others two."""
        ...


def matrix_sizes(shape: DecoderShape) -> dict[str, int]:
    """Numbers in the matrices that every token is multiplied by: one layer's, and the output's.

    The embedding table is not among them, as its rows are looked up, unless the output reuses it.
    """
    n_ff = 3 if shape.ffn in GATED else 2
    D, N, K, H, F = shape.width, shape.n_heads, shape.n_kv_heads, shape.head_width, shape.ff_width
    gate = {"attention gate": D * N * H} if getattr(shape, "attention_gate", False) else {}
    return {
        "queries, keys, values": D * (N + 2 * K) * H,
        **gate,
        "attention output": N * H * D,
        "feed-forward": n_ff * D * F,
        "logits": D * shape.vocab_size,
    }


def keys_seen(shape: DecoderShape, layer: int, length: int) -> int:
    """The most keys that a query sees in a layer, in a text of `length` tokens."""
    window_of = getattr(shape, "window_of", None)
    window = None if window_of is None else window_of(layer)
    return length if window is None else min(window, length)
