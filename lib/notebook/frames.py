"""A slider over pictures drawn beforehand: it moves without a kernel, wherever scripts run.

    frames(merges(words, 12), draw, label=lambda m: f"merge {m.step}", alt="Words after merging.")

Plain HTML: in JupyterLab, in an exported page, offline. Where scripts do not run (GitHub, a
notebook not yet trusted, print) the last picture and its caption stand there, without controls that
would do nothing. The other pictures wait inside the script, which sanitizers remove as a whole.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from html import escape
from itertools import islice
from pathlib import Path
from typing import TypeVar

from lib.notebook.drawn import as_html
from lib.notebook.rendered import Rendered

State = TypeVar("State")

MAX_FRAMES = 200
MAX_BYTES = 400_000  # a lecture is to stay under about 500 kB

_shown_before: Counter[str] = Counter()  # in this kernel, to give equal sliders different ids


def frames(
    states: Iterable[State],
    draw: Callable[[State], object],
    *,
    label: str | Callable[[State], str],
    alt: str,
) -> Rendered:
    """Draw every state and put the pictures on a slider with buttons and arrow keys.

    `draw` returns HTML, a matplotlib figure or axes, or anything with _repr_html_; equal pictures
    are stored once. `label` names a state: a function of it, or a word that gets "3 of 12" behind
    it. `alt` says in a sentence what the whole series shows. Raises ValueError above MAX_FRAMES
    states or MAX_BYTES of pictures.
    """
    states = list(islice(states, MAX_FRAMES + 1))  # a generator of states may be endless
    if not states:
        raise ValueError("There are no states, so there is nothing to show.")
    if len(states) > MAX_FRAMES:
        raise ValueError(
            f"More than {MAX_FRAMES} states make a page heavy and a slider coarse: "
            "show the first with itertools.islice(states, 200), or every tenth with states[::10]."
        )
    captions = [caption(label, state, i, len(states)) for i, state in enumerate(states)]
    pictures = [
        picture_of(draw, state, alt, words) for state, words in zip(states, captions, strict=True)
    ]
    text = f"{alt} {captions[-1]} (the last of {len(states)} pictures)"
    return Rendered(page(pictures, captions, alt), text)


def caption(label: str | Callable[[State], str], state: State, i: int, n: int) -> str:
    """What the state is called below the slider."""
    return label(state) if callable(label) else f"{label} {i + 1} of {n}"


def picture_of(draw: Callable[[State], object], state: State, alt: str, words: str) -> str:
    """One picture; an error says which state it was."""
    try:
        return as_html(draw(state), f"{alt} {words}")
    except Exception as error:
        error.add_note(f"This happened while frames() drew the state {words!r}.")
        raise


def by_lines(pictures: list[str]) -> dict[str, list]:
    """Every line once, and each picture as the places of its lines: drawings share most of them."""
    split = [picture.split("\n") for picture in pictures]
    places = {line: i for i, line in enumerate(dict.fromkeys(line for s in split for line in s))}
    return {"lines": list(places), "pictures": [[places[line] for line in s] for s in split]}


def page(pictures: list[str], captions: list[str], alt: str) -> str:
    """The whole as HTML: the last picture in the open, the others as data for the script."""
    unique = list(dict.fromkeys(pictures))
    order = [unique.index(picture) for picture in pictures]
    data = json.dumps(
        {**by_lines(unique), "order": order, "captions": captions},
        ensure_ascii=False,
        separators=(",", ":"),
    )
    n_bytes = len(data.encode())
    if n_bytes > MAX_BYTES:
        raise ValueError(
            f"{len(unique)} different pictures take {n_bytes:,} bytes, and a slider may take "
            f"{MAX_BYTES:,}: show fewer states, or draw smaller figures or plain HTML."
        )
    digest = hashlib.sha256((data + alt).encode()).hexdigest()[:8]
    _shown_before[digest] += 1
    parts = {
        "ID": f"frames-{digest}-{_shown_before[digest]}",
        "ALT": escape(alt),
        "CAPTION": escape(captions[-1]),
        "PICTURE": pictures[-1],
        "DATA": data.replace("<", "\\u003c"),  # so that no picture can end the script element
    }
    template = Path(__file__).with_name("frames.html").read_text(encoding="utf-8")
    return re.sub(r"\[\[([A-Z]+)\]\]", lambda match: parts[match[1]], template)
