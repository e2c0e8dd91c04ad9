"""Pages whose content is more than paragraphs: discussions, formulas, source code.

Each function draws one and returns title, HTML of the content, and the main text: what should be
left of it when it is written down in one line after the other.
"""

import textwrap
from html import escape
from random import Random
from typing import NamedTuple

from lib.corpora.web_languages import LANGUAGES


class Content(NamedTuple):
    """A page's own part, as HTML and as text."""

    title: str
    html: str
    text: str


class Post(NamedTuple):
    """A contribution to a discussion, and the answers to it."""

    author: str
    text: str
    votes: int
    answers: tuple["Post", ...] = ()


NAMES = ("ada", "boole", "curry", "dijkstra", "euler", "floyd", "gauss", "hopper", "iverson")


def thread(draw: Random, depth: int = 2) -> Content:
    """A question with answers, and comments on the answers."""
    question = draw_post(draw, depth)
    title = f"Why does it happen that {LANGUAGES['en'].title(draw).lower()}?"
    html = f'<h1>{escape(title)}</h1>\n<div class="thread">{post_html(question)}</div>'
    return Content(title, html, f"{title}\n\n{post_text(question)}")


def draw_post(draw: Random, depth: int) -> Post:
    answers = tuple(draw_post(draw, depth - 1) for _ in range(draw.randint(1, 3) if depth else 0))
    text = LANGUAGES["en"].paragraph(draw, draw.randint(1, 4))
    return Post(draw.choice(NAMES), text, draw.randint(-3, 60), answers)


def post_html(post: Post) -> str:
    """Nested divisions with the usual furniture: votes, a date, buttons."""
    answers = "".join(map(post_html, post.answers))
    return (
        f'<div class="post" data-author="{post.author}" data-votes="{post.votes}">'
        f'<div class="meta"><span class="user">{post.author}</span> <span class="votes">'
        f"{post.votes} points</span> <time>3 days ago</time></div>"
        f'<div class="text"><p>{escape(post.text)}</p></div>'
        f'<div class="tools"><a href="#">reply</a> <a href="#">share</a> <a href="#">report</a>'
        f'</div><div class="answers">{answers}</div></div>'
    )


def post_text(post: Post) -> str:
    """Who says what, in the order in which it is read; the votes are left out."""
    return "\n\n".join([f"{post.author}: {post.text}", *map(post_text, post.answers)])


FORMULAS = (
    r"a^2 + b^2 = c^2",
    r"\frac{n(n+1)}{2}",
    r"e^{i\pi} + 1 = 0",
    r"\sum_{k=0}^{n} \binom{n}{k} = 2^n",
    r"\int_0^1 x^2 \, dx = \frac{1}{3}",
    r"\sqrt{2} \approx 1.414",
    r"\lim_{n \to \infty} (1 + \frac{1}{n})^n = e",
    r"x < y \iff y > x",
)
MATHML = (
    '<math><semantics><mrow><msup><mi>a</mi><mn>2</mn></msup></mrow><annotation encoding="'
    'application/x-tex">{}</annotation></semantics></math>'
)
WRITTEN_AS = (
    "${}$",  # left to a script that finds the dollars
    r"\({}\)",
    '<script type="math/tex">{}</script>',
    MATHML,
    '<img class="tex" alt="{}" src="formula.png">',
)


def maths(draw: Random) -> Content:
    """An article in which every paragraph has a formula, each page in one of five notations."""
    phrases, notation = LANGUAGES["en"], draw.choice(WRITTEN_AS)
    title = f"On the question whether {phrases.title(draw).lower()}"
    html, texts = [f"<h1>{escape(title)}</h1>"], [title]
    for _ in range(5):
        formula, before, after = (
            draw.choice(FORMULAS),
            phrases.paragraph(draw, 2),
            phrases.sentence(draw),
        )
        written = formula if "<script" in notation else escape(formula)
        html.append(
            f"<p>{escape(before)} Here {notation.format(written)} holds. {escape(after)}</p>"
        )
        texts.append(f"{before} Here ${formula}$ holds. {after}")
    return Content(title, "\n".join(html), "\n\n".join(texts))


NOUNS = ("goose", "lamp", "tide", "storm", "apple", "ticket", "letter", "bridge", "bee", "canal")
VERBS = ("count", "sort", "repair", "measure", "collect", "paint", "open", "borrow")
FUNCTION = '''
def {verb}_{noun}s({noun}s, limit={n}):
    """The {noun}s that are left to {verb}, at most `limit` of them."""
    left = []
    for {noun} in {noun}s:
        if {noun} > 0 and len(left) < limit:
            left.append({noun} * {m})
    return left
'''


def repository(draw: Random) -> dict[str, str]:
    """Path -> content of a small repository, its description first."""
    noun, verb = draw.choice(NOUNS), draw.choice(VERBS)
    files = {"README.md": f"# {verb}-{noun}\n\n{LANGUAGES['en'].paragraph(draw, 3)}\n"}
    for name in draw.sample(NOUNS, 3):
        functions = (
            FUNCTION.format(verb=action, noun=name, n=draw.randint(2, 90), m=draw.randint(2, 9))
            for action in draw.sample(VERBS, 2)
        )
        files[f"src/{name}.py"] = f"# SPDX-License-Identifier: MIT\n{''.join(functions)}"
    return files


def code(draw: Random) -> Content:
    """The page of a repository: every file under its path."""
    files = repository(draw)
    title = files["README.md"].partition("\n")[0].removeprefix("# ")
    html, texts = [f"<h1>{title}</h1>"], [title]
    for path, content in files.items():
        html.append(f"<h2>{path}</h2>\n<pre><code>{escape(content)}</code></pre>")
        texts.append(f"{path}\n{textwrap.dedent(content).strip()}")
    return Content(title, "\n".join(html), "\n\n".join(texts))
