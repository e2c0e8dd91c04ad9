"""The funnel of a pipeline as a drawing (SVG): what is left of documents and bytes at each step."""

from collections.abc import Sequence
from html import escape

from lib.curation.counts import StepCounts

ROW, LEFT, WIDE, RIGHT = 30, 150, 400, 190  # sizes of the drawing
DOCUMENTS, BYTES, LOST = "#3f90da", "#a96b59", "#e8e8e2"
INK = "#394658"


def funnel_svg(counts: Sequence[StepCounts]) -> str:
    """Two bars for each step, both as shares of what came first; what was lost there is pale."""
    n, size = max(1, counts[0].n_in), max(1, counts[0].bytes_in)
    rows = [_row(26 + ROW * i, step, n, size) for i, step in enumerate(counts)]
    width, height = LEFT + WIDE + RIGHT, 34 + ROW * len(counts)
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(in_words(counts))}" '
        f'font-family="sans-serif" font-size="12" fill="{INK}" '
        f'style="width:100%;max-width:{width}px;background:#fcfcf9;border-radius:6px">'
        f'<text x="{LEFT}" y="16"><tspan fill="#1f6fb2">documents</tspan> and '
        f'<tspan fill="#8a5243">bytes</tspan> that are left after each step</text>'
        f"{''.join(rows)}</svg>"
    )


def in_words(counts: Sequence[StepCounts]) -> str:
    """The funnel for those who cannot see it."""
    steps = [f"after {step.step} {step.n_out:,} documents" for step in counts]
    return f"Of {counts[0].n_in:,} documents are left: {', '.join(steps)}."


def in_bytes(n: int) -> str:
    """1,234,567 as "1.23 MB"."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n >= scale:
            return f"{n / scale:.3g} {unit}"
    return f"{n} B"


def _row(y: int, step: StepCounts, n: int, size: int) -> str:
    bars = [
        _bar(y, 13, step.n_in / n, LOST),
        _bar(y, 13, step.n_out / n, DOCUMENTS),
        _bar(y + 14, 6, step.bytes_in / size, LOST),
        _bar(y + 14, 6, step.bytes_out / size, BYTES),
    ]
    says = f"{step.n_out:,} · {in_bytes(step.bytes_out)}"
    end = LEFT + WIDE + 8
    return (
        f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{escape(step.step)}</text>'
        f'{"".join(bars)}<text x="{end}" y="{y + 14}">{says}</text>'
    )


def _bar(y: int, height: int, share: float, fill: str) -> str:
    width = WIDE * min(share, 1.0)
    return f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{height}" fill="{fill}"/>'
