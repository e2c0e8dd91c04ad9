"""Python code in the colours of the reader's theme.

JupyterLab and exported pages define the colours as CSS variables, for light and dark; anywhere else
the fallbacks hold, and where styles are stripped plain code remains.
"""

import html

from pygments.lexers import PythonLexer
from pygments.token import Comment, Keyword, Name, Number, Operator, String, _TokenType

# The first kind that contains a token decides. Fallbacks read on white and on black (over 4:1).
STYLES = {
    Comment: "color:var(--jp-mirror-editor-comment-color,#408080);font-style:italic",
    String: "color:var(--jp-mirror-editor-string-color,#ba4545)",
    Keyword: "color:var(--jp-mirror-editor-keyword-color,#2e8b2e);font-weight:bold",
    Operator.Word: "color:var(--jp-mirror-editor-keyword-color,#2e8b2e);font-weight:bold",
    Number: "color:var(--jp-mirror-editor-number-color,#2e8b2e)",
    Name.Function: "color:var(--jp-mirror-editor-def-color,#5a7ac8)",
    Name.Class: "color:var(--jp-mirror-editor-def-color,#5a7ac8)",
    Name.Decorator: "color:var(--jp-mirror-editor-meta-color,#a064dc)",
}


def highlighted(code: str) -> str:
    """HTML spans for the code; none crosses the end of a line, so one may split there."""
    lexer = PythonLexer(stripnl=False, ensurenl=False)
    return "".join(_spans(text, _style(kind)) for kind, text in lexer.get_tokens(code))


def _spans(text: str, style: str | None) -> str:
    """The text, each of its lines in its own span."""
    lines = html.escape(text, quote=False).split("\n")
    if style is None:
        return "\n".join(lines)
    return "\n".join(f'<span style="{style}">{line}</span>' if line else "" for line in lines)


def _style(kind: _TokenType) -> str | None:
    return next((style for group, style in STYLES.items() if kind in group), None)
