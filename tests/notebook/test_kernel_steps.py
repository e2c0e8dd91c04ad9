"""Accesses of a kernel beside its source: what the sentence, the line and the cells say."""

import re

import pytest
import torch

from lib.kernels.accesses import record_accesses
from lib.kernels.language import has_triton, interprets, jit, tl
from lib.notebook.kernel_steps import kernel_steps

pytestmark = pytest.mark.skipif(not interprets(), reason="needs Triton's interpreter")

if has_triton():

    @jit
    def twice_kernel(x_ptr, out_ptr, n_rows, n_columns, BLOCK: tl.constexpr):
        rows = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)[:, None]
        columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)[None, :]
        inside = (rows < n_rows) & (columns < n_columns)
        x = tl.load(x_ptr + rows * n_columns + columns, mask=inside)
        tl.store(out_ptr + rows * n_columns + columns, 2 * x, mask=inside)


@pytest.fixture(scope="module")
def trace():
    x, out = torch.arange(15.0).reshape(3, 5), torch.zeros(3, 5)
    with record_accesses(x=x, out=out) as trace:
        twice_kernel[(2, 3)](x, out, 3, 5, BLOCK=2)
    return trace


def test_the_last_access_stays_where_scripts_do_not_run(trace):
    shown = kernel_steps(trace, twice_kernel)
    open_part = shown.html.partition("<script>")[0]
    assert "Access 12 of 12: program (1, 2) stores element 14 of out; 3 of its 4 lanes are" in (
        shown.text
    )
    cells = re.findall(r"<td.*?</td>", open_part)
    masked = [f'<td class="no"><i>{n}</i>–</td>' for n in (15, 19, 20)]
    assert cells == ["<td><i>14</i>28</td>", *masked]
    marked = re.search(r'aria-current="step"[^>]*>(.*)</span>', open_part)[1]
    assert "tl.store" in re.sub("<.*?>", "", marked)


def test_the_first_accesses(trace):
    shown = kernel_steps(trace, twice_kernel, first=1)
    assert "program (0, 0) loads 4 elements between 0 and 6 of x." in shown.text
    assert shown.html.count("<tr><td><i>0</i>0</td><td><i>1</i>1</td></tr>") == 1


def test_pages_stay_small(trace):
    assert len(kernel_steps(trace, twice_kernel).html) < 20_000


def test_a_kernel_that_did_not_run_and_one_that_ran_long(trace):
    other = jit(twice_kernel.fn)
    other.fn.__name__, name = "other_kernel", other.fn.__name__
    with pytest.raises(ValueError, match="no access of other_kernel: it recorded twice_kernel"):
        kernel_steps(trace, other)
    other.fn.__name__ = name
    x = torch.zeros(101, 1)
    with record_accesses() as long:
        twice_kernel[(101, 1)](x, x, 101, 1, BLOCK=1)
    with pytest.raises(ValueError, match=r"202 accesses, and a slider has at most 200"):
        kernel_steps(long, twice_kernel)
