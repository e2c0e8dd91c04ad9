"""The stages of a compiled kernel side by side, from a small one written by hand."""

import re
from dataclasses import replace

import pytest

from lib.kernels.compile_to import Compiled
from lib.notebook.ptx_view import MOST, essential, ptx_view

TTIR = """#loc = loc("/home/me/k.py":7:0)
module {
  tt.func public @k(%x_ptr: !tt.ptr<f32> {tt.divisibility = 16 : i32} loc("x_ptr"(#loc))) {
    %x = tt.load %x_ptr : !tt.ptr<f32> loc(#loc1)
    tt.store %x_ptr, %x : !tt.ptr<f32> loc(#loc2)
    tt.return loc(#loc2)
  } loc(#loc)
} loc(#loc)
#loc1 = loc("/home/me/k.py":8:4)
#loc2 = loc("/home/me/k.py":9:4)
"""
PTX = """//
.target sm_90a
.visible .entry k(
	.param .u64 k_param_0
)
{
	.loc	1 7 0                           // k.py:7:0
$L__func_begin0:
	.loc	1 8 4                           // k.py:8:4
	ld.global.b32 	%r1, [ %rd1 ];
	.loc	1 9 4                           // k.py:9:4
	st.global.b32 	[ %rd1 ], %r1;
	ret;
}
	.file	1 "/home/me/k.py"
"""
KERNEL = Compiled(
    name="k",
    target=90,
    ttir=TTIR,
    ttgir=TTIR,
    llir="",
    ptx=PTX,
    cubin=b"",
    registers=8,
    spills=0,
    shared_bytes=0,
    num_warps=1,
    file="/home/me/k.py",
    first_line=6,
    source="@jit\ndef k(x_ptr):\n    x = tl.load(x_ptr)\n    tl.store(x_ptr, x)\n",
)


def linked(html, line):
    """The texts that belong to a line of the source, over all columns."""
    found = re.findall(rf'<span [^>]*data-l="{line}">(.*?)</span>', html)
    return [" ".join(re.sub("<.*?>", "", text).split()) for text in found]


def test_lines_that_belong_together():
    html = ptx_view(KERNEL).html
    assert linked(html, 8) == [
        "8 x = tl.load(x_ptr)",
        "%x = tt.load %x_ptr : !tt.ptr&lt;f32&gt;",
        "ld.global.b32 %r1, [ %rd1 ];",
    ]
    assert "st.global.b32 [ %rd1 ], %r1;" in linked(html, 9)


def test_the_stages_may_name_a_file_of_an_earlier_process():
    moved = replace(KERNEL, file="/tmp/other/cell.py")
    assert linked(ptx_view(moved).html, 8) == linked(ptx_view(KERNEL).html, 8)


def test_only_the_code_of_the_kernel():
    html = ptx_view(KERNEL, ("ttir", "ttgir", "ptx")).html
    assert "/home/me" not in html and "#loc" not in html and ".file" not in html
    assert next(text for _, text in essential("ptx", PTX)) == ".visible .entry k("
    assert [n for n, _ in essential("ttir", TTIR)] == [3, 4, 5, 6, 7]


def test_the_texts_stay_where_scripts_do_not_run():
    shown = ptx_view(KERNEL)
    open_part = shown.html.partition("<script>")[0]
    assert "<b>4 lines of Triton become 5 of TTIR and 8 of PTX</b>" in open_part
    assert 'aria-label="The kernel k in Triton, TTIR and PTX' in open_part
    assert "ld.global.b32" in open_part and "become 5 of TTIR" in shown.text


def test_long_stages_are_cut():
    more = "\tadd.s32 %r1, %r1, %r1;\n" * MOST
    long = replace(KERNEL, ptx=PTX.replace("\tret;", more + "\tret;"))
    html = ptx_view(long).html
    assert "… 8 more lines" in html and html.count("add.s32") == MOST - 6


def test_stages_that_are_not_there():
    with pytest.raises(ValueError, match=r"\['llir'\] cannot be shown: choose from ttir, ttgir"):
        ptx_view(KERNEL, ("llir",))
