"""The words that a model's config may contain, and what follows from them."""

from typing import Literal

Norm = Literal["rms", "layer", "none"]
# Where the norms stand, see `residual`
NormPlacement = Literal["pre", "post", "sandwich", "reordered"]
# One norm for each head's queries and keys, or one over all heads together
QKNorm = Literal["head", "all"]
# "rope" turns coordinates 2i and 2i + 1 together, "rope_half" i and i + H/2
Positions = Literal["rope", "rope_half", "learned", "sinusoidal", "alibi", "none"]
FFN = Literal[
    "swiglu", "geglu", "geglu_tanh", "reglu", "relu", "relu2", "silu", "gelu", "gelu_tanh"
]
Attention = Literal["plain", "sdpa", "blocked", "flash"]  # four ways to the same values
Init = Literal["fan_in", "glorot", "gpt2"]
DType = Literal["float32", "bfloat16", "float16", "float64"]

# Feed-forward layers with a gate, and the function that bends it (Shazeer, arXiv 2002.05202)
GATES = {"swiglu": "silu", "geglu": "gelu", "geglu_tanh": "gelu_tanh", "reglu": "relu"}
