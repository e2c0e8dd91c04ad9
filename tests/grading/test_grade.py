"""Grading code that fails in every way there is: the rest is graded all the same, and told well."""

import json
import os
import time

import pytest
from toy_assignment import make_toy

from lib.grading import check as checking
from lib.grading import grade as grading
from lib.grading.grade import chosen, grade
from lib.grading.outcomes import CRASHED, NOT_HERE, NOT_WRITTEN, PASSED, WRONG
from lib.grading.problems import Problem
from lib.grading.report import report
from lib.grading.results import (
    AGAINST,
    SAVED,
    WAITS,
    points_possible,
    points_reached,
    saved,
)


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return make_toy(tmp_path_factory.mktemp("assignments") / "9_toy")


@pytest.fixture(scope="module")
def graded(toy):
    """Everything graded once, since that starts processes and waits for one that hangs."""
    results, findings = grade(toy)
    return {one.problem.id: one for one in results}, findings


def test_every_problem_gets_its_state_whatever_the_others_do(graded):
    states = {name: one.state for name, one in graded[0].items()}
    assert states == {
        "double": PASSED,
        "rubric": PASSED,
        "triple": WRONG,
        "half": WRONG,
        "rude": WRONG,
        "crash": WRONG,
        "leave": WRONG,
        "vanish": WRONG,
        "hang": WRONG,
        "unusable": WRONG,
        "later": NOT_WRITTEN,
        "built_on_later": WAITS,
        "short": AGAINST,
        "absent": NOT_HERE,
        "after_absent": PASSED,
        "unreadable": WRONG,
    }
    assert [one.points for one in graded[0].values()] == [2, 2] + 12 * [0] + [2, 0]
    assert [one.n_tests for one in graded[0].values()] == [1, 1, 3] + 13 * [1]  # each once


def test_what_cannot_be_tested_here_is_left_out_of_the_points(toy, graded):
    one = graded[0]["absent"]
    assert (one.points, one.possible, one.failed.message) == (0, 0, "There is no third arm here.")
    text = report([one, graded[0]["double"]], ["absent"], [])
    assert "cannot be tested on this machine" in text and text.endswith("2 of 2 points")
    rows = saved(toy)
    problems = [one.problem for one in (one, graded[0]["after_absent"])]
    assert (points_possible(problems, rows), points_reached(problems, rows)) == (2, 2)


def test_a_wrong_result_is_shown_at_the_smallest_input(graded):
    one = graded[0]["triple"]
    failed = one.failed
    assert (one.n_passed, one.n_tests) == (1, 3)
    assert (failed.given, failed.yours, failed.expected) == ("x = 1", "2", "3")
    assert failed.test == "tests/test_toy.py::test_triple"
    assert failed.printed.splitlines() == ["I think it is 0", "I think it is 2"]


@pytest.mark.parametrize(
    ("name", "message", "where"),
    [
        ("crash", "IndexError: list index out of range", "basics/bad.py, line 13: return [][x]"),
        ("leave", "SystemExit: 0", "basics/bad.py, line 17: sys.exit(0)"),
        ("vanish", "The whole process ended in this test.", ""),
        ("hang", "still running after 2 seconds", "basics/bad.py, line 2"),
        ("half", "basics/broken.py cannot be imported: SyntaxError: ", ""),
        ("half", "at basics/broken.py, line 1: def half(x:", ""),
        ("rude", "basics/rude.py cannot be imported: SystemExit: 3, at basics/rude.py, line 2", ""),
        ("unusable", "TypeError: unsupported operand", "tests/test_toy.py, line 65: one."),
        ("unreadable", "No module named 'nothing_of_this_name'", ""),
    ],
)
def test_a_crash_is_one_sentence_and_a_line_of_the_learners_code(graded, name, message, where):
    failed = graded[0][name].failed
    assert failed.kind == CRASHED
    assert message in failed.message and "\n" not in failed.message
    assert failed.where.startswith(where)


def test_work_to_do_names_step_and_line(graded):
    failed = graded[0]["later"].failed
    assert (failed.message, failed.where) == ("Step 7.1: add a line here", "basics/bad.py, line 30")
    assert graded[0]["built_on_later"].open_needs == ("later",)


def test_what_breaks_a_rule_is_named_and_gives_no_points(graded):
    results, findings = graded
    said = [str(finding) for finding in findings]
    assert "basics/short.py, line 5: statistics.median is not allowed" in said[1]
    assert list(results["short"].against) == said  # the import is outside of functions
    assert results["double"].against == ()


def test_the_report_reads_well(graded):
    results, findings = list(graded[0].values()), graded[1]
    text = report(results, [], findings)
    assert text.splitlines()[0] == "passed             double          2 of 2"
    assert "waits              built_on_later  0 of 2  needs later" in text
    assert "Traceback" not in text and text.endswith("\n\n6 of 30 points")
    assert max(map(len, text.splitlines())) <= 150
    told = report(results, ["triple", "later", "rubric"], [])
    assert (
        """\
triple: Title of triple
       state  wrong: 1 of 3 tests pass
        test  test_triple in tests/test_toy.py
       given  x = 1
       yours  2
    expected  3
      reason  They differ by 1.
     printed  I think it is 0
              I think it is 2
"""
        in told
    )
    assert "        hint  basics/bad.py: the hint of later." in told
    assert "     compare  A good answer says so." in told


def test_results_are_kept_and_added_to(toy, graded):
    rows = saved(toy)
    assert rows["triple"]["first_failure"]["given"] == "x = 1"
    problems = [one.problem for one in graded[0].values()]
    assert points_reached(problems, rows) == 6
    (toy / "basics" / "bad.py").write_text("def triple(x):\n    return 3 * x\n", encoding="utf-8")
    results, _ = grade(toy, ["triple"])
    assert [(one.problem.id, one.points) for one in results] == [("triple", 2)]
    assert points_reached(problems, saved(toy)) == 8
    (toy / SAVED).write_text("{damaged", encoding="utf-8")
    assert saved(toy) == {}


def test_the_commands_say_what_they_do(toy, monkeypatch, capsys):
    monkeypatch.setattr(grading, "assignments", lambda: [toy])
    monkeypatch.setattr(grading, "find_assignment", lambda name: toy)
    assert grading.main(["9", "tripel"]) == 2
    assert capsys.readouterr().out == "There is no problem 'tripel'. Did you mean triple?\n"
    (toy / SAVED).unlink(missing_ok=True)
    assert grading.main([]) == 0
    assert "9  9_toy  0 of 32 points" in capsys.readouterr().out


def problem(name: str, *needs: str) -> Problem:
    return Problem(name, "", 1, "", "", needs)


def test_what_a_problem_needs_is_graded_with_it():
    problems = [problem("a"), problem("b", "a"), problem("c"), problem("d", "b")]
    assert [one.id for one in chosen(problems, ["d"])] == ["a", "b", "d"]
    assert chosen(problems, []) == problems


def test_an_assignment_that_no_test_can_run_in_is_explained(tmp_path, monkeypatch, capsys):
    toy = make_toy(tmp_path / "9_toy")
    (toy / "basics" / "bad.py").write_text("import os\nos._exit(1)\n", encoding="utf-8")
    monkeypatch.setattr(grading, "find_assignment", lambda name: toy)
    assert grading.main(["9", "double"]) == 2
    assert "stopped, in the import of basics/bad.py" in capsys.readouterr().out


def test_a_check_in_a_notebook_shows_a_table_and_never_a_traceback(toy, monkeypatch):
    make_toy(toy)
    monkeypatch.chdir(toy / "basics")
    checked = checking.check("triple", "later")
    assert "not written yet" in repr(checked) and "reason  They differ by 1." in repr(checked)
    page = checked._repr_html_()
    assert page.count("<tr>") == 2 and "Step 7.1: add a line here" in page
    assert "is not allowed here" in checked.trouble
    with pytest.raises(LookupError, match="Did you mean later"):
        checking.check("latter")
    monkeypatch.chdir(os.path.dirname(toy))
    with pytest.raises(LookupError, match="in no assignment"):
        checking.check("later")


def test_grading_writes_nothing_but_its_results(toy):
    before = {path for path in toy.rglob("*") if path.name != SAVED}
    began = time.monotonic()
    grade(toy, ["double"])
    assert {path for path in toy.rglob("*") if path.name != SAVED} == before
    assert json.loads((toy / SAVED).read_text(encoding="utf-8"))["assignment"] == "9_toy"
    assert time.monotonic() - began < 30
