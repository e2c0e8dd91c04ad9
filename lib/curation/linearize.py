r"""Sources that are no pages, as one text: discussions, repositories, LaTeX.

Training text is a line of characters. What has a shape (answers below answers, files in folders,
commands around words) must be written down in an order in which it can be read.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from resiliparse.parse.html import HTMLTree

MAX_FILE = 100_000  # characters; longer files are mostly data
SKIPPED_FOLDERS = {"node_modules", "vendor", "third_party", "dist", "build", ".git", "__pycache__"}


def thread_text(thread: Mapping[str, Any]) -> str:
    """A discussion as `author: text`, every answer after what it answers.

    A post is {"author", "text", "answers": [posts]}; the order of the answers stays. Deep threads
    are no problem: nothing here calls itself.
    """
    written, waiting = [], [thread]
    while waiting:
        post = waiting.pop()
        author, text = str(post.get("author") or "").strip(), str(post.get("text") or "").strip()
        if text:  # deleted posts have none, but their answers are still there
            written.append(f"{author}: {text}" if author else text)
        waiting.extend(reversed(post.get("answers") or ()))
    return "\n\n".join(written)


def read_thread(page: str) -> dict[str, Any]:
    """The discussion of a page that marks it with classes, as most forums do: post, user, text.

    The result is a post without an author whose text is the title.
    """
    body = HTMLTree.parse(page).body
    heading = body.query_selector("h1")
    root = {"author": "", "text": heading.text.strip() if heading else "", "answers": []}
    inside: list[tuple[Any, dict[str, Any]]] = []  # posts that are open, outermost first
    for node in body.query_selector_all(".post"):
        while inside and not is_within(node, inside[-1][0]):
            inside.pop()
        author, text = node.query_selector(".user"), node.query_selector(".text")
        post = {
            "author": author.text.strip() if author else "",
            "text": text.text.strip() if text else "",
            "answers": [],
        }
        (inside[-1][1] if inside else root)["answers"].append(post)
        inside.append((node, post))
    return root


def is_within(node: Any, other: Any) -> bool:
    """Whether a node of an HTML tree stands somewhere inside of another."""
    while node is not None:
        node = node.parent
        if node == other:
            return True
    return False


def repository_text(files: Mapping[str, str]) -> str:
    """A repository as its files, each under its path: what describes it first, then by path.

    Left out are folders that hold other people's files or a program's output, and very long files.
    """
    kept = [path for path in files if not SKIPPED_FOLDERS & set(PurePosixPath(path).parts)]
    kept = [path for path in kept if len(files[path]) <= MAX_FILE and "\0" not in files[path]]
    kept.sort(key=lambda path: (not PurePosixPath(path).name.lower().startswith("readme"), path))
    return "\n\n".join(f"{path}\n{files[path].strip()}" for path in kept)


COMMENT = re.compile(r"(?<!\\)%.*")
BODY = re.compile(r"\\begin\{document\}(.*?)(?:\\end\{document\}|$)", re.S)
# Formulas stay as they are: what is inside of these is not touched.
FORMULA = re.compile(
    r"(\$\$.+?\$\$|\$[^$]+?\$|\\\[.+?\\\]|\\\(.+?\\\)"
    r"|\\begin\{(equation|align|gather|multline|eqnarray)(\*?)\}.+?\\end\{\2\3\})",
    re.S,
)
HEADING = re.compile(r"\\(?:sub)*(?:section|chapter|paragraph|title)\*?\{([^{}]*)\}")
DROPPED = re.compile(
    r"\\(?:label|cite\w*|bibliography\w*|includegraphics|vspace|hspace|input)\*?"
    r"(?:\[[^\]]*\])?\{[^{}]*\}"
)
REFERENCE = re.compile(r"~?\\(?:eq)?ref\{[^{}]*\}")
ENVIRONMENT = re.compile(r"\\(?:begin|end)\{[^{}]*\}(?:\[[^\]]*\])?")
STYLED = re.compile(r"\\[a-zA-Z]+\*?(?:\[[^\]]*\])?\{([^{}]*)\}")
COMMAND = re.compile(r"\\[a-zA-Z]+\*?[ \t]*")
SYMBOLS = {r"\%": "%", r"\&": "&", r"\_": "_", r"\#": "#", r"\$": "$", "~": " ", "---": "—",
           "--": "–", "``": "“", "''": "”", r"\\": "\n"}  # fmt: skip


def latex_text(source: str) -> str:
    """LaTeX as text: comments, commands and references gone, headings and formulas kept."""
    source = COMMENT.sub("", source)
    body = BODY.search(source)
    parts = FORMULA.split(body[1] if body else source)
    written = [
        part if number % 4 == 1 else without_commands(part)  # split: text, formula, name, star, ...
        for number, part in enumerate(parts)
        if number % 4 < 2
    ]
    text = re.sub(r" *\n *", "\n", re.sub(r"[ \t]+", " ", "".join(written)))
    return re.sub(r"\n\n+", "\n\n", text).strip()


def without_commands(text: str) -> str:
    r"""\emph{word} is word; what has no text in it is dropped."""
    text = ENVIRONMENT.sub("\n\n", REFERENCE.sub("", DROPPED.sub("", text)))
    for symbol, plain in SYMBOLS.items():
        text = text.replace(symbol, plain)
    before = ""
    while before != text:  # commands inside of commands, from the innermost outwards
        before = text
        text = STYLED.sub(r"\1", HEADING.sub(r"\n\n\1\n\n", text))
    return COMMAND.sub("", text).replace("{", "").replace("}", "")


SPDX = re.compile(r"SPDX-License-Identifier:\s*([\w.+-]+(?: (?:AND|OR|WITH) [\w.+-]+)*)")
PERMISSIVE = {
    "MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "0BSD", "Unlicense", "CC0-1.0",
}  # fmt: skip


def licences(files: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Pairs (path, licence) by the SPDX line that a file may begin with; "" where there is none."""
    for path, text in files.items():
        found = SPDX.search(text[:2000])
        yield path, found[1] if found else ""
