"""Stepping through Triton kernels: the interpreter runs code that it has rewritten."""

import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import lib.notebook.step as step_module
from lib.kernels.language import has_triton, interprets, jit, tl
from lib.notebook.recording import Recording
from lib.notebook.targets import TargetError, functions_of
from lib.notebook.tracing import Tracing

pytestmark = pytest.mark.skipif(not interprets(), reason="needs Triton's interpreter")

if has_triton():

    @jit
    def doubled(x):
        return x * 2

    @jit
    def sum_rows_kernel(x_ptr, out_ptr, width, BLOCK: tl.constexpr):
        row = tl.program_id(0)
        places = tl.arange(0, BLOCK)
        pointers = x_ptr + row * width + places
        total = tl.zeros((BLOCK,), dtype=tl.float32)
        for start in range(0, width, BLOCK):
            x = tl.load(pointers, mask=places < width - start, other=0.0)
            total += doubled(x.to(tl.float32))
            pointers += BLOCK
        tl.store(out_ptr + row, tl.sum(total, axis=0))


def watched(*functions, dtype=torch.float32) -> Recording:
    """Two rows of three, in tiles of two."""
    tracing = Tracing(100)
    for function in functions:
        for code in functions_of(function):
            tracing.watch(code)
    x, out = torch.arange(6.0).to(dtype).reshape(2, 3), torch.zeros(2)
    tracing.run(lambda: sum_rows_kernel[(2,)](x, out, 3, BLOCK=2))
    assert out.tolist() == [6, 24]
    return tracing.recording


def texts(recording: Recording, name: str) -> list[str]:
    return [s.changed[name].text for s in recording.steps if name in s.changed]


def test_every_program_with_its_tiles():
    recording = watched(sum_rows_kernel)
    assert texts(recording, "row") == ["0", "1"]
    assert texts(recording, "x") == ["0, 1", "2, 0", "3, 4", "5, 0"]  # masked lanes hold `other`
    assert texts(recording, "total") == ["0, 0", "0, 2", "4, 2", "0, 0", "6, 8", "16, 8"]
    shown = next(s.changed["x"] for s in recording.steps if "x" in s.changed)
    assert shown.kind == "tile · shape (2,) · float32" and shown.grid == ((0.0, 1.0),)


def test_pointers_are_offsets_from_the_argument_they_came_from():
    recording = watched(sum_rows_kernel)
    assert texts(recording, "x_ptr") == ["x_ptr + 0"] * 2
    row = "x_ptr + {}, {}"  # the last lies behind the tensor, which a loop may leave there
    steps = [(0, 1), (2, 3), (4, 5), (3, 4), (5, 6), (7, 8)]
    assert texts(recording, "pointers") == [row.format(*pair) for pair in steps]


def test_the_programs_are_named():
    notes = [step.note for step in watched(sum_rows_kernel).steps if step.note]
    assert notes == [
        "sum_rows_kernel starts as program 0, one of 2",
        "the end of program 0, one of 2",
        "sum_rows_kernel starts as program 1, one of 2",
        "the end of program 1, one of 2",
    ]


def test_every_line_says_which_program_runs_it():
    names = [step.stack[-1].name for step in watched(sum_rows_kernel).steps]
    assert names[:2] == ["sum_rows_kernel", "sum_rows_kernel, program 0"]
    assert names[-1] == "sum_rows_kernel, program 1"


def test_the_source_is_the_kernels_with_its_decorator():
    recording = watched(sum_rows_kernel)
    (source,) = recording.sources
    assert source.lines[0] == "@jit"
    assert recording.steps[0].stack[-1].statement.first == source.first
    line = recording.steps[1].stack[-1].statement.first - source.first
    assert source.lines[line] == "    row = tl.program_id(0)"


def test_a_function_that_a_kernel_calls():
    recording = watched(sum_rows_kernel, doubled)
    depths = {len(step.stack) for step in recording.steps}
    assert depths == {1, 2}
    assert "returns tile[2]" in [step.note for step in recording.steps]


def test_bfloat16_is_shown_as_numbers():
    recording = watched(sum_rows_kernel, dtype=torch.bfloat16)
    assert texts(recording, "x") == ["0, 1", "2, 0", "3, 4", "5, 0"]
    kinds = [s.changed["x"].kind for s in recording.steps if "x" in s.changed]
    assert kinds[0] == "tile · shape (2,) · bfloat16"


CELL = """%%step
@jit
def fill_kernel(out_ptr, n, BLOCK: tl.constexpr):
    places = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + places, places, mask=places < n)

assert seen
fill_kernel[(2,)](out, 3, BLOCK=2)"""


def test_a_kernel_that_the_cell_itself_defines():
    from IPython.core.displaypub import CapturingDisplayPublisher

    from lib.notebook.step import register

    InteractiveShell.clear_instance()
    ip = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    ip.display_pub = CapturingDisplayPublisher()
    register(ip)
    ip.user_ns.update(jit=jit, tl=tl, seen=doubled, out=torch.zeros(3, dtype=torch.int32))
    try:
        ip.run_cell(CELL).raise_error()
        page = ip.display_pub.outputs[0]["data"]["text/html"]
        assert ip.user_ns["out"].tolist() == [0, 1, 2]
    finally:
        InteractiveShell.clear_instance()
    assert "fill_kernel starts as program 1, one of 2" in page
    assert "<i>kernel</i> <code>fill_kernel(out_ptr, n, BLOCK)</code>" in page
    assert "<b>seen</b>" not in page  # another kernel is a tool, not a variable
    assert "<b>places</b> <i>tile · shape (2,) · int32</i> <code>2, 3</code>" in page


def sum_two_rows(x, out):
    sum_rows_kernel[(2,)](x, out, 3, BLOCK=2)
    return out.sum()


def test_a_compiled_kernel_is_stepped_through_in_another_process(monkeypatch):
    import triton

    compiled = triton.runtime.jit.JITFunction(sum_rows_kernel.fn)
    shown = []
    monkeypatch.setattr(step_module, "_show", lambda recording, title: shown.append(recording))
    x, out = torch.arange(6.0).reshape(2, 3), torch.zeros(2)
    assert step_module.step(sum_two_rows, x, out, into=compiled).item() == 30
    assert out.tolist() == [6, 24]  # changed in place there, so here too
    assert texts(shown[0], "x")[1:] == ["0, 1", "2, 0", "3, 4", "5, 0"]


def test_a_kernel_without_a_module_is_sent_there_once(monkeypatch):
    """As a kernel of a notebook's cell, whose source travels with the function that launches it."""
    import triton

    @jit
    def seven_kernel(out_ptr):
        tl.store(out_ptr, 7)

    def seven(out):
        seven_kernel[(1,)](out)

    seven_kernel = triton.runtime.jit.JITFunction(seven_kernel.fn)
    shown, out = [], torch.zeros(1)
    monkeypatch.setattr(step_module, "_show", lambda recording, title: shown.append(recording))
    step_module.step(seven, out, into=seven_kernel)
    assert out.item() == 7
    assert "the end of program 0, one of 1" in [step.note for step in shown[0].steps]


def test_a_compiled_kernel_says_what_to_do():
    import triton

    compiled = triton.runtime.jit.JITFunction(doubled.fn)
    with pytest.raises(TargetError, match="doubled is compiled for a GPU in this process"):
        functions_of(compiled)
