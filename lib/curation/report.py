"""A page about a run: the funnel, what was dropped and why, samples to disagree with, timings.

One HTML file that asks nothing of the network and runs no script; whatever comes from documents is
text in it.
"""

import json
import os
import re
from collections.abc import Iterable
from html import escape
from itertools import islice
from pathlib import Path
from typing import Any

from lib.corpora.cache import atomic_file
from lib.curation.counts import StepCounts
from lib.curation.funnel import funnel_svg, in_bytes
from lib.curation.pipeline import Run

TEMPLATE = Path(__file__).with_name("report.html")
COLUMNS = (
    *("step", "in", "out", "kept", "dropped", "quarantined", "changed", "bytes out"),
    *("seconds", "documents/s"),
)
SHOWN = 5  # of the quarantine


def write_report(run: Run, path: str | os.PathLike[str] | None = None) -> Path:
    """Write the page; without a path, to report.html in the run's folder."""
    path = Path(path or run.folder / "report.html")
    with atomic_file(path) as file:
        file.write(report_html(run))
    return path


def report_html(run: Run) -> str:
    """The whole page."""
    first, last = run.counts[0], run.counts[-1]
    failed = sum(step.n_quarantined for step in run.counts)
    kept = _share(last.n_out, first.n_in)
    parts = {
        "TITLE": f"A pipeline's run in {escape(run.folder.name)}",
        "SUMMARY": f"{first.n_in:,} documents came in and {last.n_out:,} came out ({kept}), with "
        f"{in_bytes(last.bytes_out)} of text, from {run.manifest['n_shards']} shards. "
        f"{failed:,} are in quarantine.",
        "FUNNEL": funnel_svg(run.counts),
        "TABLE": _table(COLUMNS, [_cells(step, run.seconds) for step in run.counts]),
        "STEPS": "".join(_section(step) for step in run.counts if step.dropped or step.n_changed),
        "QUARANTINE": _quarantine(list(islice(run.quarantined(), SHOWN)), failed),
        "DESCRIPTION": escape(as_text(run.manifest["steps"])),
    }
    page = TEMPLATE.read_text(encoding="utf-8")
    return re.sub(r"\[\[([A-Z]+)\]\]", lambda match: parts[match[1]], page)


def as_text(steps: Iterable[dict[str, Any]]) -> str:
    """The steps, a line each: kind and parameters."""
    lines = []
    for step in steps:
        values = [f"{name}={json.dumps(v)}" for name, v in step.items() if name != "kind"]
        lines.append(f"{step['kind']:<12} {', '.join(values)}".rstrip())
    return "\n".join(lines)


def summary_table(run: Run) -> str:
    """The table of the page as plain text."""
    rows = [COLUMNS, *(_cells(step, run.seconds) for step in run.counts)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:]))])
        for row in rows
    )


def _cells(step: StepCounts, seconds: dict[str, float]) -> list[str]:
    spent = seconds.get(step.step, 0.0)
    return [
        step.step,
        f"{step.n_in:,}",
        f"{step.n_out:,}",
        _share(step.n_out, step.n_in),
        f"{step.n_dropped:,}",
        f"{step.n_quarantined:,}",
        f"{step.n_changed:,}",
        in_bytes(step.bytes_out),
        f"{spent:.2f}",
        f"{step.n_in / spent:,.0f}" if spent else "",
    ]


def _section(step: StepCounts) -> str:
    reasons = [[reason, f"{n:,}", _share(n, step.n_in)] for reason, n in _by_count(step)]
    table = _table(("reason", "dropped", "of those that came"), reasons) if reasons else ""
    dropped = "".join(
        _samples(f"Dropped: {reason}", step.dropped_samples.get(reason, []), "dropped")
        for reason, _ in _by_count(step)
    )
    kept = _samples("Kept", step.kept_samples, "kept")
    return f'<h2>{escape(step.step)}</h2><div class="wide">{table}</div>{dropped}{kept}'


def _by_count(step: StepCounts) -> list[tuple[str, int]]:
    return sorted(step.dropped.items(), key=lambda pair: (-pair[1], pair[0]))


def _samples(title: str, samples: list[dict[str, Any]], kind: str) -> str:
    shown = "".join(
        f'<p class="name">{escape(sample["name"])} {escape(sample["detail"])}</p>'
        f"<blockquote>{escape(sample['text'])}</blockquote>"
        for sample in samples
    )
    return f'<details class="{kind}"><summary>{escape(title)}</summary>{shown}</details>'


def _quarantine(rows: list[dict[str, Any]], n_failed: int) -> str:
    if not rows:
        return ""
    shown = "".join(
        f"<details><summary>{escape(row['step'])}: {escape(row['error'])}</summary>"
        f"<pre>{escape(row['traceback'])}\n{escape(json.dumps(row['record'])[:1000])}</pre></details>"
        for row in rows
    )
    says = f"{len(rows)} of {n_failed:,} records that steps failed on."
    return f"<h2>Quarantine</h2><p>{says}</p>{shown}"


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    body = "".join(f"<tr>{''.join(f'<td>{escape(c)}</td>' for c in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else ""
