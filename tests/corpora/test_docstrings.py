"""Docstrings by parsing, against what Python itself says after importing."""

import inspect
import json
import textwrap

import pytest

from lib.corpora.docstrings import docstrings


def found(code):
    return dict(docstrings(textwrap.dedent(code), "m"))


def test_names_and_indentation():
    code = '''
        """The module."""
        class A:
            """A class.

                indented
            and not
            """
            def method(self):
                "A method."
        async def f():
            """A function."""
            def inner():
                """Nobody can look this up."""
        if True:
            def g(): "Under a condition."
        try:
            import nothing
        except ImportError:
            def h(): "In a handler."
        else:
            class B: "Otherwise."
    '''
    assert found(code) == {
        "m": "The module.",
        "m.A": "A class.\n\n    indented\nand not",
        "m.A.method": "A method.",
        "m.f": "A function.",
        "m.g": "Under a condition.",
        "m.h": "In a handler.",
        "m.B": "Otherwise.",
    }


@pytest.mark.parametrize("module", [json, textwrap], ids=lambda module: module.__name__)
def test_agrees_with_the_imported_module(module):
    ours = dict(docstrings(inspect.getsource(module), module.__name__))
    for name, text in ours.items():
        thing = module
        for part in name.split(".")[1:]:
            thing = getattr(thing, part)
        assert text == inspect.getdoc(thing)
    assert len(ours) >= 5


def test_numpy_style_calls():
    code = '''
        add_newdoc("numpy._core", "zeros", """
            Of given shape.
            """)
        add_newdoc("numpy", "ndarray", ("sum", "Sum it."))
        add_newdoc("numpy", "flatiter", [("base", "The array."), ("coords", "Where.")])
        for name in names:
            add_newdoc("numpy", name, "not a literal place")
        add_newdoc("numpy", name, "not a literal name")
        add_newdoc("ArrayLike", "typing.Union[...]", "no name at all")
    '''
    assert found(code) == {
        "numpy._core.zeros": "Of given shape.",
        "numpy.ndarray.sum": "Sum it.",
        "numpy.flatiter.base": "The array.",
        "numpy.flatiter.coords": "Where.",
    }


TORCH = '''
args = parse_kwargs("""
    input (Tensor): the input.
    out (Tensor): where it goes,
        on two lines.
""")
more = merge_dicts(args, {"note": "a note"})

add_docstr(torch.abs, r"""
abs(input)

Args:
    {input}
    {elsewhere}

Keyword args:
    {out}
{note} in a {{set}}
""".format(**more) + "The end.")

cross = _add_docstr(_linalg.linalg_cross, "Of vectors.")
add_docstr_all("new_tensor", "A method: {x}".format(x="y"))
add_docstr(torch.later, text_from_elsewhere)
'''

ABS = """abs(input)

Args:
    input (Tensor): the input.

Keyword args:
    out (Tensor): where it goes,
        on two lines.
a note in a {set}
The end."""  # the table with "elsewhere" is in another file: its line is gone


def test_torch_style_calls():
    assert dict(docstrings(TORCH, "torch.linalg")) == {
        "torch.abs": ABS,
        "torch.linalg.cross": "Of vectors.",
        "torch.Tensor.new_tensor": "A method: y",
    }


def test_what_does_not_parse_says_so():
    with pytest.raises(SyntaxError):
        found("print 'old'")
