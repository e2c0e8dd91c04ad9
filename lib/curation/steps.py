"""The steps of a pipeline that look at one record at a time.

A step is a dataclass of its parameters. Called with a record it gives a record (the same or a new
one, `replace(record, ...)`) or a Drop with its reason. It must depend on nothing else: then it
does not matter which process calls it, and when.

    Language(("en",), at_least=0.5)(record)
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from typing import Any, ClassVar

from lib.curation import extract, langid, pii
from lib.curation.c4 import c4
from lib.curation.published_rules import FILTERS
from lib.curation.records import Drop, Record, whole_characters
from lib.curation.rules import first_broken


class Step(ABC):
    """Anything that a pipeline is a list of. `kind` is its name in a TOML file."""

    kind: ClassVar[str]

    @property
    def label(self) -> str:
        """Its name in counts and reports."""
        return self.kind


class Each(Step):
    """A step that looks at one record at a time."""

    @abstractmethod
    def __call__(self, record: Record) -> Record | Drop: ...


@dataclass(frozen=True)
class Extract(Each):
    """The main text of a page; `method` is one of extract.py's. Texts stay as they are."""

    method: str = "resiliparse"
    kind: ClassVar[str] = "extract"

    def __post_init__(self) -> None:
        check_choice("method", self.method, extract.METHODS)

    def __call__(self, record: Record) -> Record | Drop:
        if not record.body:
            return record if record.text else Drop("nothing there")
        kind = record.meta.get("content_type", "")
        text = whole_characters(extract.extract(record.body, kind, self.method))
        return replace(record, text=text, body=b"") if text else Drop("no main text")


@dataclass(frozen=True)
class Language(Each):
    """Texts in one of these languages, of which the method is sure enough."""

    keep: tuple[str, ...] = ("en",)
    at_least: float | int = 0.5
    method: str = "py3langid"
    kind: ClassVar[str] = "language"

    def __post_init__(self) -> None:
        check_choice("method", self.method, langid.METHODS)

    def __call__(self, record: Record) -> Record | Drop:
        language, sure = langid.identify_language(record.text, self.method)
        if language not in self.keep:
            return Drop(f"in {language}", f"with probability {sure:.2f}")
        if sure < self.at_least:
            return Drop("language unsure", f"{language} with probability {sure:.2f}")
        return replace(record, meta=record.meta | {"language": language})


@dataclass(frozen=True)
class Rules(Each):
    """The limits of published filters: "Gopher quality", "Gopher repetition", "FineWeb"."""

    filters: tuple[str, ...] = ("Gopher quality", "Gopher repetition")
    kind: ClassVar[str] = "rules"

    def __post_init__(self) -> None:
        for name in self.filters:
            check_choice("filters", name, FILTERS)

    def __call__(self, record: Record) -> Record | Drop:
        rules = [rule for name in self.filters for rule in FILTERS[name]]
        finding = first_broken(rules, record.text)
        return Drop(finding.rule, str(finding)) if finding else record


@dataclass(frozen=True)
class C4(Each):
    """C4's rules: lines that do not end like sentences go, then pages with too few that do."""

    blocklist: tuple[str, ...] = ()
    kind: ClassVar[str] = "c4"

    def __call__(self, record: Record) -> Record | Drop:
        cleaned = c4(record.text, self.blocklist)
        if cleaned.findings:
            return Drop(cleaned.findings[0].rule, str(cleaned.findings[0]))
        return replace(record, text=cleaned.text)


@dataclass(frozen=True)
class MaskPersonal(Each):
    """Personal data is replaced by masks."""

    kinds: tuple[str, ...] = ("email", "phone", "ipv4")
    kind: ClassVar[str] = "pii"

    def __post_init__(self) -> None:
        for name in self.kinds:
            check_choice("kinds", name, pii.KINDS)

    def __call__(self, record: Record) -> Record | Drop:
        text, counts = pii.mask(record.text, self.kinds)
        if not counts:
            return record
        return replace(
            record, text=text, meta=record.meta | {"masked": dict(sorted(counts.items()))}
        )


@dataclass(frozen=True)
class Score(Each):
    """Texts to which a function gives a number inside of limits: a classifier, a perplexity.

    `function` is one, or "module:name" of one; only the latter can be written into a TOML file.
    The number is kept in `meta` under `name`.
    """

    function: Callable[[str], Any] | str
    name: str = "score"
    at_least: float | int = float("-inf")
    at_most: float | int = float("inf")
    kind: ClassVar[str] = "score"

    @property
    def label(self) -> str:
        return self.name

    def __call__(self, record: Record) -> Record | Drop:
        value = float(loaded(self.function)(record.text))
        if not self.at_least <= value <= self.at_most:  # also where it is not a number
            side = "too low" if value < self.at_least else "too high"
            return Drop(f"{self.name} {side}", f"{self.name} is {value:.4g}")
        return replace(record, meta=record.meta | {self.name: value})


@dataclass(frozen=True)
class Apply(Each):
    """Any function of a record that gives a record, a Drop, or whether the record stays."""

    function: Callable[[Record], Any] | str
    name: str = "apply"
    kind: ClassVar[str] = "apply"

    @property
    def label(self) -> str:
        return self.name

    def __call__(self, record: Record) -> Record | Drop:
        result = loaded(self.function)(record)
        if isinstance(result, bool):
            return record if result else Drop(f"not {self.name}")
        if not isinstance(result, Record | Drop):
            raise TypeError(f"{self.name} gave a {type(result).__name__}, not a Record or a Drop.")
        return result


def loaded(function: Callable[..., Any] | str) -> Callable[..., Any]:
    """The function that "module:name" stands for."""
    return function if callable(function) else _named(function)


@cache
def _named(function: str) -> Callable[..., Any]:
    module, colon, name = function.partition(":")
    found = getattr(import_module(module), name, None) if colon else None
    if not callable(found):
        raise ValueError(f"{function!r} names no function. Write it as package.module:function.")
    return found


def check_choice(name: str, value: str, choices: Any) -> None:
    """Raises ValueError if the value is none of the choices."""
    if value not in choices:
        raise ValueError(f"{name} is {value!r}. Choose from {', '.join(map(repr, choices))}.")
