"""Each rule against a lecture that is broken in exactly that way, then all rules against ours."""

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scratch_notebooks import good_lecture

from lib.notebook.files import LECTURES, REPO, notebooks
from lib.notebook.hygiene import main, problems, problems_of_file
from lib.notebook.normal_form import fingerprint, text_of

Notebook = dict[str, Any]
CODE = slice(1, None, 2)  # every second cell


def show(html: str) -> dict[str, Any]:
    return {"output_type": "display_data", "data": {"text/html": html}, "metadata": {}}


def write(nb: Notebook, i: int, source: str) -> None:
    """Change code and run it again, so that only the wanted rule is broken."""
    nb["cells"][i]["source"] = source
    nb["metadata"]["lecture"]["executed"] = fingerprint(nb)


def out_of_order(nb: Notebook) -> None:
    nb["cells"][3]["execution_count"], nb["cells"][5]["execution_count"] = 3, 2


def never_run(nb: Notebook) -> None:
    for cell in nb["cells"][CODE]:
        cell["execution_count"] = None


def stored_error(nb: Notebook) -> None:
    error = {"output_type": "error", "ename": "KeyError", "evalue": "1", "traceback": []}
    nb["cells"][3]["outputs"].append(error)


def changed_code(nb: Notebook) -> None:
    nb["cells"][3]["source"] = "1 + 2"


def other_kernel(nb: Notebook) -> None:
    nb["metadata"]["kernelspec"]["name"] = "my-env"


def widget_state(nb: Notebook) -> None:
    nb["metadata"]["widgets"] = {"application/vnd.jupyter.widget-state+json": {}}


def no_setup(nb: Notebook) -> None:
    write(nb, 1, "%load_ext lib.notebook")


def second_extension(nb: Notebook) -> None:
    write(nb, 3, "%load_ext autoreload")


def pip(nb: Notebook) -> None:
    write(nb, 3, "x = 1\n!pip install numpy")


def percent_pip(nb: Notebook) -> None:
    write(nb, 3, "%pip install numpy")


def repeated_id(nb: Notebook) -> None:
    nb["cells"][3]["id"] = nb["cells"][5]["id"]


def random_id(nb: Notebook) -> None:
    nb["cells"][3]["id"] = "9f3a01bc"


def no_sentences(nb: Notebook) -> None:
    nb["cells"] = [nb["cells"][0], *nb["cells"][CODE]]


def four_in_a_row(nb: Notebook) -> None:
    for i in range(20):  # many good cells, so that the share stays high
        nb["cells"].insert(0, {**nb["cells"][0], "id": f"early-{i}"})
    first = nb["cells"].index(next(c for c in nb["cells"] if c["cell_type"] == "code"))
    for i, name in enumerate(["one", "two", "three"]):
        cell = {**copy.deepcopy(nb["cells"][first]), "id": f"added-{name}", "source": ""}
        nb["cells"].insert(first + 1 + i, cell)


def long_cell(nb: Notebook) -> None:
    write(nb, 3, "\n".join(f"x{i} = {i}" for i in range(26)))


def bare_picture(nb: Notebook) -> None:
    nb["cells"][3]["outputs"][0]["data"]["image/png"] = "aGVsbG8="


def silent_picture(nb: Notebook) -> None:
    nb["cells"][3]["outputs"].append(show("<img src='data:,'>"))


def empty_alt(nb: Notebook) -> None:
    nb["cells"][3]["outputs"].append(show('<img alt="" src="data:,">'))


def silent_markdown_picture(nb: Notebook) -> None:
    nb["cells"][2]["source"] = "See: ![](figure.png)"


def somebodys_path(nb: Notebook) -> None:
    nb["cells"][5]["outputs"][0]["text"] = "saved to /home/ada/lectures/model.pt\n"


def this_machines_path(nb: Notebook) -> None:
    nb["cells"][5]["outputs"][0]["text"] = f"reading {REPO / 'lib'}\n"


def address(nb: Notebook) -> None:
    nb["cells"][5]["outputs"][0]["text"] = "0x7f3a12345678\n"


def huge_output(nb: Notebook) -> None:
    nb["cells"][3]["outputs"].append(show("x" * 400_001))


BROKEN: dict[Callable[[Notebook], None], str] = {
    out_of_order: r"top to bottom: the cells ran as \[1, 3, 2\]",
    never_run: "without outputs",
    stored_error: "'code-1' stores an error: KeyError",
    changed_code: "do not come from this code",
    other_kernel: "'my-env'",
    widget_state: "state of widgets",
    no_setup: "not the set-up cell",
    second_extension: "only the set-up cell",
    pip: "installs something",
    percent_pip: "installs something",
    repeated_id: "2 cells have the id 'code-2'",
    random_id: "'9f3a01bc' means nothing",
    no_sentences: "2 of 3 code cells do not follow",
    four_in_a_row: "number 4 in a row",
    long_cell: "26 lines",
    bare_picture: "bare image/png",
    silent_picture: "without alt text",
    empty_alt: "without alt text",
    silent_markdown_picture: "'text-1' shows a picture without alt text",
    somebodys_path: "path of one machine",
    this_machines_path: "path of one machine",
    address: "memory address",
    huge_output: "400 kB",
}


def test_a_good_lecture_has_no_problems():
    nb = good_lecture()
    assert problems(nb, text_of(nb)) == []


@pytest.mark.parametrize("breaks", BROKEN, ids=lambda breaks: breaks.__name__)
def test_each_rule_sees_its_own_fault(breaks):
    nb = good_lecture()
    breaks(nb)
    found = problems(nb)
    assert any(re.search(BROKEN[breaks], problem) for problem in found), found


def test_size_and_layout_of_the_file_are_checked():
    nb = good_lecture()
    assert "not in normal form" in problems(nb, text_of(nb) + "\n")[0]
    nb["cells"][0]["source"] = "long " * 400_000
    assert "2001 kB" in problems(nb, text_of(nb))[0]


def test_the_command_names_the_file_and_fails(tmp_path, capsys):
    nb = good_lecture()
    (tmp_path / "01_good.ipynb").write_text(text_of(nb), encoding="utf-8", newline="\n")
    assert main([str(tmp_path)]) == 0
    changed_code(nb)
    (tmp_path / "02_bad.ipynb").write_text(text_of(nb), encoding="utf-8", newline="\n")
    assert main([str(tmp_path)]) == 1
    assert "02_bad.ipynb: the outputs do not come from this code" in capsys.readouterr().out


@pytest.mark.parametrize("path", notebooks([LECTURES]), ids=lambda path: Path(path).stem)
def test_our_lectures_keep_every_rule(path):
    assert problems_of_file(path) == []
