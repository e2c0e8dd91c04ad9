"""A little assignment in which everything goes wrong that can, each in a problem of its own."""

from pathlib import Path

FILES = {
    "pytest.ini": """
[pytest]
pythonpath = .
addopts = --import-mode=importlib
markers =
    problem(id): which problem
""",
    "basics/__init__.py": "",
    "basics/good.py": """
def double(x):
    print("noise", flush=True)
    return 2 * x
""",
    "basics/bad.py": """
import os
import sys

from lib.grading.feedback import todo


def triple(x):
    print("I think it is", 2 * x)
    return 2 * x


def crash(x):
    return [][x]


def leave(x):
    sys.exit(0)


def vanish(x):
    os._exit(0)


def hang(x):
    while True:
        pass


def later(x):
    return todo("7.1", "add a line here")


class Thing:
    value: int = None
""",
    "basics/broken.py": "def half(x:\n    return x / 2\n",
    "basics/rude.py": "print('hello')\nraise SystemExit(3)\n",
    "basics/short.py": """
import statistics as s


def middle(x):
    return s.median(x)
""",
    "adapters/__init__.py": "",
    "adapters/one.py": """
from basics import bad, broken, good

double = good.double


def half(x):
    return broken.half(x)
""",
    "adapters/two.py": "from basics.rude import anything\n",
    "adapters/three.py": "from basics.short import middle\n",
    "rules.toml": """
[[rule]]
forbid = ["statistics*"]
instead = "Write it yourself."
""",
    "tests/test_toy.py": """
from adapters import one, three, two
from lib.grading.feedback import holds, same
from lib.grading.problems import problem


@problem("double")
def test_double():
    for x in (0, 1, 7):
        same(one.double(x), 2 * x, given=f"x = {x}")


@problem("rubric")
def test_rubric():
    pass


@problem("triple")
def test_zero():
    same(one.bad.triple(0), 0, given="x = 0")


@problem("triple")
def test_triple():
    for x in (0, 1, 7):
        same(one.bad.triple(x), 3 * x, given=f"x = {x}")


@problem("triple")
def test_large():
    same(one.bad.triple(99), 297, given="x = 99")


@problem("half")
def test_half():
    same(one.half(2), 1.0, given="x = 2")


@problem("rude")
def test_rude():
    two.anything()


@problem("crash")
def test_crash():
    one.bad.crash(5)


@problem("leave")
def test_leave():
    one.bad.leave(5)


@problem("vanish")
def test_vanish():
    one.bad.vanish(5)


@problem("hang")
def test_hang():
    one.bad.hang(5)


@problem("unusable")
def test_unusable():
    one.bad.Thing().value + 1


@problem("later")
def test_later():
    one.bad.later(5)


@problem("built_on_later")
def test_built_on_later():
    same(1, 2, given="nothing")


@problem("short")
def test_short():
    same(three.middle([0, 2, 1]), 1, given="[0, 2, 1]")


@problem("absent")
def test_absent():
    from lib.grading.feedback import not_here

    not_here("There is no third arm here.")


@problem("after_absent")
def test_after_absent():
    pass
""",
    "tests/test_unreadable.py": "import nothing_of_this_name\n",
}

PROBLEMS = (
    "double rubric triple half rude crash leave vanish hang unusable later built_on_later short "
    "absent after_absent"
)


def table(name: str, **more: object) -> str:
    keys = {"id": name, "title": f"Title of {name}", "points": 2, "tests": "test_toy.py"}
    keys |= {"hint": f"basics/bad.py: the hint of {name}.", **more}
    lines = [
        f"{key} = {str(value) if key == 'seconds' else repr(value)}" for key, value in keys.items()
    ]
    return "\n".join(["[[problem]]", *lines]).replace("points = '2'", "points = 2")


def make_toy(folder: Path) -> Path:
    """Write it into a folder."""
    more = {
        "rubric": {"rubric": "A good answer says so."},
        "hang": {"seconds": 2},
        "built_on_later": {"needs": ["later", "double"]},
        "after_absent": {"needs": ["absent"]},
    }
    tables = [table(name, **more.get(name, {})) for name in PROBLEMS.split()]
    tables.append(table("unreadable", tests="test_unreadable.py"))
    for name, text in {**FILES, "problems/1_toy.toml": "\n\n".join(tables)}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip("\n"), encoding="utf-8")
    return folder
