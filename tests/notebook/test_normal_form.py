"""The stored form: what it keeps, what it drops, and that doing it twice changes nothing."""

import copy

import nbformat
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_output
from scratch_notebooks import good_lecture, notebook

from lib.notebook.normal_form import WIDGET_VIEW, fingerprint, main, normal_form, text_of


def outputs_of(*outputs):
    """What the normal form makes of these outputs of one cell."""
    nb = notebook("code")
    nb.cells[1].update(outputs=list(outputs), execution_count=4)
    return normal_form(nb)["cells"][1]["outputs"]


def test_sources_ids_tags_text_and_pictures_stay():
    nb = good_lecture()
    nb["cells"][3]["metadata"] = {"tags": ["varies"], "slideshow": {"slide_type": "slide"}}
    assert normal_form(nb) == nb


def test_the_argument_stays_as_it_is():
    nb = notebook("code")
    nb.cells[1].metadata.execution = {"iopub.execute_input": "2026-01-01"}
    before = copy.deepcopy(nb)
    normal_form(nb)
    assert nb == before


def test_timings_widget_state_and_versions_go():
    nb = notebook("code")
    nb.metadata.update(widgets={"state": 1}, language_info={"name": "python", "version": "3.11.7"})
    nb.cells[1].metadata.update(execution={"iopub.execute_input": "2026-01-01"}, scrolled=True)
    normal = normal_form(nb)
    assert normal["metadata"]["language_info"] == {"name": "python"}
    assert "widgets" not in normal["metadata"]
    assert normal["cells"][1]["metadata"] == {}


def test_a_widget_leaves_its_static_twin_and_nothing_else():
    twin = {WIDGET_VIEW: {"model_id": "a1"}, "text/plain": "slider at 1", "text/html": "<p>1</p>"}
    (kept,) = outputs_of(new_output("display_data", twin))
    assert kept["data"] == {"text/plain": "slider at 1", "text/html": "<p>1</p>"}
    bare = {WIDGET_VIEW: {"model_id": "a1"}, "text/plain": "VBox(children=())"}
    assert outputs_of(new_output("display_data", bare)) == []


def test_pieces_of_a_stream_become_one():
    pieces = [("stdout", "a"), ("stdout", "b\n"), ("stderr", "c\n"), ("stdout", "d\n")]
    kept = outputs_of(*(new_output("stream", name=name, text=text) for name, text in pieces))
    assert [(o["name"], o["text"]) for o in kept] == [
        ("stdout", "ab\n"),
        ("stderr", "c\n"),
        ("stdout", "d\n"),
    ]


def test_a_progress_bar_leaves_what_was_on_the_screen_last():
    bar = new_output("stream", name="stderr", text="\r 10%\r 55%\r100%\ndone\n")
    assert outputs_of(bar)[0]["text"] == "100%\ndone\n"
    gone = new_output("stream", name="stderr", text="\r 10%\r 55%\r     \r")
    assert outputs_of(gone) == []


def test_memory_addresses_are_masked_but_numbers_are_not():
    text = "<object object at 0x7f00aa11bb22> 0x7f00aa11bb22 at 0x41"
    (kept,) = outputs_of(new_output("display_data", {"text/plain": text}))
    assert kept["data"]["text/plain"] == "<object object at 0x…> 0x7f00aa11bb22 at 0x41"


def test_a_result_carries_the_number_of_its_cell():
    (kept,) = outputs_of(new_output("execute_result", {"text/plain": "2"}, execution_count=9))
    assert kept["execution_count"] == 4


def test_the_text_reads_back_and_ends_with_one_newline():
    text = text_of(good_lecture())
    assert text.endswith("}\n") and not text.endswith("\n\n")
    assert text_of(normal_form(nbformat.reads(text, as_version=4))) == text


def test_the_fingerprint_depends_on_code_and_its_cells_alone():
    assert fingerprint(notebook("a", "b")) != fingerprint(notebook("a", "c"))
    assert fingerprint(notebook("a", "b")) != fingerprint(notebook("ab"))
    other_text = notebook("a", "b")
    other_text.cells[0].source = "Another sentence."
    assert fingerprint(notebook("a", "b")) == fingerprint(other_text)


texts = st.text(st.sampled_from("ab\r\n 0xf at") | st.characters(codec="utf-8"), max_size=40)
streams = st.builds(
    new_output, st.just("stream"), name=st.sampled_from(["stdout", "stderr"]), text=texts
)
shown = st.builds(
    new_output,
    st.just("display_data"),
    st.dictionaries(
        st.sampled_from(["text/plain", "text/html", "text/markdown"]), texts, min_size=1
    ),
)


@settings(max_examples=60)
@given(st.lists(streams | shown, max_size=6))
def test_twice_is_the_same_as_once(outputs):
    nb = notebook("code")
    nb.cells[1].update(outputs=outputs, execution_count=1)
    once = normal_form(nb)
    assert normal_form(once) == once
    assert text_of(normal_form(nbformat.reads(text_of(once), as_version=4))) == text_of(once)


def test_the_command_rewrites_only_what_differs(tmp_path, capsys):
    (tmp_path / "one.ipynb").write_text(text_of(good_lecture()), encoding="utf-8", newline="\n")
    (tmp_path / "two.ipynb").write_text(text_of(notebook("x")), encoding="utf-8", newline="\n")
    main([str(tmp_path)])
    assert capsys.readouterr().out == f"normalised {tmp_path / 'two.ipynb'}\n"
    main([str(tmp_path)])
    assert capsys.readouterr().out == ""
