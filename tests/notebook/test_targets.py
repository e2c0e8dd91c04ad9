"""From what a reader writes behind `into=` to the functions meant."""

import functools

import pytest

import lib.tokenization.bpe as bpe
from lib.notebook.targets import TargetError, codes_of, functions_of, named


class Greeter:
    def greet(self):
        return "hello"

    @property
    def length(self):
        return len(self.greet())

    @staticmethod
    def stop():
        return

    def __call__(self):
        return self.greet()


def decorated(fn):
    @functools.wraps(fn)
    def inner(*args):
        return fn(*args)

    return inner


@decorated
def plain():
    return 1


@functools.lru_cache
def cached():
    return 2


async def later():
    return 3


def names(thing) -> list[str]:
    return [f.__qualname__ for f in functions_of(thing)]


def test_names_are_looked_up_in_the_notebook_first_then_imported():
    assert named("greet.length", {"greet": Greeter}) is Greeter.length
    assert named("lib.tokenization.bpe.merge", {}) is bpe.merge
    assert named("lib.tokenization.bpe", {"other": 1}) is bpe
    assert named("bpe.BPE.train", {"bpe": bpe}) == bpe.BPE.train


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "lib.tokenization.bpe.mrege",
            r"Looked for lib\.tokenization\.bpe\.mrege: .* Nearest: merge",
        ),
        ("lib.tokenisation.bpe", r"lib has no 'tokenisation'\. Nearest: tokenization"),
        ("lib.tokenization.bpee", r"Nearest: bpe"),
        ("mergee", r"Looked for 'mergee' among the names of this notebook .* Nearest: merge"),
        ("a-b", "not a name"),
    ],
)
def test_an_unknown_name_says_what_was_looked_for_and_what_is_near(name, message):
    with pytest.raises(TargetError, match=message):
        named(name, {"merge": bpe.merge})


@pytest.mark.parametrize(
    ("thing", "expected"),
    [
        (plain, ["plain"]),
        (cached, ["cached"]),
        (functools.partial(plain), ["plain"]),
        (Greeter().greet, ["Greeter.greet"]),
        (Greeter(), ["Greeter.__call__"]),
        (Greeter.length, ["Greeter.length"]),
        (Greeter, ["Greeter.greet", "Greeter.length", "Greeter.stop", "Greeter.__call__"]),
    ],
    ids=["decorated", "cached", "partial", "method", "callable", "property", "class"],
)
def test_the_functions_behind_a_thing(thing, expected):
    assert names(thing) == expected


def test_a_decorated_function_is_the_one_that_was_written():
    assert functions_of(plain)[0].__code__.co_name == "plain"


def test_a_module_is_what_it_defines_not_what_it_imports():
    found = names(bpe)
    assert "merge" in found and "BPE.train" in found
    assert "split_on_special" not in found and "Merge.__init__" not in found


@pytest.mark.parametrize(
    "thing", [len, 3, "".join, int], ids=["builtin", "number", "bound method", "class"]
)
def test_without_python_lines_there_is_nothing_to_step_into(thing):
    with pytest.raises(TargetError, match="no Python lines"):
        functions_of(thing)


def test_asynchronous_functions_are_declined():
    with pytest.raises(TargetError, match="asynchronous"):
        functions_of(later)


def test_inner_functions_belong_to_theirs_but_lambdas_and_comprehensions_do_not():
    def outer():
        def inner():
            return [sorted(x, key=lambda y: y) for x in ("ab", "c")]

        return inner

    assert [code.co_name for code in codes_of(outer.__code__)] == ["outer", "inner"]
