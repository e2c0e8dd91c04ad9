"""Every choice that makes a model, in one place, and how many parameters the choices cost.

A frozen dataclass of plain numbers and words, so it can be written to a file, read back and
compared, and two equal configs are the same model. Letters: V vocabulary, L layers, D width,
N query heads, K key/value heads, H width of one head, F feed-forward width.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import count
from math import log
from typing import Any, Literal, get_args, get_origin

Norm = Literal["rms", "layer"]
Positions = Literal["rope", "rope_half", "learned"]
FFN = Literal["swiglu", "gelu", "gelu_tanh"]
Attention = Literal["plain", "sdpa", "blocked"]
Init = Literal["fan_in", "glorot", "gpt2"]
DType = Literal["float32", "bfloat16", "float16", "float64"]


@dataclass(frozen=True)
class ModelConfig:
    """What the model is. Fields that may be None are filled in here, from the others.

    They are numbers afterwards, so `dataclasses.replace` keeps them: with a new `width` pass
    `head_width=None, ff_width=None` too if they should follow it.
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
    positions: Positions = "rope"  # which coordinates rotate together: 2i and 2i+1, or i and i+H/2
    rope_theta: float = 10_000.0
    ffn: FFN = "swiglu"
    bias: bool = False  # in every linear layer but the output, and in LayerNorm
    tied: bool = False  # the output projection is the embedding table

    attention: Attention = "plain"  # three ways to the same values, see fast_attention.py
    init: Init = "fan_in"
    dtype: DType = "float32"  # of the parameters
    compute_dtype: DType | None = None  # of activations and matrix products; None: dtype

    def __post_init__(self) -> None:
        _check_choices(self)
        for name in ("vocab_size", "context", "n_layers", "width", "n_heads"):
            _check_positive(name, getattr(self, name))
        derived = {
            "n_kv_heads": lambda: self.n_heads,
            "head_width": lambda: _head_width(self.width, self.n_heads),
            "ff_width": lambda: _ff_width(self.width, self.ffn),
        }
        for name, derive in derived.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, derive())  # frozen, but still being made
            _check_positive(name, getattr(self, name))
        if self.compute_dtype is None:
            object.__setattr__(self, "compute_dtype", self.dtype)
        _check_heads(self)

    @classmethod
    def from_depth(
        cls,
        depth: int,
        vocab_size: int,
        context: int = 256,
        *,
        aspect: float = 64,
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
        n: float,
        vocab_size: int,
        context: int = 256,
        *,
        aspect: float = 64,
        head_width: int = 32,
        **choices: Any,
    ) -> "ModelConfig":
        """The same dial in parameters, embeddings included: first the best depth, then the width.

        Widths come in steps of `head_width`, so a small model may miss `n` by ten per cent;
        `n_params` says by how much. Raises ValueError if even the smallest model is too large.
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
    n_norms = 2 * L + 1
    norm_shift = config.bias and config.norm == "layer"
    n_inner = 2 if config.ffn == "swiglu" else 1  # gate and up, or up alone
    attention = D * H * (N + K + K) + N * H * D
    ffn = n_inner * D * F + F * D
    if config.bias:
        attention += H * (N + K + K) + D
        ffn += n_inner * F + D
    return {
        "embedding": V * D,
        "positions": config.context * D if config.positions == "learned" else 0,
        "attention": L * attention,
        "ffn": L * ffn,
        "norms": n_norms * D * (2 if norm_shift else 1),
        "output": 0 if config.tied else V * D,
    }


def n_params(config: ModelConfig) -> int:
    """All parameters; a table that serves as embedding and output counts once."""
    return sum(params_by_part(config).values())


def _closest(n: float, growing: Iterator[ModelConfig]) -> ModelConfig:
    """The first whose successor is further from `n`; twice and half of it are equally far."""
    best = next(growing)
    for config in growing:
        if abs(log(n_params(config) / n)) >= abs(log(n_params(best) / n)):
            break
        best = config
    return best


def _head_width(width: int, n_heads: int) -> int:
    if width % n_heads:
        raise ValueError(
            f"A width of {width} cannot be cut into {n_heads} equal heads: {width % n_heads} is "
            f"left over. Choose n_heads from {_divisors(width)}, or say which head_width you want."
        )
    return width // n_heads


def _ff_width(width: int, ffn: FFN) -> int:
    """As many parameters with a gate as without: 3 matrices of 8/3 D instead of 2 of 4 D."""
    return 64 * max(1, round(width * 8 / 3 / 64)) if ffn == "swiglu" else 4 * width


def _check_choices(config: ModelConfig) -> None:
    """Words must be among those that the field allows."""
    for field in fields(config):
        for kind in (field.type, *get_args(field.type)):
            value = getattr(config, field.name)
            if get_origin(kind) is Literal and value is not None and value not in get_args(kind):
                allowed = ", ".join(map(repr, get_args(kind)))
                raise ValueError(f"{field.name} is {value!r}. Choose from {allowed}.")


def _check_positive(name: str, value: object) -> None:
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} counts something: a whole number from 1 up, not {value!r}.")


def _check_heads(config: ModelConfig) -> None:
    N, K, H = config.n_heads, config.n_kv_heads, config.head_width
    if N % K:
        raise ValueError(
            f"{N} query heads cannot share {K} key/value heads equally: {N} / {K} leaves {N % K} "
            f"over. Choose n_kv_heads from {_divisors(N)}."
        )
    if config.positions != "learned" and H % 2:
        raise ValueError(
            f"RoPE rotates pairs of coordinates, but head_width is {H}, an odd number. "
            f"Choose an even head_width, or positions='learned'."
        )


def _divisors(n: int) -> list[int]:
    return [d for d in range(1, n + 1) if n % d == 0]
