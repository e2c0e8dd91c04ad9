"""Values as the report of a test shows them: one line, small things whole, large ones by size."""

from typing import Any

LONGEST = 300  # characters
FEW = 12  # elements of an array that are shown one by one


def shown(value: Any) -> str:
    """The value's repr, cut in the middle; arrays by shape, type and, where few, their elements."""
    if not is_array(value):
        return cut(repr(value))
    numbers = str(value.reshape(-1).tolist()) if size_of(value) <= FEW else "..."
    return cut(f"{kind(value)} of shape {tuple(value.shape)}, {value.dtype}: {numbers}")


def cut(text: str, longest: int = LONGEST) -> str:
    """At most so many characters: beginning and end, which is where differences often are."""
    half = longest // 2 - 3
    return text if len(text) <= longest else f"{text[:half]} ... {text[-half:]}"


def is_array(value: object) -> bool:
    """Whether it is a tensor or a numpy array, found out without importing either."""
    names = {f"{cls.__module__}.{cls.__name__}" for cls in type(value).__mro__}
    return not names.isdisjoint({"torch.Tensor", "numpy.ndarray"})


def size_of(array: Any) -> int:
    """Number of elements."""
    return array.numel() if hasattr(array, "numel") else array.size


def kind(value: object) -> str:
    """The type's name, as a learner would say it."""
    return type(value).__name__
