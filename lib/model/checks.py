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


def check_pairs(head_width: int) -> None:
    """RoPE needs two coordinates for each rotation."""
    if head_width % 2:
        raise ValueError(
            f"RoPE rotates pairs of coordinates, but head_width is {head_width}, an odd number. "
            "Choose an even head_width, or positions='learned'."
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
