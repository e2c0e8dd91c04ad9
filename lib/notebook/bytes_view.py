"""Bytes as they lie in a file: their place, each as two hexadecimal digits, and as characters.

bytes_view({"version": b"WARC/1.0", "line end": b"\\r\\n"}, title="The head of a record")
"""

from collections.abc import Mapping
from html import escape
from itertools import pairwise

from lib.notebook.colours import BLUE, BROWN, CARD, GREY, OLIVE, ORANGE, PURPLE, RED, TEAL, ink
from lib.notebook.rendered import Rendered
from lib.notebook.svg import INK

PER_ROW = 16
COLOURS = (BLUE, ORANGE, PURPLE, TEAL, BROWN, RED, OLIVE)


def bytes_view(
    parts: Mapping[str, bytes], *, title: str, start: int = 0, most: int = 96
) -> Rendered:
    """One row per sixteen bytes, a colour for each part; of longer parts the first `most` bytes."""
    colours = {name: ink(COLOURS[i % len(COLOURS)]) for i, name in enumerate(parts)}
    rows, place = [], start
    for name, content in parts.items():
        shown = content[:most]
        for at, row in chunks(shown):
            rows.append(line(place + at, row, colours[name], name if at == 0 else ""))
        if len(content) > most:
            gap = f"{'':10}… {len(content) - most:,} more bytes"
            rows.append(f'<span style="color:{ink(GREY)}">{gap}</span>')
        place += len(content)
    sizes = ", ".join(f"{name} {len(content):,} bytes" for name, content in parts.items())
    html = (
        f'<div style="background:{CARD};color:{INK};border-radius:6px;padding:10px 14px;'
        f'overflow-x:auto"><b>{escape(title)}</b>\n<pre style="margin:6px 0 0;color:{INK};'
        f'background:none;font-size:12px;line-height:1.35;font-family:monospace">{chr(10).join(rows)}</pre></div>'
    )
    return Rendered(html, f"{title}: {sizes}")


def chunks(content: bytes) -> list[tuple[int, bytes]]:
    """Places and rows."""
    cuts = [*range(0, len(content), PER_ROW), len(content)]
    return [(a, content[a:b]) for a, b in pairwise(cuts)]


def line(place: int, row: bytes, colour: str, name: str) -> str:
    """Place, digits, characters, and at its first row the part's name."""
    digits = row.hex(" ").ljust(3 * PER_ROW)
    characters = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in row).ljust(PER_ROW)
    name = f"  ◂ {escape(name)}" if name else ""
    return f'{place:8,}  <span style="color:{colour}">{digits} {escape(characters)}{name}</span>'
