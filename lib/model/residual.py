"""Where the norms stand: four ways to add what a layer finds to the stream.

The stream x runs through all blocks. Post-norm, the Transformer of 2017 (arXiv 1706.03762),
normalises the stream itself after every addition. The others leave it alone: an embedding reaches
the last layer through additions only, and so does the gradient on its way back. See Xiong et al.,
arXiv 2002.04745, for what that does to gradients. Letters: B sequences, T positions, D width.
"""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

Layer = Callable[[Tensor], Tensor]  # attention, feed-forward, or a norm


def pre(x: Float[Tensor, "B T D"], layer: Layer, norm: Layer, _: Layer | None) -> Tensor:
    """The layer reads a normalised copy."""
    return x + layer(norm(x))


def post(x: Float[Tensor, "B T D"], layer: Layer, norm: Layer, _: Layer | None) -> Tensor:
    """The sum is normalised."""
    return norm(x + layer(x))


def sandwich(x: Float[Tensor, "B T D"], layer: Layer, norm: Layer, out_norm: Layer) -> Tensor:
    """What the layer reads is normalised and what it adds, too (Gemma 2, arXiv 2408.00118)."""
    return x + out_norm(layer(norm(x)))


def reordered(x: Float[Tensor, "B T D"], layer: Layer, _: Layer | None, out_norm: Layer) -> Tensor:
    """Only what the layer adds is normalised (OLMo 2, arXiv 2501.00656)."""
    return x + out_norm(layer(x))


RESIDUAL = {"pre": pre, "post": post, "sandwich": sandwich, "reordered": reordered}

# The norms that a block has for each of them
NORMS = {
    "pre": ("attention_norm", "ffn_norm"),
    "post": ("attention_norm", "ffn_norm"),
    "sandwich": ("attention_norm", "attention_out_norm", "ffn_norm", "ffn_out_norm"),
    "reordered": ("attention_out_norm", "ffn_out_norm"),
}
