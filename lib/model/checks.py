"""What must hold for a model to exist, in the words of who chose its shape."""

from dataclasses import fields
from typing import Any, Literal, get_args, get_origin


def check_choices(config: Any) -> None:
    """Words must be among those that the annotation of their field allows."""
    for field in fields(config):
        kinds = [k for k in (field.type, *get_args(field.type)) if get_origin(k) is Literal]
        if not kinds:
            continue
        value, allowed = getattr(config, field.name), get_args(kinds[0])
        optional = kinds[0] is not field.type  # Literal[...] | None
        if value not in allowed and not (optional and value is None):
            choices = ", ".join(map(repr, allowed))
            raise ValueError(f"{field.name} is {value!r}. Choose from {choices}.")


def check_count(name: str, value: object) -> None:
    """Whatever is counted is a whole number, and there is at least one."""
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} counts something: a whole number from 1 up, not {value!r}.")


def check_sharing(n_heads: int, n_kv_heads: int) -> None:
    """Every key/value head serves equally many query heads."""
    if n_heads % n_kv_heads:
        raise ValueError(
            f"{n_heads} query heads cannot share {n_kv_heads} key/value heads equally: "
            f"{n_heads} / {n_kv_heads} leaves {n_heads % n_kv_heads} over. "
            f"Choose n_kv_heads from {divisors(n_heads)}."
        )


def check_heads_turn(head_width: int, fraction: float) -> None:
    """RoPE needs two coordinates for each rotation."""
    if head_width % 2:
        raise ValueError(
            f"RoPE rotates pairs of coordinates, but head_width is {head_width}, an odd number. "
            "Choose an even head_width, or positions='learned'."
        )
    turned = head_width * fraction
    if not 0 < fraction <= 1 or turned % 2:
        shares = ", ".join(f"{n}/{head_width}" for n in range(2, head_width + 1, 2))
        raise ValueError(
            f"rope_fraction={fraction} of {head_width} coordinates are {turned:g}, and RoPE "
            f"rotates pairs of them. Choose a fraction among {shares}, or positions='none'."
        )


def check_windows(window: int | None, pattern: str, rope_on_full: bool) -> None:
    """A window is a number of keys, and every layer is named W (windowed) or F (full)."""
    if window is not None:
        check_count("window", window)
    if not pattern or set(pattern) - set("WF"):
        raise ValueError(
            f"window_pattern is {pattern!r}. Write one letter for each layer of a group that "
            "repeats: W for a layer with the window, F for full attention, as in 'WWWF'."
        )
    if not rope_on_full and window is None:
        raise ValueError(
            "rope_on_full=False takes positions from the layers with full attention, but without a "
            "window these are all layers. Choose a window, or positions='none'."
        )


def check_parts(config: Any) -> None:
    """Choices that exclude each other."""
    if config.parallel and config.norm_placement != "pre":
        raise ValueError(
            f"A parallel block has one norm, before its two layers, but norm_placement is "
            f"{config.norm_placement!r}. Choose 'pre', or parallel=False."
        )
    for name in ("attention_softcap", "output_softcap", "attention_scale"):
        value = getattr(config, name)
        if value is not None and not value > 0:
            raise ValueError(f"{name} is {value}. Choose a number above zero, or None.")
    if config.attention_softcap is not None and config.attention == "sdpa":
        raise ValueError(
            "PyTorch's attention cannot cap scores (attention_softcap). Choose attention='plain'."
        )


def equal_heads(width: int, n_heads: int) -> int:
    """The width of one head, when the heads cut the width among them."""
    if width % n_heads:
        raise ValueError(
            f"A width of {width} cannot be cut into {n_heads} equal heads: {width % n_heads} is "
            f"left over. Choose n_heads from {divisors(width)}, or say which head_width you want."
        )
    return width // n_heads


def divisors(n: int) -> list[int]:
    """All whole numbers that divide n."""
    return [d for d in range(1, n + 1) if n % d == 0]
