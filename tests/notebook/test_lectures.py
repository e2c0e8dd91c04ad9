"""The command that runs lectures: the table, the exit status, what it saves and compares."""

import nbformat
import pytest
from scratch_notebooks import good_lecture, notebook

from lib.notebook.files import find_lectures
from lib.notebook.hygiene import executed, order
from lib.notebook.lectures import main
from lib.notebook.normal_form import text_of
from lib.notebook.same import first_difference


def test_saving_keeps_the_outputs_of_lectures_that_ran(tmp_path, capsys):
    good, bad = tmp_path / "01_good.ipynb", tmp_path / "02_bad.ipynb"
    nbformat.write(notebook("x = 20", "print(x + 1)"), good)
    nbformat.write(notebook("print('so far so good')", "1 / 0"), bad)
    before = bad.read_bytes()
    assert main([str(good), str(bad), "--save"]) == 1
    shown = capsys.readouterr()
    assert [line.split()[:2] for line in shown.out.splitlines()[2:]] == [
        ["01_good", "passed"],
        ["02_bad", "FAILED"],
    ]
    assert "ZeroDivisionError" in shown.err and "\x1b" not in shown.err
    saved = nbformat.read(good, 4)
    assert saved.cells[3].outputs[0].text == "21\n"
    assert list(order(saved)) + list(executed(saved)) == []
    assert bad.read_bytes() == before


def test_a_second_run_must_show_the_same(tmp_path, capsys):
    path, first = tmp_path / "01_clock.ipynb", tmp_path / "first"
    first.mkdir()
    nb = notebook("import time", "time.time_ns()")
    nbformat.write(nb, path)
    nb.cells[3].outputs = [nbformat.v4.new_output("execute_result", {"text/plain": "12345"})]
    nbformat.write(nb, first / path.name)
    assert main([str(path), "--same-as", str(first)]) == 1
    assert "Cell 'code-1' showed something else" in capsys.readouterr().err
    nb.cells[3].metadata.tags = ["varies"]
    nbformat.write(nb, path)
    nbformat.write(nb, first / path.name)
    assert main([str(path), "--same-as", str(first)]) == 0


def test_the_first_difference_is_quoted():
    other = good_lecture()
    assert first_difference(good_lecture(), other) == ""
    data = {"text/plain": "2", "text/html": "<b>2</b>"}
    first = good_lecture()
    first["cells"][3]["outputs"][0]["data"] = data
    other["cells"][3]["outputs"][0]["data"] = dict(reversed(data.items()))
    assert first_difference(first, other) == ""  # files sort the formats, kernels do not
    other = good_lecture()
    other["cells"][5]["outputs"][0]["text"] = "hallo\n"
    report = first_difference(good_lecture(), other)
    assert "'code-2'" in report
    assert "- stdout: hello" in report and "+ stdout: hallo" in report


def test_what_is_printed_around_a_picture_may_be_joined():
    apart, joined = good_lecture(), good_lecture()
    printed = apart["cells"][5]["outputs"][0]
    picture = {"output_type": "display_data", "data": {"text/plain": "a picture"}, "metadata": {}}
    apart["cells"][5]["outputs"] = [printed, picture, printed | {"text": "bye\n"}]
    joined["cells"][5]["outputs"] = [printed | {"text": printed["text"] + "bye\n"}, picture]
    assert first_difference(apart, joined) == ""
    joined["cells"][5]["outputs"][0]["text"] += "more\n"
    assert "+ stdout: more" in first_difference(apart, joined)


def test_lectures_are_found_by_number_name_and_path(tmp_path, monkeypatch):
    monkeypatch.setattr("lib.notebook.files.LECTURES", tmp_path)
    names = ["00_start_here", "01_tokens", "10_systems"]
    paths = [tmp_path / f"{name}.ipynb" for name in names]
    for path in paths:
        path.write_text(text_of(good_lecture()), encoding="utf-8")
    (tmp_path / "notes.ipynb").write_text("", encoding="utf-8")
    assert find_lectures() == paths
    assert find_lectures(["1", "system", str(paths[0])]) == [paths[1], paths[2], paths[0]]
    with pytest.raises(LookupError, match=r"'7' means 0 lectures.*00_start_here, 01_tokens"):
        find_lectures(["7"])
