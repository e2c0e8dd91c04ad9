"""Bytes to text: small pages by hand, then a crawl whose texts are known."""

from adapters import text
from lib.curation.scores import Score, words_score
from lib.grading.feedback import holds, same
from lib.grading.problems import problem
from lib.grading.raw_crawl import crawl, truth

PAGE = "<html><body><article><h1>{0}</h1><p>{1}</p></article></body></html>"
RUSSIAN = "Утром мы пошли на рынок и купили хлеб, сыр и вишню. Потом пошёл дождь, и мы промокли"
GERMAN = (
    "Am Morgen gehen wir über die große Straße zum Markt und kaufen Käse, Brot und Äpfel für Öhi"
)
CLUTTER = """<html><head><style>p { color: red }</style><script>var secret = "x";</script></head>
<body>
<nav><ul><li><a href="/">Home</a></li><li><a href="/about">About us</a></li></ul></nav>
<main><article><h1>Bread</h1><p>Bread is made of flour, water and salt, and of time.</p></article>
</main>
<footer><p>Imprint</p></footer></body></html>"""


def read(body: bytes) -> str:
    return " ".join(text.extract_text(body).split())


@problem("extract_text")
def test_utf8_is_tried_first():
    for word in ("Größe", "naïve", "数据", "© é"):
        body = PAGE.format("T", f"{word} {word}").encode()
        same(read(body), f"T {word} {word}", given=f"a short page in UTF-8 with {word!r}")


@problem("extract_text")
def test_other_encodings_are_detected():
    for sentence, encoding in ((GERMAN, "cp1252"), (RUSSIAN, "cp1251"), (RUSSIAN, "koi8-r")):
        body = PAGE.format("T", f"{sentence}. {sentence}.").encode(encoding)
        same(read(body), f"T {sentence}. {sentence}.", given=f"a page in {encoding}")


@problem("extract_text")
def test_whatever_the_bytes_it_does_not_fail():
    for body in (b"", b"\xff\xfe\x00", bytes(range(256)) * 3, b"<p>\xc3\x28</p>"):
        found = text.extract_text(body)
        holds(isinstance(found, str), "It returns a text.", given=repr(body[:20]), yours=found)


@problem("extract_text")
def test_only_the_main_text_is_left():
    expected = "Bread Bread is made of flour, water and salt, and of time."
    same(read(CLUTTER.encode()), expected, given="a page with a menu, a script and a footer")


@problem("extract_text")
def test_nothing_but_text_around_it_is_stripped():
    found = text.extract_text(b"<body><p> one </p><p> two </p></body>")
    same(found, found.strip(), given="<p> one </p><p> two </p>")
    holds("<" not in found, "No tags are left.", yours=found)


@problem("extract_text")
def test_the_texts_of_a_crawl():
    total, known = Score(0, 0, 0), truth(1)
    for record in crawl(1):
        if known[record.url].main_text:
            total += words_score(text.extract_text(record.body), known[record.url].main_text)
    given = "a crawl; words found, and words of the true texts"
    rule = "At least 97% of the words of the true texts are found, and 90% of those found are true."
    yours = f"{total.recall:.1%} and {total.precision:.1%}"
    holds(total.recall > 0.97 and total.precision > 0.9, rule, given=given, yours=yours)
