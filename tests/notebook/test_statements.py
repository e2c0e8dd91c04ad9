"""Which lines make one statement, and which loops it is in."""

import ast
from pathlib import Path
from textwrap import dedent

import pytest

from lib.notebook.statements import statements


def spans(text: str) -> dict[int, tuple[int, int]]:
    return {line: (s.first, s.last) for line, s in statements(dedent(text).lstrip("\n")).items()}


def test_a_statement_over_several_lines_is_one():
    assert spans("""
        a = [
            1,
        ]
        b = 2
    """) == {1: (1, 3), 2: (1, 3), 3: (1, 3), 4: (4, 4)}


def test_a_head_ends_where_its_block_begins():
    found = spans("""
        @cache
        def f(
            x,
        ):
            # a comment
            return x

        if (f(1)
                and f(2)):
            pass
        elif f(3):
            pass
        else:
            pass
    """)
    assert found[1] == found[3] == (1, 3)
    assert found[6] == (6, 6)
    assert found[8] == found[9] == (8, 9)
    assert found[11] == (11, 11)
    assert 5 not in found and 13 not in found


def test_try_with_and_match_have_heads_too():
    found = spans("""
        try:
            pass
        except (KeyError,
                ValueError) as problem:
            pass
        finally:
            pass
        with open(a) as b, \\
                open(c) as d:
            pass
        match x:
            case [1,
                  2] if y:
                pass
    """)
    assert found[4] == (3, 4)
    assert found[9] == (8, 9)
    assert found[13] == (12, 13)


def test_the_loops_around_a_statement():
    found = statements(
        dedent("""
        for a in b:
            while c:
                d
            def f():
                g
        else:
            h
        """).lstrip("\n")
    )
    assert {line: s.loops for line, s in found.items()} == {
        1: (), 2: (1,), 3: (1, 2), 4: (1,), 5: (), 7: ()
    }  # fmt: skip
    assert [line for line, s in found.items() if s.is_loop] == [1, 2]


@pytest.mark.parametrize(
    "path", [ast.__file__, dedent.__code__.co_filename], ids=["ast", "textwrap"]
)
def test_every_statement_of_real_code_is_found(path):
    text = Path(path).read_text(encoding="utf-8")
    found = statements(text)
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.stmt)]
    assert len(nodes) > 100
    assert all(found[node.lineno].first <= node.lineno <= found[node.lineno].last for node in nodes)
