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


def check_positions(config: Any) -> None:
    """What rotation needs, and which positions can be left out of some layers."""
    if config.positions.startswith("rope"):
        check_heads_turn(config.head_width, config.rope_fraction)
        if config.rope_scaling is not None:
            check_scaling(*config.rope_scaling)
    if config.rope_on_full:
        return
    if config.positions in ("learned", "sinusoidal"):
        raise ValueError(
            f"rope_on_full=False takes positions from the layers with full attention, but "
            f"{config.positions} positions are in the stream, and reach all layers. Choose "
            "positions='rope' or 'alibi'."
        )
    if config.window is None:
        raise ValueError(
            "rope_on_full=False takes positions from the layers with full attention, but without a "
            "window these are all layers. Choose a window, or positions='none'."
        )


def check_heads_turn(head_width: int, fraction: float) -> None:
    """RoPE needs two coordinates for each rotation."""
    if head_width % 2:
        raise ValueError(
            f"RoPE rotates pairs of coordinates, but head_width is {head_width}, an odd number. "
            "Choose an even head_width, or positions='learned'."
        )
    turned = head_width * fraction
    pairs = min(max(1, round(turned / 2)), head_width // 2)
    if abs(turned - 2 * pairs) > 1e-6:  # 2 / 98 * 98 is a little below 2
        raise ValueError(
            f"RoPE rotates pairs of coordinates, but rope_fraction={fraction} of {head_width} "
            f"coordinates are {turned:g}. Choose an even number of them, as in "
            f"rope_fraction={2 * pairs}/{head_width}, or positions='none'."
        )


def check_scaling(factor: float, low: float, high: float, context: int) -> None:
    """Between what is kept and what is slowed down there is a way from one to the other."""
    if not (factor > 0 and 0 < low < high):
        raise ValueError(
            f"rope_scaling is (factor, low, high, context), and {(factor, low, high, context)} "
            "does not fit: factor is above zero, and low, also above zero, is below high."
        )
    check_count("The context in rope_scaling", context)


def check_windows(window: int | None, pattern: str) -> None:
    """A window is a number of keys, and every layer is named W (windowed) or F (full)."""
    if window is not None:
        check_count("window", window)
    if not pattern or set(pattern) - set("WF"):
        raise ValueError(
            f"window_pattern is {pattern!r}. Write one letter for each layer of a group that "
            "repeats: W for a layer with the window, F for full attention, as in 'WWWF'."
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
    if config.attention == "sdpa":
        check_uncapped(config.attention_softcap)
    if config.attention == "flash":
        check_uncapped(config.attention_softcap, "The flash kernel")
        if config.positions == "alibi":
            raise ValueError(
                "The flash kernel adds nothing to scores, but positions='alibi' is a bias. Choose "
                "attention='sdpa', or positions='rope'."
            )


def check_uncapped(softcap: float | None, who: str = "PyTorch's attention") -> None:
    """Not every way of attention takes a function of the scores."""
    if softcap is not None:
        raise ValueError(
            f"{who} cannot cap scores, but attention_softcap is {softcap}. Choose "
            "attention='plain'."
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
