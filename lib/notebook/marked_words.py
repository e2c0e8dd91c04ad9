"""A text that was found beside the text that is true: what is right, too much, and missing.

marked_words(found="Home News The tide", truth="The tide rises")
"""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from html import escape

from lib.notebook.colours import BLUE, CARD, RED, ink
from lib.notebook.rendered import Rendered
from lib.notebook.svg import INK

LONG = 24  # words of one kind in a row that are shown; of more, the ends


def marked_words(found: str, truth: str, *, title: str = "") -> Rendered:
    """The found text, what is too much struck out in red, what is missing underlined in blue."""
    pieces = list(compared(found.split(), truth.split()))
    counts = {kind: sum(n for k, _, n in pieces if k == kind) for kind in STYLES}
    body = "\n".join(f'<{tag(kind)} style="{STYLES[kind]}">{escape(text)}</{tag(kind)}>'
                     for kind, text, _ in pieces)  # fmt: skip
    said = ", ".join(f"{counts[kind]:,} words {kind}" for kind in STYLES)
    head = f"<b>{escape(title)}</b> · {said}" if title else said
    html = (
        f'<div style="background:{CARD};color:{INK};border-radius:6px;padding:10px 14px;'
        f'font-size:13px;line-height:1.5;max-width:860px">\n<p style="margin:0 0 6px">{head}</p>\n'
        f'<p style="margin:0;overflow-wrap:anywhere">\n{body}\n</p>\n</div>'
    )
    return Rendered(html, f"{title}: {said}" if title else said)


STYLES = {
    "right": "text-decoration:none",
    "too many": f"color:{ink(RED)};text-decoration:line-through",
    "missing": f"color:{ink(BLUE)};text-decoration:underline",
}


def tag(kind: str) -> str:
    """Elements that mean what they show."""
    return {"right": "span", "too many": "del", "missing": "ins"}[kind]


def compared(found: Sequence[str], truth: Sequence[str]) -> Iterator[tuple[str, str, int]]:
    """Runs of words as (kind, text, number of words), in the order of reading."""
    matcher = SequenceMatcher(None, found, truth, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            yield "right", shortened(found[a:b]), b - a
            continue
        if b > a:
            yield "too many", shortened(found[a:b]), b - a
        if d > c:
            yield "missing", shortened(truth[c:d]), d - c


def shortened(words: Sequence[str]) -> str:
    """Both ends of a long run."""
    if len(words) <= LONG:
        return " ".join(words)
    half = LONG // 2
    return f"{' '.join(words[:half])} [… {len(words) - 2 * half} words …] {' '.join(words[-half:])}"
