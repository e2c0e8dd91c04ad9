"""Which lines of each stage of a compiled kernel come from which line of its source.

What a function does that the kernel calls counts for the function's line if that stands in the
kernel's file, otherwise for the line of the call.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from lib.kernels.compile_to import Compiled
from lib.kernels.instructions import instructions

Lines = dict[int, dict[str, list[int]]]


def lines_of(compiled: Compiled) -> Lines:
    """`lines_of(c)[21]["ptx"]`: the lines of c.ptx, from 1, that come from line 21 of c.file.

    Stages are "ttir", "ttgir", "ptx" and, where there is a disassembler, "sass".
    """
    found: Lines = {}
    for stage, pairs in _pairs(compiled, _named_inside(compiled)):
        for number, line in pairs:
            found.setdefault(line, {}).setdefault(stage, []).append(number)
    return dict(sorted(found.items()))


def _named_inside(compiled: Compiled) -> str:
    """The file that the stages name: Triton keeps what it compiled, and the same source may have
    been compiled from another place before, such as another notebook's cell."""
    named = re.search(r'^#loc = loc\("(.*)":\d+:\d+\)', compiled.ttir, re.M)
    return named[1] if named else compiled.file


def _pairs(compiled: Compiled, file: str) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """For every stage (its line, line of the source)."""
    yield "ttir", _of_ir(compiled.ttir, file)
    yield "ttgir", _of_ir(compiled.ttgir, file)
    places = _places(compiled.ptx)
    name = Path(file).name
    yield "ptx", _of_ptx(compiled.ptx, name, places)
    if compiled.sass is not None:
        yield "sass", _of_sass(compiled.sass, name, list(places.values()))


def _of_ir(text: str, file: str) -> list[tuple[int, int]]:
    """MLIR ends its lines with loc(#loc7), and says elsewhere what #loc7 is."""
    known = dict(re.findall(r"^(#loc\d*) = loc\((.*)\)$", text, re.M))

    def source_line(location: str) -> int | None:
        place = re.match(r'"(.*)":(\d+):\d+$', location)
        if place:
            return int(place[2]) if place[1] == file else None
        inner = re.findall(r"#loc\d*", location)  # callsite(#callee at #caller), or "name"(#loc)
        return next((it for it in map(source_line, (known.get(i, "") for i in inner)) if it), None)

    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        mark = re.search(r"loc\((#loc\d*)\)$", line)
        at = source_line(known.get(mark[1], "")) if mark else None
        if at and not line.startswith(("#", "}", "  }")):  # ends of the module and its function
            found.append((number, at))
    return found


Chain = list[tuple[str, int]]  # (file, line) of a function, then of its call, and so on


def _places(ptx: str) -> dict[int, Chain]:
    """PTX writes `.loc 1 8 13  // a.py:8:13 @[ b.py:15:17 ]` before what comes from there."""
    places = {}
    for number, line in enumerate(ptx.splitlines(), start=1):
        if line.lstrip().startswith(".loc"):
            chain = re.findall(r"(?://|@\[) (.*?):(\d+)(?::\d+)?(?= |$)", line)
            places[number] = [(file, int(at)) for file, at in chain]
    return places


def _first_in(name: str, chain: Chain) -> int | None:
    return next((line for file, line in chain if file == name), None)


def _of_ptx(text: str, name: str, places: dict[int, Chain]) -> list[tuple[int, int]]:
    opcodes, at, found = dict(instructions(text)), None, []
    for number in range(1, len(text.splitlines()) + 1):
        if number in places:
            at = _first_in(name, places[number])
        elif at and number in opcodes:
            found.append((number, at))
    return found


def _of_sass(text: str, name: str, chains: list[Chain]) -> list[tuple[int, int]]:
    """SASS names the innermost place only. Who called it PTX knows, unless there are several."""
    callers = defaultdict(set)
    for chain in chains:
        callers[chain[0] if chain else None].add(_first_in(name, chain))
    opcodes, at, found = dict(instructions(text)), None, []
    for number, line in enumerate(text.splitlines(), start=1):
        place = re.search(r'//## File "(.*?)", line (\d+)', line)
        if place:
            here = Path(place[1]).name, int(place[2])
            known = callers.get(here, set())
            at = here[1] if here[0] == name else next(iter(known)) if len(known) == 1 else None
        elif at and number in opcodes:
            found.append((number, at))
    return found
