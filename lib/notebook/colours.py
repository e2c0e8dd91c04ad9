"""The colours of the figures: the same concept has the same colour in every lecture.

The cycle starts from Matplotlib's petroff10 (Petroff 2021, arXiv 2107.02270), designed for readers
with and without colour-vision deficiency. Its colours that are too pale for a thin line on our card
are replaced by darker ones: every line has a contrast of at least 3:1 with the card, and every name
written in `ink(colour)` at least 4.5:1 (WCAG 2.2, criteria 1.4.11 and 1.4.3).
"""

import re
from collections.abc import Collection, Iterable

CARD = "#fcfcf9"  # the opaque ground of every figure, light in dark themes too

BLUE, ORANGE, PURPLE, TEAL, BROWN = "#3f90da", "#e76300", "#832db6", "#03665b", "#a96b59"
RED, SLATE, OLIVE, GREY = "#bd1f01", "#394658", "#8c803e", "#717581"
CYCLE = (BLUE, ORANGE, PURPLE, TEAL, BROWN, RED, SLATE, OLIVE, GREY)

CONCEPTS = {
    "character": BROWN,
    "byte": GREY,
    "word": OLIVE,
    "bpe": BLUE,
    "gpt2": ORANGE,
    "cl100k": PURPLE,
    "o200k": TEAL,
    "prediction": SLATE,
    "measurement": BLUE,
    "train": BLUE,
    "valid": ORANGE,
    "open": BLUE,
    "weights": ORANGE,
    "closed": SLATE,
    "basics": BLUE,
    "systems": ORANGE,
    "scaling": PURPLE,
    "data": TEAL,
    "alignment": RED,
    # architectures: the parts of a block, then what each of them may be
    "attention": BLUE,
    "feedforward": ORANGE,
    "norm": TEAL,
    "positions": PURPLE,
    "prenorm": BLUE,
    "postnorm": ORANGE,
    "sandwich": PURPLE,
    "reordered": TEAL,
    "rmsnorm": BLUE,
    "layernorm": ORANGE,
    "rope": BLUE,
    "learned": ORANGE,
    "sinusoidal": PURPLE,
    "alibi": TEAL,
    "relativebias": BROWN,
    "ropeinpart": OLIVE,
    "nopositions": SLATE,
    "swiglu": BLUE,
    "relu": ORANGE,
    "gelu": PURPLE,
    "geglu": TEAL,
    "gqa": BLUE,
    "mha": ORANGE,
    "mqa": PURPLE,
    "mla": TEAL,
    "unknown": GREY,
    # several processes: what a rank does at a time, and how a model is cut
    "forward": BLUE,
    "backward": ORANGE,
    "weightgradient": TEAL,
    "communication": PURPLE,
    "optimizerstep": OLIVE,
    "dataparallel": BLUE,
    "tensorparallel": ORANGE,
    "pipelineparallel": PURPLE,
    "sequenceparallel": TEAL,
    "contextparallel": BROWN,
    "expertparallel": RED,
}

# Other ways to write a concept, spelt as _plain() leaves them.
ALIASES = {
    "codepoint": "character",
    "utf8byte": "byte",
    "cl100kbase": "cl100k",
    "o200kbase": "o200k",
    "predicted": "prediction",
    "measured": "measurement",
    "training": "train",
    "validation": "valid",
    "fullyopen": "open",
    "openweight": "weights",
    "apionly": "closed",
    "ffn": "feedforward",
    "position": "positions",
    "pre": "prenorm",
    "before": "prenorm",
    "post": "postnorm",
    "beforeandafter": "sandwich",
    "afteroffthestream": "reordered",
    "nope": "nopositions",
    "dp": "dataparallel",
    "tp": "tensorparallel",
    "pp": "pipelineparallel",
    "cp": "contextparallel",
    "ep": "expertparallel",
}


def colour(concept: str) -> str:
    """The colour of a concept; case, plural and punctuation do not matter ("GPT-2", "Bytes")."""
    found = concept_of(concept)
    if found is None:
        raise ValueError(
            f"No colour is kept for {concept!r}. Known: {', '.join(CONCEPTS)}. Add "
            "yours to CONCEPTS in lib/notebook/colours.py, or leave the choice to the plot helper."
        )
    return CONCEPTS[found]


def concept_of(label: str) -> str | None:
    """The concept a label names, or None: a label that only contains a concept does not count."""
    plain = _plain(label)
    for name in (plain, plain.removesuffix("s")):
        name = ALIASES.get(name, name)
        if name in CONCEPTS:
            return name
    return None


def colours_for(labels: Iterable[str], taken: Collection[str] = ()) -> dict[str, str]:
    """One colour per label: concepts keep theirs, others share what the figure has not `taken`."""
    labels = list(labels)
    known = {label: colour(label) for label in labels if concept_of(label)}
    used = {*known.values(), *taken}
    free = [c for c in CYCLE if c not in used] or list(CYCLE)
    unknown = [label for label in labels if label not in known]
    return known | {label: free[i % len(free)] for i, label in enumerate(unknown)}


def ink(colour: str, ground: str = CARD) -> str:
    """The same hue, darkened until text in it has a contrast of 4.5:1 with the ground."""
    red, green, blue = _channels(colour)
    while contrast(_hex(red, green, blue), ground) < 4.5:
        red, green, blue = 0.96 * red, 0.96 * green, 0.96 * blue
    return _hex(red, green, blue)


def contrast(one: str, other: str) -> float:
    """WCAG 2.2 contrast of two colours `#rrggbb`, from 1 (the same) to 21 (black on white)."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    def linear(c: float) -> float:  # undo the sRGB transfer curve, IEC 61966-2-1
        return c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(c) for c in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _channels(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def _hex(red: float, green: float, blue: float) -> str:
    return "#" + "".join(f"{round(255 * c):02x}" for c in (red, green, blue))


def _plain(label: str) -> str:
    return re.sub(r"[^a-z0-9]", "", label.lower())
