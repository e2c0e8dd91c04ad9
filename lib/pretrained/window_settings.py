"""Sliding windows in config.json: one word for each layer there, a repeated pattern here."""

from typing import Any

from lib.model.config import ModelConfig
from lib.pretrained.settings import Settings

SLIDING, FULL = "sliding_attention", "full_attention"
LETTERS = {SLIDING: "W", FULL: "F"}


def read_windows(settings: Settings, unless_given: list[str]) -> dict[str, Any]:
    """The fields of ModelConfig for `layer_types`, or for what the family has `unless_given`."""
    types = settings.get("layer_types") or unless_given
    window = settings.get("sliding_window", 4096)
    n_layers = settings["num_hidden_layers"]
    if len(types) != n_layers or set(types) - set(LETTERS):
        raise settings.refused(
            "layer_types", f"We have {SLIDING!r} and {FULL!r}, one for each of {n_layers} layers."
        )
    if SLIDING not in types:
        return {}
    if window is None:
        raise settings.refused("layer_types", "And sliding_window does not say how wide.")
    return {"window": window, "window_pattern": shortest(map(LETTERS.get, types))}


def layer_types(config: ModelConfig) -> list[str]:
    """The word for each layer."""
    layers = range(config.n_layers)
    return [SLIDING if config.is_windowed(layer) else FULL for layer in layers]


def shortest(letters) -> str:
    """The shortest pattern that gives these letters when repeated: "WFWFW" -> "WF"."""
    letters = "".join(letters)
    n = len(letters)
    lengths = range(1, n + 1)
    return next(letters[:p] for p in lengths if (letters[:p] * n)[:n] == letters)
