"""Every link in lectures, handouts and READMEs: papers by their right name, files that exist."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from lib.notebook.markdown_links import links
from lib.notebook.references import check_links

REPO = Path(__file__).resolve().parents[2]


def readable_files() -> Iterator[Path]:
    yield from REPO.glob("*.md")
    for folder in ("lectures", "assignments", "lib"):
        for pattern in ("*.md", "*.ipynb"):
            yield from sorted((REPO / folder).rglob(pattern))


FILES = [p for p in readable_files() if ".ipynb_checkpoints" not in p.parts]


def texts(path: Path) -> list[tuple[str, str]]:
    """The Markdown of a file, and where it stands: one entry, or one per cell of a notebook."""
    name = path.relative_to(REPO).as_posix()
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return [(name, text)]
    return [
        (f"{name}, cell {number}", "".join(cell["source"]))
        for number, cell in enumerate(json.loads(text)["cells"], start=1)
        if cell["cell_type"] == "markdown"
    ]


def missing(markdown: str, where: str, folder: Path) -> list[str]:
    """One sentence per link to a file that is not there, outside the repository, or absolute."""
    problems = []
    for _, target in links(markdown):
        path = unquote(target.split("#")[0])
        if not path or re.match(r"[a-z][a-z0-9+.-]*:", path):  # within the page, or to the web
            continue
        there = (folder / path).resolve()
        if path.startswith("/") or not there.is_relative_to(REPO):
            problems.append(f"{where}: {target} leads outside the repository.")
        elif not there.exists():
            problems.append(f"{where}: {target} leads to nothing.")
    return problems


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(REPO).as_posix())
def test_every_link_leads_where_it_says(path):
    problems = []
    for where, markdown in texts(path):
        problems += check_links(markdown, where)
        problems += missing(markdown, where, path.parent)
    assert not problems, "\n".join(problems)


def test_the_rule_for_files_can_fail():
    """Relative links are followed from the file's own folder."""
    folder = REPO / "tests" / "house"
    good = "[this](test_links.py#L1) [folder](../) [web](https://a.b) [mail](mailto:a@b) [top](#a)"
    assert missing(good, "here", folder) == []
    assert "leads to nothing" in missing("[no](nothing.py)", "here", folder)[0]
    assert "outside" in missing("[no](../../../else)", "here", folder)[0]
    assert "outside" in missing("[no](/etc/hosts)", "here", folder)[0]
