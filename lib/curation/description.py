"""A pipeline as text: what a TOML file says, and what a run notes about itself.

    [run]
    folder = "out"
    on = "processes"          # or "here", "ray"
    processes = 4

    [[step]]
    kind = "read"
    paths = ["crawl/*.warc.gz"]

    [[step]]
    kind = "language"
    keep = ["en"]

Kinds and parameters are those of steps.py, barriers.py, sources.py and sinks.py; what is left out
has its default.
"""

import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from lib.curation import barriers, classify, clean_of, sinks, sources, steps
from lib.curation.on_processes import Processes, Runner, in_process
from lib.curation.on_ray import OnRay
from lib.curation.steps import Step

KINDS: dict[str, type[Step]] = {
    step.kind: step
    for step in (
        sources.Read,
        steps.Extract,
        steps.Language,
        steps.Rules,
        steps.C4,
        steps.MaskPersonal,
        steps.Score,
        steps.Apply,
        classify.Classify,
        clean_of.Decontaminate,
        barriers.Exact,
        barriers.Near,
        barriers.Mix,
        sinks.Write,
        sinks.Tokenize,
    )
}
RUNNERS = ("here", "processes", "ray")


@dataclass(frozen=True)
class RunSettings:
    """Where a run goes and who does the work; nothing here changes what comes out."""

    folder: str = "out"
    on: str = "here"
    processes: int = 0  # 0: one for each processor
    address: str = ""  # of a Ray cluster; "": a small one on this machine

    def runner(self) -> Runner:
        """Raises ValueError if there is no such runner."""
        if self.on == "here":
            return in_process
        if self.on == "processes":
            return Processes(self.processes or None)
        if self.on == "ray":
            return OnRay(self.address or None, self.processes or None)
        raise ValueError(f"run.on is {self.on!r}. Choose from {', '.join(RUNNERS)}.")


def read_description(
    path: str | os.PathLike[str], overrides: Iterable[str] = ()
) -> tuple[RunSettings, list[Step]]:
    """What a TOML file says, with overrides such as "run.processes=4".

    Raises ValueError for names and values that do not fit.
    """
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is not TOML: {error}.") from error
    for name in content:
        _check_name(name, ("run", "step"), "table")
    settings = dict(content.get("run", {})) | dict(map(_override, overrides))
    run = _made(RunSettings, settings, "run")
    tables = content.get("step", [])
    if not isinstance(tables, list) or not tables:
        raise ValueError(f"{path} has no steps. Write each as a table [[step]] with its kind.")
    return run, [step_from(table, f"step {number}") for number, table in enumerate(tables, 1)]


def step_from(table: Mapping[str, Any], at: str = "step") -> Step:
    """A step from its kind and parameters."""
    table = dict(table)
    kind = table.pop("kind", "")
    _check_name(kind, KINDS, f"kind of {at}:")
    return _made(KINDS[kind], table, f"{at} ({kind})")


def as_table(step: Step) -> dict[str, Any]:
    """The kind and all parameters of a step. A function is its name, given records their number."""
    table: dict[str, Any] = {"kind": step.kind}
    for field in fields(step):
        value = getattr(step, field.name)
        if field.name == "records":
            value = f"{len(value)} records"
        elif callable(value):
            value = f"{value.__module__}:{getattr(value, '__qualname__', type(value).__qualname__)}"
        table[field.name] = list(value) if isinstance(value, tuple) else value
    return table


def describe(step_list: Iterable[Step]) -> list[dict[str, Any]]:
    """All steps, as JSON can hold them."""
    return [as_table(step) for step in step_list]


def _override(text: str) -> tuple[str, Any]:
    """Of a setting of [run]: the name, and what TOML reads behind "=", else a word."""
    name, equals, value = text.partition("=")
    if not equals or not name.startswith("run."):
        raise ValueError(f"{text!r} replaces nothing. Write run.name=value, as in run.on=ray.")
    try:
        return name.removeprefix("run."), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name.removeprefix("run."), value


def _made(kind: type, table: Mapping[str, Any], at: str) -> Any:
    known = {field.name: field for field in fields(kind)}
    for name in table:
        _check_name(name, known, f"parameter of {at}:")
    for name, field in known.items():
        if name not in table and field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"{at} needs {name}, which is missing.")
    hints = get_type_hints(kind)
    values = {name: _fit(value, hints[name], f"{at}: {name}") for name, value in table.items()}
    return kind(**values)


def _fit(value: Any, hint: Any, name: str) -> Any:
    """The value as the annotation wants it: lists become tuples, whole numbers pass for others."""
    if get_origin(hint) is tuple:
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return tuple(value)
        raise ValueError(f"{name} is {value!r}, and should be a list of texts.")
    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    allowed = tuple(get_origin(option) or option for option in options)
    if float in allowed and type(value) is int:
        return value if int in allowed else float(value)
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
        wanted = " or ".join(dict.fromkeys(WORDS.get(kind, "a function") for kind in allowed))
        raise ValueError(f"{name} is {value!r}, and should be {wanted}.")
    return value


WORDS = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    bool: "true or false",
    dict: "a table of names and numbers",
}


def _check_name(name: str, known: Iterable[str], what: str) -> None:
    known = list(known)
    if name not in known:
        close = get_close_matches(str(name), known, n=1)
        hint = f"Did you mean {close[0]!r}?" if close else f"Choose from {', '.join(known)}."
        raise ValueError(f"There is no {what} {name!r}. {hint}")
