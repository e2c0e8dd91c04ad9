"""A config as a TOML file and as `name.field=value` overrides, under the names it has in Python."""

import json
import os
import tomllib
import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def read_config(kind: type[T], path: str | os.PathLike[str], overrides: Iterable[str] = ()) -> T:
    """The dataclass `kind` from a TOML file, changed by overrides such as "model.width=128"."""
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is not TOML: {error}.") from error
    return from_dict(kind, override(content, overrides))


def override(content: Mapping[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """A nested dict with some values replaced: {"run": {"steps": 9}} from "run.steps=9".

    A value is what TOML reads in it, else a word: `run.folder=here` needs no quotes.
    """
    changed = {key: dict(v) if isinstance(v, Mapping) else v for key, v in content.items()}
    for text in overrides:
        name, equals, value = text.partition("=")
        *path, last = name.strip().split(".")
        if not equals or not path or not last:
            raise ValueError(f"{text!r} is no override. Write name.field=value, as in run.steps=9.")
        table = changed
        for key in path:
            table = table.setdefault(key, {})
        table[last] = _value(value.strip())
    return changed


def from_dict(kind: type[T], content: Mapping[str, Any], at: str = "") -> T:
    """The dataclass from nested dicts. Raises ValueError for names and values that do not fit."""
    hints, known = get_type_hints(kind), [field.name for field in fields(kind)]
    for name in content:
        if name not in known:
            raise ValueError(_unknown(at, name, known))
    missing = [f.name for f in fields(kind) if f.name not in content and _is_required(f)]
    values = {name: _fit(hints[name], value, f"{at}{name}") for name, value in content.items()}
    for name in missing:
        if not is_dataclass(hints[name]):
            raise ValueError(f"{at}{name} is missing, and it has no default: {_wish(hints[name])}.")
        values[name] = from_dict(hints[name], {}, f"{at}{name}.")  # says what is missing in it
    return kind(**values)


def to_toml(config: Any) -> str:
    """The text that `read_config` makes the same config from; None is what a file leaves out."""
    return "\n".join(
        "\n".join([f"[{table.name}]", *_lines(getattr(config, table.name)), ""])
        for table in fields(config)
    )


def _lines(table: Any) -> list[str]:
    values = {field.name: getattr(table, field.name) for field in fields(table)}
    return [f"{name} = {_written(value)}" for name, value in values.items() if value is not None]


def _written(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(_written, value)) + "]"
    if isinstance(value, float):
        return repr(value)  # inf and nan too are the same words in TOML
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return None if text.lower() == "none" else text


def _fit(hint: Any, value: Any, name: str) -> Any:
    """The value as the annotation wants it; whole numbers pass for others, lists for tuples."""
    if is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise ValueError(f"{name} is a table of names and values, not {value!r}.")
        return from_dict(hint, value, f"{name}.")
    if get_origin(hint) in (Union, types.UnionType):
        options = [option for option in get_args(hint) if option is not type(None)]
        return None if value is None else _fit(options[0], value, name)
    if get_origin(hint) is tuple:
        parts = get_args(hint)
        if isinstance(value, list | tuple) and len(value) == len(parts):
            return tuple(_fit(part, each, name) for part, each in zip(parts, value))
    elif get_origin(hint) is Literal:
        value = "none" if value is None else value  # a word here, as in model.norm=none
        if value in get_args(hint):
            return value
    elif hint is float and type(value) in (int, float):
        return float(value)
    elif type(value) is hint:
        return value
    raise ValueError(f"{name} is {value!r}, and should be {_wish(hint)}.")


def _wish(hint: Any) -> str:
    """An annotation in words."""
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(map(repr, get_args(hint)))
    if get_origin(hint) is tuple:
        return f"a list of {len(get_args(hint))} numbers"
    words = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    return words.get(hint, str(hint))


def _is_required(field: Any) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _unknown(at: str, name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, n=1)
    hint = f"Did you mean {at}{close[0]}?" if close else f"Known are {', '.join(known)}."
    return f"There is no {at}{name}. {hint}"
