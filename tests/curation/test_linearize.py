"""Discussions, repositories, LaTeX and PDF as texts."""

import io

import matplotlib.pyplot as plt
import pytest
from matplotlib.backends.backend_pdf import PdfPages

from lib.corpora.little_web import LittleWeb
from lib.curation.linearize import (
    PERMISSIVE,
    latex_text,
    licences,
    read_thread,
    repository_text,
    thread_text,
)
from lib.curation.pdf import pages_text, pdf_text


def test_a_thread_by_hand():
    thread = {
        "author": "",
        "text": "Title",
        "answers": [
            {"author": "ada", "text": "One. ", "answers": [{"author": "bob", "text": "Two."}]},
            {"author": "", "text": "", "answers": [{"author": "eve", "text": "Three."}]},
        ],
    }
    assert thread_text(thread) == "Title\n\nada: One.\n\nbob: Two.\n\neve: Three."
    assert thread_text({}) == ""


def test_a_deep_thread_is_no_problem():
    thread: dict = {"author": "a", "text": "0"}
    for n in range(1, 5000):
        thread = {"author": "a", "text": str(n), "answers": [thread]}
    assert thread_text(thread).endswith("a: 1\n\na: 0")


def test_threads_of_the_little_web_are_read_exactly():
    n = 0
    for page in LittleWeb(hosts=("forum.example",)).pages.values():
        if page.truth.kind == "thread":
            assert thread_text(read_thread(page.body.decode())) == page.truth.main_text
            n += 1
    assert n == 18


def test_a_repository():
    files = {
        "src/b.py": "b = 1\n",
        "README.md": "# Name\n",
        "src/a.py": "# SPDX-License-Identifier: Apache-2.0 OR MIT\na = 1",
        "node_modules/x.js": "x",
        "data.csv": "1," * 60_000,
        "picture.png": "\0",
    }
    written = "README.md\n# Name\n\nsrc/a.py\n# SPDX-License-Identifier: Apache-2.0 OR MIT\na = 1"
    assert repository_text(files) == f"{written}\n\nsrc/b.py\nb = 1"
    found = dict(licences(files))
    assert found["src/a.py"] == "Apache-2.0 OR MIT" and found["src/b.py"] == ""
    assert set(found["src/a.py"].split(" OR ")) <= PERMISSIVE


SOURCE = r"""\documentclass[11pt]{article} \usepackage{amsmath} % nothing
\begin{document}
\title{Tides}\maketitle
\section*{How \emph{high}} We \textbf{measure \emph{it}}~\cite[p.~3]{ann} at $x<1\%$ and 5\% of
``the'' time---see Section~\ref{s}. \label{s}
\begin{itemize} \item one \item two \end{itemize}
\begin{align*} a &= b \\ c &= \text{d} \end{align*} holds, \(y\) and \[z_{1}\] too \\ end.
\end{document} never"""


def test_latex_by_hand():
    assert latex_text(SOURCE) == (
        "Tides\n\nHow high\n\nWe measure it at $x<1\\%$ and 5% of\n“the” time—see Section.\n\n"
        "one two\n\n\\begin{align*} a &= b \\\\ c &= \\text{d} \\end{align*} holds, \\(y\\) and "
        "\\[z_{1}\\] too\nend."
    )
    assert latex_text("") == "" and latex_text("plain text") == "plain text"


def test_strange_latex_does_not_take_forever():
    for piece in ("{", "$", "\\a{", "\\[", "\\begin{align}", "%", "\\cite["):
        assert isinstance(latex_text(piece * 3000), str)


PAGES = [
    "A head 1\nThe first line is long and ends in the mid-\ndle of a word, which is mended.\n"
    "Short end.\nA new paragraph begins here and goes on\n1",
    "A head 2\non the next page, and ends.\n2",
    "A head 3\nThe last.\n3",
]


def test_lines_become_paragraphs_and_heads_are_dropped():
    assert pages_text(PAGES) == (
        "The first line is long and ends in the middle of a word, which is mended.\n\n"
        "Short end.\n\n"
        "A new paragraph begins here and goes on on the next page, and ends.\n\nThe last."
    )
    assert pages_text([]) == ""


def test_a_pdf_is_read():
    file = io.BytesIO()
    with PdfPages(file) as pdf:
        for page in PAGES:
            figure = plt.figure()
            for number, line in enumerate(page.split("\n")):
                figure.text(0.1, 0.9 - 0.05 * number, line)
            pdf.savefig(figure)
            plt.close(figure)
    assert pdf_text(file.getvalue()).split() == pages_text(PAGES).split()


def test_what_is_no_pdf_is_refused():
    with pytest.raises(ValueError, match="no PDF that can be read"):
        pdf_text(b"<p>page</p>")
