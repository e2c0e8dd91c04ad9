"""What must hold for every assignment: its tests catch what they should, and nothing is given away.

1. As shipped, every graded test says what to do, and nobody gets a point.
2. A reference made of `lib` passes every test.
3. Every planted mistake fails by the test that is meant for it, with a comparison and no crash.
4. What learners get contains no solutions, and its handout runs with nothing solved.
"""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from lib.grading.assignments import assignments
from lib.grading.boards import board_number
from lib.grading.entries import markdown, read_entries
from lib.grading.outcomes import NOT_HERE, NOT_WRITTEN, PASSED, WRONG, Outcome
from lib.grading.problems import read_problems
from lib.grading.results import results_of
from lib.grading.rules import find
from lib.grading.runner import ONE_THREAD, run_tests
from lib.notebook import hygiene
from lib.notebook.execute import execute
from lib.notebook.files import notebooks
from lib.notebook.normal_form import code_cells, normal_form, text_of

pytestmark = pytest.mark.assignments

PROOFS = Path(__file__).parent
FOLDERS = assignments()
by_assignment = pytest.mark.parametrize(
    "folder", FOLDERS, ids=[folder.name for folder in FOLDERS], scope="module"
)


def proofs_of(folder: Path) -> Path:
    """tests/assignments/basics for assignments/1_basics."""
    return PROOFS / folder.name.partition("_")[2]


@pytest.fixture(scope="module")
def shipped(folder) -> list[Outcome]:
    """Outcomes of all tests on the code as learners get it."""
    problems = [problem.id for problem in read_problems(folder)]
    news = list(run_tests(folder, problems, []))
    return [one for one in news if isinstance(one, Outcome)]


@pytest.fixture(scope="module")
def proof(folder, tmp_path_factory) -> dict:
    """What proof_run.py found out."""
    results = tmp_path_factory.mktemp("proof") / "results.json"
    script = str(PROOFS / "proof_run.py")
    command = [sys.executable, script, str(folder), str(proofs_of(folder)), str(results)]
    quiet = {"capture_output": True, "text": True, "encoding": "utf-8"}
    done = subprocess.run(command, **quiet, env={**os.environ, **ONE_THREAD})
    assert results.exists(), done.stderr
    return json.loads(results.read_text(encoding="utf-8"))


def one_by_one(sentences: list[str]) -> str:
    return f"{len(sentences)} in all\n" + "\n".join(sentences)


@by_assignment
def test_as_shipped_every_test_says_what_to_do(folder, shipped):
    open_ = [one for one in shipped if one.kind != NOT_HERE]
    said = [f"{o.test}: {o.kind}, {o.message} {o.where}" for o in open_ if o.kind != NOT_WRITTEN]
    assert not said, one_by_one(said)
    for outcome in open_:  # a numbered step leads to its line, another to the answers
        assert (": " in outcome.message) == bool(outcome.where), outcome


@by_assignment
def test_as_shipped_there_are_no_points(folder, shipped):
    results = results_of(read_problems(folder), shipped)
    assert sum(one.points for one in results) == 0
    assert [one.problem.id for one in results if not one.n_tests] == [], "problems without a test"


@by_assignment
def test_the_reference_passes(folder, proof):
    failed = [o for o in proof["reference"] if o["kind"] not in (PASSED, NOT_HERE)]
    said = [f"{o['test']}: {o['message']} {o['where']} {o['given']} {o['yours']}" for o in failed]
    assert not proof["lacking"] + said, one_by_one(proof["lacking"] + said)
    assert {o["problem"] for o in proof["reference"]} == {p.id for p in read_problems(folder)}


@by_assignment
def test_every_wrong_answer_is_caught(folder, proof):
    said = []
    for answer in proof["wrong"]:
        outcome = answer["outcome"] or {"kind": "not run", "message": "no such test or target"}
        if outcome["kind"] not in (WRONG, NOT_HERE):
            where = f"{answer['target']} by {answer['name']}, {answer['caught_by']}"
            said.append(f"{where}: {outcome['kind']}, {outcome['message']}")
    assert not said, one_by_one(said)
    assert proof["wrong"], "no wrong answers at all"


@by_assignment
def test_every_test_belongs_to_a_problem_whose_file_it_is_in(folder):
    files = {problem.id: problem.tests for problem in read_problems(folder)}
    for path in sorted((folder / "tests").glob("test_*.py")):
        for function in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(function, ast.FunctionDef) and function.name.startswith("test_"):
                marks = [ast.unparse(mark) for mark in function.decorator_list]
                ids = [mark[9:-2] for mark in marks if mark.startswith("problem(")]
                where = f"{path.name}::{function.name}"
                assert len(ids) == 1, f"{where} needs one mark @problem"
                assert files.get(ids[0]) == path.name, f"{where} is of {ids[0]!r}, not listed so"


@by_assignment
def test_every_hint_leads_to_a_file(folder):
    for problem in read_problems(folder):
        for path in re.findall(r"[\w/]+\.(?:py|toml)\b", problem.hint):
            assert (folder / path).exists(), f"{problem.id}: {path}"


# What learners get


def unsolved(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Functions that somebody has to write, with their docstring or their class's.

    The others say so: "Complete" in their docstring, in their class's, or in their file's.
    """
    about_file = ast.get_docstring(tree) or ""
    for parent in ast.walk(tree):
        is_class = isinstance(parent, ast.ClassDef)
        about = (ast.get_docstring(parent) or "") if is_class else ""
        given = is_class and f"`{parent.name}` is complete" in about_file
        for one in ast.iter_child_nodes(parent):
            if isinstance(one, ast.FunctionDef):
                text = about + (ast.get_docstring(one) or "")
                if not (given or "Complete" in text + about_file):
                    yield text, one


def packages(folder: Path) -> set[str]:
    """Where learners write: basics in assignments/1_basics, sieve in assignments/4_data."""
    return {path.parent.name for path in folder.glob("*/__init__.py")} - {"adapters", "tests"}


@by_assignment
def test_stubs_contain_no_solutions(folder):
    paths = [path for path in sorted(folder.glob("*/*.py")) if path.parent.name in packages(folder)]
    assert len(paths) > 1
    for path in paths:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for about, function in unsolved(tree):
            where = f"{path.name}, line {function.lineno}: {function.name}"
            body = [ast.unparse(statement) for statement in function.body]
            body = body[1:] if ast.get_docstring(function) else body
            body = [line for line in body if not line.startswith("super().__init__")]
            assert about, f"{where} says nothing"
            assert len(body) == 1 and "todo(" in body[0], f"{where} is more than a call of todo"


@by_assignment
def test_shipped_code_keeps_the_rules(folder):
    assert [str(finding) for finding in find(folder)] == []


@by_assignment
def test_shipped_answers_are_empty(folder):
    for path in (folder / "answers").glob("*.toml"):
        for name, table in tomllib.loads(path.read_text(encoding="utf-8")).items():
            assert set(table.values()) <= {""}, f"{path.name}, [{name}]"


@by_assignment
def test_the_leaderboards_page_is_made_of_its_entries(folder):
    board = folder / "leaderboard"
    if entries := read_entries(board):
        page = (board / "README.md").read_text(encoding="utf-8")
        assert page == markdown(entries, board_number(board)), "python run.py leaderboard N table"


HANDOUTS = notebooks(FOLDERS)


@pytest.mark.parametrize("path", HANDOUTS, ids=[path.parent.name for path in HANDOUTS])
def test_a_handout_is_stored_in_order_and_without_outputs(path):
    text = path.read_bytes().decode("utf-8")
    notebook = nbformat.reads(text, as_version=4)
    assert text == text_of(normal_form(notebook)), "python run.py format"
    rules = (hygiene.kernel, hygiene.widget_state, hygiene.installs, hygiene.ids, hygiene.explained)
    said = [problem for rule in (*rules, hygiene.length) for problem in rule(notebook)]
    assert not said, one_by_one(said)
    for cell in code_cells(notebook):
        assert not cell["outputs"] and not cell["execution_count"], f"clear cell {cell['id']}"


GRADE_ONCE = """
import os
from functools import cache
from lib.grading import check, grade

os.chdir({folder!r})
grade.save = lambda folder, results: None
everything = cache(check.grade)
check.grade = lambda folder, names: everything(folder)
"""


@pytest.mark.parametrize("path", HANDOUTS, ids=[path.parent.name for path in HANDOUTS])
def test_a_handout_runs_to_its_end_with_nothing_solved(path, tmp_path):
    """All its checks are answered from one run of the tests, which takes a fraction of the time."""
    notebook = nbformat.read(path, as_version=4)
    first = nbformat.v4.new_code_cell(GRADE_ONCE.format(folder=str(path.parent)))
    notebook.cells.insert(0, first)
    nbformat.write(notebook, tmp_path / path.name)
    ran = execute(tmp_path / path.name)
    assert not ran.error, ran.error
    for cell in code_cells(ran.notebook)[1:]:
        if "check(" in cell["source"]:
            said = str(cell["outputs"])
            assert "not written yet" in said or "first do" in said, f"cell {cell['id']}: {said}"


@pytest.mark.parametrize("path", HANDOUTS, ids=[path.parent.name for path in HANDOUTS])
def test_a_handout_asks_for_every_problem_once(path):
    cells = "\n".join("".join(cell["source"]) for cell in code_cells(nbformat.read(path, 4)))
    asked = Counter(re.findall(r'"(\w+)"', "".join(re.findall(r"check\(([^)]*)\)", cells))))
    assert asked == Counter(problem.id for problem in read_problems(path.parent))


@pytest.mark.parametrize("path", HANDOUTS, ids=[path.parent.name for path in HANDOUTS])
def test_what_a_handout_says_to_write_is_where_it_says(path):
    """As in: **Write** `reduce_each` and `reduce_flat` in `systems/ddp.py`."""
    text = "\n".join(cell["source"] for cell in nbformat.read(path, 4)["cells"])
    orders = re.findall(r"\*\*Write\*\* ([^.\n]*(?:\.\w+[^.\n]*)*?) in `(\w+/\w+\.py)`", text)
    assert orders
    for words, file in orders:
        tree = ast.parse((path.parent / file).read_text(encoding="utf-8"))
        kinds = (ast.FunctionDef, ast.ClassDef)
        defined = {node.name for node in ast.walk(tree) if isinstance(node, kinds)}
        for name in re.findall(r"`([\w.]+)`", words):
            assert set(name.split(".")) <= defined, f"{file} has no {name}"
