"""`step` and `%%step` as a lecture uses them, in a real IPython shell."""

import inspect
import sys

import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from lib.notebook.step import LIMIT, MOST, options, register, step
from lib.notebook.targets import TargetError
from lib.tokenization.bpe import merge


@pytest.fixture
def shell():
    """A shell with `%%step`, whose displayed outputs are kept in `shell.display_pub.outputs`."""
    InteractiveShell.clear_instance()
    config = Config(
        {"HistoryManager": {"enabled": False}, "InteractiveShell": {"colors": "nocolor"}}
    )
    ip = InteractiveShell.instance(config=config)
    ip.display_pub = CapturingDisplayPublisher()
    before = sys.gettrace()
    register(ip)
    yield ip
    assert sys.gettrace() is before
    InteractiveShell.clear_instance()


def run(shell, cell: str) -> str:
    """Run a cell that should work; the HTML it displays."""
    shell.display_pub.outputs.clear()
    shell.run_cell(cell, store_history=True).raise_error()
    return "".join(output["data"].get("text/html", "") for output in shell.display_pub.outputs)


def double(x):
    return 2 * x


def twice(x, by=double):
    once = by(x)
    return by(once)


# step(fn, ...)


def test_step_returns_the_value_and_shows_the_lines(shell):
    assert step(twice, 3) == 12
    (output,) = shell.display_pub.outputs
    assert output["data"]["text/plain"] == "3 steps of twice."
    assert "once = by(x)" in output["data"]["text/html"]


@pytest.mark.parametrize("into", [double, [double], (double, twice), f"{__name__}.double"])
def test_step_goes_into_what_is_asked_for(shell, into):
    assert step(twice, 3, into=into) == 12
    (output,) = shell.display_pub.outputs
    assert output["data"]["text/plain"] == "7 steps of twice."


def test_code_of_lib_is_shown_as_it_was_written(shell):
    """Under the checking of annotations, too, which wraps every function of lib."""
    assert step(merge, [7, 7, 7, 1], (7, 7), 9) == [9, 7, 1]
    page = shell.display_pub.outputs[0]["data"]["text/html"]
    assert "lib.tokenization.bpe.merge" in page
    assert page.count("<code>while i &lt; len(ids):</code>") == 4


def test_a_step_through_inside_another(shell):
    shell.user_ns.update(step=step, twice=twice)
    shell.display_pub.outputs.clear()
    shell.run_cell("%%step into=twice\nx = step(twice, 3)\ny = x").raise_error()
    inner, outer = (output["data"]["text/plain"] for output in shell.display_pub.outputs)
    assert (inner, outer) == ("3 steps of twice.", "5 steps of this cell.")


def test_names_are_those_of_the_notebook(shell):
    shell.user_ns.update(shorter=double)
    assert step(twice, 3, into="shorter") == 12
    assert shell.display_pub.outputs[0]["data"]["text/plain"] == "7 steps of twice."


def test_keyword_arguments_are_the_functions_own(shell):
    assert step(twice, 3, by=lambda x: x + 1) == 5


def test_an_error_is_shown_and_raised(shell):
    with pytest.raises(TypeError):
        step(double, None)
    assert "raises TypeError" in shell.display_pub.outputs[0]["data"]["text/html"]


def test_a_generator_is_stepped_through_by_what_consumes_it(shell):
    def numbers():
        yield 1
        yield 2

    assert step(list, numbers(), into=numbers) == [1, 2]
    with pytest.raises(TargetError, match=r"step\(list, numbers\(\.\.\.\), into=numbers\)"):
        step(numbers)


def test_compiled_functions_have_no_lines(shell):
    with pytest.raises(TargetError, match="sorted has no Python lines"):
        step(sorted, [2, 1])


@pytest.mark.parametrize("limit", [0, MOST + 1])
def test_the_limit_has_limits(limit):
    with pytest.raises(TargetError, match=f"limit={limit}"):
        step(double, 1, limit=limit)


# %%step


def test_a_cell_defines_and_displays_what_it_would_without(shell):
    page = run(shell, "%%step\nimport math\ndef f(x):\n    return x + 1\n\ny = f(1)\nf(y)")
    assert shell.user_ns["y"] == 2 and shell.user_ns["f"](4) == 5
    assert shell.user_ns["Out"] == {1: 3} and shell.user_ns["_"] == 3
    assert inspect.getsource(shell.user_ns["f"]) == "def f(x):\n    return x + 1\n"
    assert "f is called" in page and "returns 3" in page


@pytest.mark.parametrize("last", ["1 + 1;", "x = 2", "# nothing", ""])
def test_a_cell_without_a_last_value_displays_none(shell, last):
    run(shell, f"%%step\ny = 1\n{last}")
    assert shell.user_ns["Out"] == {}


def test_lines_keep_their_numbers_in_the_page_and_in_tracebacks(shell, capsys):
    result = shell.run_cell("%%step\n\nx = 1\n\nx / 0", store_history=True)
    assert isinstance(result.error_in_exec, ZeroDivisionError)
    assert "----> 5 x / 0" in capsys.readouterr().out
    page = shell.display_pub.outputs[0]["data"]["text/html"]
    assert 'data-stack="0.0.3"' in page and 'data-stack="0.0.5"' in page
    assert "raises ZeroDivisionError" in page


def test_the_traceback_starts_in_the_cell(shell, capsys):
    shell.run_cell("%%step\ndef f():\n    return 1 / 0\n\nf()")
    text = capsys.readouterr().out
    assert "f()" in text and "1 / 0" in text
    assert "step_cell" not in text and "tracing" not in text and "run_cell_magic" not in text


def test_a_syntax_error_is_pythons_own(shell, capsys):
    result = shell.run_cell("%%step\nx = = 1")
    assert isinstance(result.error_in_exec, SyntaxError)
    assert shell.display_pub.outputs == []


def test_shell_lines_and_magics_inside(shell):
    run(shell, "%%step\n%pprint off\nx = !echo hello\ny = 1")
    assert shell.user_ns["x"] == ["hello"] and shell.user_ns["y"] == 1


def test_future_statements_and_earlier_names(shell):
    run(shell, "from __future__ import annotations\nknown = [1]\nunrelated = [2]")
    page = run(shell, "%%step\ndef f(x: undefined): return x\nknown.append(2)")
    assert "before the first line" in page
    assert "<b>known</b> <i>list, 2 items</i> <code>[1, 2]</code>" in page
    assert "unrelated" not in page


def test_into_by_options(shell):
    shell.user_ns.update(double=double, twice=twice)
    both = run(shell, f"%%step into=double,{__name__}.twice\ntwice(3)")
    again = run(shell, "%%step into=double into=twice limit=50\ntwice(3)")
    assert both.count("double is called") == again.count("double is called") == 2
    assert "twice is called" in both and "twice is called" in again
    assert "double is called" not in run(shell, "%%step\ntwice(3)")


def test_options():
    assert options("") == ([], LIMIT)
    assert options("into=a.b, c limit=20 into=d") == (["a.b", "c", "d"], 20)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("limits=3", "'limits=3' is no option. Known are into=NAME"),
        ("merge", "'merge' is no option"),
        ("limit=many", "limit=many is not a number"),
        ("limit=0", "limit=0"),
        ("into=no_such_thing", "Looked for 'no_such_thing'"),
        ("into=lib.tokenization.bpe.mrege", "Nearest: merge"),
        ("into=len", "len has no Python lines"),
    ],
)
def test_a_wrong_option_is_explained_and_runs_nothing(shell, capsys, line, message):
    result = shell.run_cell(f"%%step {line}\nran = True")
    assert type(result.error_in_exec).__name__ == "UsageError"
    assert message in str(result.error_in_exec)
    assert "ran" not in shell.user_ns


def test_await_is_declined(shell):
    result = shell.run_cell("%%step\nimport asyncio\nawait asyncio.sleep(0)")
    assert "cannot follow `await`" in str(result.error_in_exec)


def test_the_same_cell_twice_is_the_same_page(shell):
    cell = (
        "%%step\nnames = {'b', 'a'}\nthing = object()\nfor n in sorted(names):\n    f = lambda: n\n"
    )
    run(shell, cell)  # so that both runs find the same names
    assert run(shell, cell) == run(shell, cell)


def test_the_limit_says_what_to_do(shell):
    page = run(shell, "%%step limit=10\nt = 0\nfor i in range(100):\n    t += i")
    assert shell.user_ns["t"] == 4950
    assert "The first 10 steps of this cell. The recording stopped there" in page
    assert "set limit= higher than 10" in page
