"""A kernel in the languages it goes through, side by side, with the lines that belong together.

ptx_view(compiled)                              Triton, TTIR and PTX
ptx_view(compiled, stages=("ptx", "sass"))      others, beside the source

`compiled` comes from lib.kernels.compile_to. Pointing at a line marks what it becomes, or what it
comes from.
"""

import re
from collections.abc import Iterator, Sequence
from html import escape
from textwrap import dedent

from lib.kernels.compile_to import Compiled
from lib.kernels.source_lines import lines_of
from lib.notebook.page import fill
from lib.notebook.rendered import Rendered

NAMES = {"ttir": "TTIR", "ttgir": "TTGIR", "ptx": "PTX", "sass": "SASS"}
HUES = 6  # tints in ptx_view.html
MOST = 600  # lines of a stage

Line = tuple[int, str]  # its number in the stage, its text

ALT = (
    "The kernel {name} in {languages}, side by side; lines that belong to one line of the source "
    "have one tint."
)


def ptx_view(compiled: Compiled, stages: Sequence[str] = ("ttir", "ptx")) -> Rendered:
    """Works without a kernel; where scripts do not run, the texts and their tints stay."""
    missing = [stage for stage in stages if stage not in NAMES or getattr(compiled, stage) is None]
    if missing or not stages:
        raise ValueError(
            f"{missing or 'No stage'} cannot be shown: choose from {', '.join(NAMES)}; sass only "
            "where Nvidia's disassembler is installed."
        )
    links = lines_of(compiled)
    source = dedent(compiled.source).rstrip().split("\n")
    kept = {NAMES[stage]: list(essential(stage, getattr(compiled, stage))) for stage in stages}
    owners = {
        NAMES[s]: {n: line for line, to in links.items() for n in to.get(s, ())} for s in stages
    }
    tints = {line: f"h{i % HUES}" for i, line in enumerate(links)}
    first = [(compiled.first_line + i, text) for i, text in enumerate(source)]
    columns = [_column("Triton", first, {line: line for line in links}, tints, numbered=True)]
    columns += [_column(name, lines, owners[name], tints) for name, lines in kept.items()]
    languages = ["Triton", *kept]
    alt = ALT.format(
        name=compiled.name, languages=f"{', '.join(languages[:-1])} and {languages[-1]}"
    )
    sizes = " and ".join(f"{len(lines):,} of {name}" for name, lines in kept.items())
    title = f"{len(source)} lines of Triton become {sizes}"
    html = fill("ptx_view.html", ALT=escape(alt), TITLE=escape(title), COLUMNS="\n".join(columns))
    return Rendered(html, f"[{alt} {title}.]")


def essential(stage: str, text: str) -> Iterator[Line]:
    """The lines of the kernel's code, without tables for debuggers and places in files."""
    begins, ends, noise = PARTS[stage]
    inside = False
    for number, line in enumerate(text.splitlines(), start=1):
        inside = inside or re.search(begins, line) is not None
        if inside and line.strip() and not re.search(noise, line):
            line = re.sub(r" loc\((#loc\d*|\"[^\"]*\"\(#loc\d*\))\)", "", line)
            line = re.sub(r"(?<=\*/) +| +/\* 0x\w+ \*/$", "  ", line)  # SASS is set very wide
            yield number, line.expandtabs(4).rstrip()
        if inside and re.search(ends, line):
            return


PARTS = {  # where the code begins and ends, and what to leave out
    "ttir": (r"tt\.func public", r"^  \}", r"^#loc"),
    "ttgir": (r"tt\.func public", r"^  \}", r"^#loc"),
    "ptx": (r"\.entry", r"^\}", r"^\s*(\.loc|//|\$L__(tmp|func|pre)|\.p2align)"),
    "sass": (r"^\s*/\*0000\*/", r"(?!)", r"//##|^\s*\.(section|align|size|type)"),
}


def _column(
    name: str,
    lines: list[Line],
    owners: dict[int, int],
    tints: dict[int, str],
    numbered: bool = False,
) -> str:
    """One text; `owners` says which line of the source each of its lines comes from."""
    margin = min((len(text) - len(text.lstrip()) for _, text in lines), default=0)
    spans = []
    for number, text in lines[:MOST]:
        code = escape(text[margin:], quote=False) or " "
        code = f"<i>{number:>4} </i>{code}" if numbered else code
        owner = owners.get(number)
        mark = f' class="{tints[owner]}" data-l="{owner}"' if owner in tints else ""
        spans.append(f"<span{mark}>{code}</span>")
    if len(lines) > MOST:
        spans.append(f"<span>… {len(lines) - MOST:,} more lines</span>")
    return f"<figure><figcaption>{name}</figcaption><pre>{''.join(spans)}</pre></figure>"
