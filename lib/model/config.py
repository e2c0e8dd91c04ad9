"""Every choice that makes a model, in one place, and how many parameters the choices cost.

A frozen dataclass of plain numbers and words, so it can be written to a file, read back and
compared, and two equal configs are the same model. The defaults are the block of Llama: pre-norm,
RMSNorm, RoPE, SwiGLU, no biases. Letters: V vocabulary, L layers, D width, N query heads, K
key/value heads, H width of one head, F feed-forward width.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from math import log
from typing import Any

from lib.model.checks import (
    check_choices,
    check_count,
    check_parts,
    check_positions,
    check_sharing,
    check_windows,
    equal_heads,
)
from lib.model.choices import (
    FFN,
    GATES,
    Attention,
    DType,
    Init,
    Norm,
    NormPlacement,
    Positions,
    QKNorm,
)


@dataclass(frozen=True)
class ModelConfig:
    """What the model is.

    `n_kv_heads`, `head_width`, `ff_width` and `compute_dtype` are filled in from the other fields
    where they are None. They are set afterwards, so `dataclasses.replace` keeps them: with a new
    `width` pass `head_width=None, ff_width=None` too if they should follow it.
    """

    vocab_size: int  # V
    context: int  # tokens of the longest text it is meant for
    n_layers: int  # L
    width: int  # D, of the residual stream
    n_heads: int  # N
    n_kv_heads: int | None = None  # K; None: N (multi-head); 1: multi-query; between: grouped
    head_width: int | None = None  # H; None: D / N
    ff_width: int | None = None  # F; None: 8/3 D to the nearest 64 with a gate, 4 D without

    norm: Norm = "rms"
    norm_eps: float = 1e-5
    norm_placement: NormPlacement = "pre"
    norm_offset: bool = False  # the scale is one plus the weight (Gemma)
    qk_norm: QKNorm | None = None  # norms for queries and keys, before they are turned
    positions: Positions = "rope"
    rope_theta: float = 10_000.0
    rope_fraction: float = 1.0  # of each head's coordinates, the first ones, that turn
    rope_scaling: tuple[float, float, float, int] | None = None  # see `rope.stretched`
    ffn: FFN = "swiglu"
    parallel: bool = False  # attention and feed-forward read the same norm, and are added together
    bias: bool = False  # in every linear layer but the output, and in LayerNorm
    qkv_bias: bool | None = None  # in queries, keys, values; None: as `bias`
    tied: bool = False  # the output projection is the embedding table
    embedding_scale: float = 1.0  # embeddings are multiplied by it (Gemma: sqrt(D))

    window: int | None = None  # keys that a query sees in a windowed layer, its own among them
    window_pattern: str = "W"  # W windowed or F full, repeated over the layers: "WF", "WWWF"
    rope_on_full: bool = True  # False: layers without window get no positions
    attention_scale: float | None = None  # of queries times keys; None: 1 / sqrt(H)
    attention_softcap: float | None = None  # scores stay within plus and minus this
    output_softcap: float | None = None  # and so do logits
    attention_gate: bool = False  # what attention found is let through by sigmoid(W x)

    attention: Attention = "plain"  # four ways to the same values, see fast_attention.py
    kernels: bool = False  # norms, RoPE, SwiGLU, GELU (tanh) and the loss by lib.kernels, on a GPU
    init: Init = "fan_in"
    dtype: DType = "float32"  # of the parameters
    compute_dtype: DType | None = None  # of activations and matrix products; None: dtype

    def __post_init__(self) -> None:
        check_choices(self)
        for name in ("vocab_size", "context", "n_layers", "width", "n_heads"):
            check_count(name, getattr(self, name))
        self._fill_in()
        for name in ("n_kv_heads", "head_width", "ff_width"):
            check_count(name, getattr(self, name))
        check_sharing(self.n_heads, self.n_kv_heads)
        check_windows(self.window, self.window_pattern)
        check_positions(self)
        check_parts(self)

    def _fill_in(self) -> None:
        """What was left open; frozen fields may be set like this while the object is made."""
        if self.n_kv_heads is None:
            object.__setattr__(self, "n_kv_heads", self.n_heads)
        if self.head_width is None:
            object.__setattr__(self, "head_width", equal_heads(self.width, self.n_heads))
        if self.ff_width is None:
            object.__setattr__(self, "ff_width", _ff_width(self.width, self.ffn))
        if self.compute_dtype is None:
            object.__setattr__(self, "compute_dtype", self.dtype)

    @property
    def is_gated(self) -> bool:
        """Whether the feed-forward layers have a gate, and so three matrices instead of two."""
        return self.ffn in GATES

    @property
    def has_qkv_bias(self) -> bool:
        """Whether queries, keys and values have biases."""
        return self.bias if self.qkv_bias is None else self.qkv_bias

    @property
    def turned_width(self) -> int:
        """How many coordinates of each head RoPE turns."""
        return round(self.head_width * self.rope_fraction)

    def is_windowed(self, layer: int) -> bool:
        """Whether that layer, counted from 0, sees only the `window` nearest keys."""
        if self.window is None:
            return False
        return self.window_pattern[layer % len(self.window_pattern)] == "W"

    def window_of(self, layer: int) -> int | None:
        """How many keys a query sees in that layer; None: all before it."""
        return self.window if self.is_windowed(layer) else None

    @classmethod
    def from_depth(
        cls,
        depth: int,
        vocab_size: int,
        context: int = 256,
        *,
        aspect: int | float = 64,
        head_width: int = 32,
        **choices: Any,
    ) -> "ModelConfig":
        """One dial: so many layers, `aspect` times as wide, in heads of `head_width`.

        Loss hardly depends on the aspect between 10 and 300 (Kaplan et al., arXiv 2001.08361);
        large models have about 100. `choices` are other fields; with `n_kv_heads` the number of
        heads is a multiple of it.
        """
        step = choices.get("n_kv_heads") or 1
        n_heads = step * max(1, round(aspect * depth / (step * head_width)))
        return cls(vocab_size, context, depth, n_heads * head_width, n_heads, **choices)

    @classmethod
    def from_params(
        cls,
        n: int | float,
        vocab_size: int,
        context: int = 256,
        *,
        aspect: int | float = 64,
        head_width: int = 32,
        **choices: Any,
    ) -> "ModelConfig":
        """The same dial in parameters, embeddings included: first the best depth, then the width.

        Widths come in steps of a head, or of `n_kv_heads` heads, so a small model may miss `n` by
        some ten per cent; `n_params` says by how much. Raises ValueError if even the smallest model
        is too large.
        """
        size = {"vocab_size": vocab_size, "context": context, "head_width": head_width, **choices}
        depths = (cls.from_depth(depth, aspect=aspect, **size) for depth in count(1))
        depth = _closest(n, depths).n_layers
        step = choices.get("n_kv_heads") or 1
        heads = count(step, step)
        widths = (cls(n_layers=depth, width=N * head_width, n_heads=N, **size) for N in heads)
        best = _closest(n, widths)
        if n_params(best) > 1.5 * n:
            raise ValueError(
                f"No model with a vocabulary of {vocab_size:,} has about {n:,.0f} parameters: the "
                f"smallest has {n_params(best):,}. Use a smaller vocabulary, tied=True, or "
                f"heads narrower than {head_width}."
            )
        return best


def params_by_part(config: ModelConfig) -> dict[str, int]:
    """Parameters of each kind of part, over all layers, in closed form."""
    V, L, D = config.vocab_size, config.n_layers, config.width
    N, K, H, F = config.n_heads, config.n_kv_heads, config.head_width, config.ff_width
    n_inner = 2 if config.is_gated else 1  # gate and up, or up alone
    attention = D * H * (N + K + K) + N * H * D
    attention += D * N * H if config.attention_gate else 0
    attention += H * (N + K + K) if config.has_qkv_bias else 0
    ffn = n_inner * D * F + F * D
    if config.bias:
        attention += D + (N * H if config.attention_gate else 0)
        ffn += n_inner * F + D
    return {
        "embedding": V * D,
        "positions": config.context * D if config.positions == "learned" else 0,
        "attention": L * attention,
        "ffn": L * ffn,
        "norms": _norm_params(config),
        "output": 0 if config.tied else V * D,
    }


def n_params(config: ModelConfig) -> int:
    """All parameters; a table that serves as embedding and output counts once."""
    return sum(params_by_part(config).values())


def _norm_params(config: ModelConfig) -> int:
    """Those of the blocks, the one before the output, and those of queries and keys."""
    N, K, H = config.n_heads, config.n_kv_heads, config.head_width
    of_one = {"rms": 1, "layer": 2 if config.bias else 1, "none": 0}[config.norm] * config.width
    in_block = 4 if config.norm_placement == "sandwich" else 1 if config.parallel else 2
    last = 0 if config.norm_placement == "post" else 1
    qk = {None: 0, "head": H + H, "all": (N + K) * H}[config.qk_norm]
    return (config.n_layers * in_block + last) * of_one + config.n_layers * qk


def _closest(n: int | float, growing: Iterator[ModelConfig]) -> ModelConfig:
    """The first whose successor is further from `n`; twice and half of it are equally far."""
    best = next(growing)
    for config in growing:
        if abs(log(n_params(config) / n)) >= abs(log(n_params(best) / n)):
            break
        best = config
    return best


def _ff_width(width: int, ffn: FFN) -> int:
    """As many parameters with a gate as without: 3 matrices of 8/3 D instead of 2 of 4 D."""
    return 64 * max(1, round(width * 8 / 3 / 64)) if ffn in GATES else 4 * width
