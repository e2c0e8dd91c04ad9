"""source: the code on disk, with a link to its line; a sentence for everything else."""

import functools
import html
import re

import numpy as np
import pytest

from lib.kernels.vector_add import vector_add_kernel, vector_add_op
from lib.notebook import rendered, tables
from lib.notebook.highlight import highlighted
from lib.notebook.rendered import Rendered
from lib.notebook.source import REPO, listing


def plain(markup: str) -> str:
    return html.unescape(re.sub("<[^>]*>", "", markup))


def line_at(link: str) -> str:
    """The line of the file that a link of a listing points to."""
    path, line = re.search(r'href="\.\./([^"]+)#L(\d+)"', link).groups()
    return (REPO / path).read_text(encoding="utf-8").splitlines()[int(line) - 1]


def test_a_function_under_a_link_to_its_line():
    shown = listing(tables.written)
    assert line_at(shown.html).startswith("def written(")
    assert shown.text.startswith("lib/notebook/tables.py, line ")
    where, code = shown.text.split("\n\n", 1)
    assert plain(shown.html) == where + code


def test_the_code_survives_colouring():
    file = REPO / "lib" / "notebook" / "tables.py"
    code = file.read_text(encoding="utf-8")
    assert plain(highlighted(code)) == code
    assert plain(listing(tables).html).endswith(code.rstrip())


def test_no_colour_crosses_a_line():
    for line in highlighted('"""one\ntwo < three"""\n# four\nx = 5').split("\n"):
        assert line.count("<span") == line.count("</span>")


def test_a_method_is_moved_to_the_left_margin():
    shown = listing(Rendered._repr_html_)
    assert line_at(shown.html).strip().startswith("def _repr_html_")
    assert shown.text.endswith("def _repr_html_(self) -> str:\n    return self.html")


def test_classes_and_modules():
    assert line_at(listing(rendered).html) == '"""' + rendered.__doc__.splitlines()[0] + '"""'
    assert "class Rendered:" in listing(Rendered).text


def test_kernels_and_ops_show_the_function_behind_them():
    for thing, line in ((vector_add_kernel, "@jit"), (vector_add_op, "@torch.library.custom_op")):
        assert line_at(listing(thing).html).startswith(line)
    assert "tl.load(x_ptr + offsets, mask=inside)" in listing(vector_add_kernel).text


def test_decorators_and_partials_lead_to_the_function_inside():
    @functools.wraps(tables.written)
    def wrapper(*args):
        return tables.written(*args)

    for thing in (wrapper, functools.cache(tables.written), functools.partial(wrapper, 1)):
        assert listing(thing) == listing(tables.written)
    held = property(tables.written)
    assert listing(held) == listing(tables.written)


def test_other_code_gets_a_sentence():
    assert listing(len).text == "`len` is compiled code: there is no Python source to show."
    assert "`mean` comes from the package `numpy`" in listing(np.mean).text
    assert "<code>numpy</code>" in listing(np.mean).html
    here = {"__name__": "__main__"}
    exec("def f(): pass\nclass A: pass", here)
    assert "defined in a cell" in listing(here["f"]).text
    assert "compiled code" in listing(int).text


def test_a_value_is_told_to_show_its_class():
    with pytest.raises(
        TypeError, match=r"a value of type int. For its class: source\(type\(value\)\)"
    ):
        listing(3)
