"""What is planted into articles: changed words, personal data, insults, search engine bait.

All of it is harmless: addresses, numbers and names are from ranges that are reserved for examples,
and the words that stand for insults mean nothing in any language.
"""

from collections.abc import Callable
from random import Random

from lib.corpora.web_truth import Personal

# Stand-ins. A classifier learns these as it would learn the real ones.
TOXIC_WORDS = ("blorf", "grumwit", "snazgob", "plunkhead", "vexnoll", "drabbler", "mugwort-brain")
ADULT_WORDS = ("frillume", "lushwink", "satinko", "velvoria", "bareknock", "purrelle", "blushora")
SPAM_WORDS = (
    "cheap", "buy", "now", "discount", "free", "online", "best", "price", "order", "deal",
    "casino", "watches", "loan", "pills", "offer", "click", "here", "winner", "cash", "bonus",
)  # fmt: skip


def changed(paragraphs: list[str], share: float, draw: Random) -> list[str]:
    """The same paragraphs with about this share of their words replaced by others of theirs."""
    vocabulary = sorted({word for text in paragraphs for word in text.split()})
    return [
        " ".join(
            draw.choice(vocabulary) if draw.random() < share else word for word in text.split()
        )
        for text in paragraphs
    ]


def sprinkled(paragraphs: list[str], lexicon: tuple[str, ...], draw: Random) -> list[str]:
    """Two to four words of the lexicon go into every paragraph."""
    texts = []
    for text in paragraphs:
        parts = text.split()
        for _ in range(draw.randint(2, 4)):
            parts.insert(draw.randrange(len(parts)), draw.choice(lexicon))
        texts.append(" ".join(parts))
    return texts


def spam(draw: Random) -> tuple[str, list[str]]:
    """Keywords again and again, hardly a sentence, lines that end in dots, exclamation marks."""
    keywords = draw.sample(SPAM_WORDS, 6)
    lines = [" ".join(draw.choices(keywords, k=draw.randint(6, 14))) for _ in range(8)]
    ends = ("...", "!!!", " >>> click here <<<", " #1 #deal #cash", "")
    texts = [f"{line}{draw.choice(ends)}" for line in lines]
    return f"{keywords[0]} {keywords[1]} {keywords[2]} !!!".title(), texts


def with_personal_data(
    title: str, paragraphs: list[str], draw: Random, n: int = 4
) -> tuple[list[str], tuple[Personal, ...]]:
    """Paragraphs with n pieces of personal data and as many look-alikes, and where the first stand.

    Positions count characters of the main text: title and paragraphs, an empty line between them.
    """
    kinds = draw.choices(sorted(PERSONAL), k=n)
    items = [(kind, *PERSONAL[kind](draw)) for kind in kinds]
    items += [("", *look_alike(draw)) for _ in range(n)]
    draw.shuffle(items)
    texts, found, position = [], [], len(title) + 2
    for number, paragraph in enumerate(paragraphs):
        pieces = [paragraph]
        for kind, text, plain in items[number :: len(paragraphs)]:
            before = f"{' '.join(pieces)} {draw.choice(INTRODUCTIONS)} "
            if kind:
                found.append(Personal(kind, text, position + len(before), plain))
            pieces = [before + text + "."]
        texts.append(pieces[0])
        position += len(pieces[0]) + 2
    return texts, tuple(found)


INTRODUCTIONS = ("Please note", "The entry reads", "For questions:", "It was signed with", "See")


def email(draw: Random) -> tuple[str, bool]:
    name = draw.choice(("ada", "j.doe", "mia_k", "o.brien+news", "lee-99", "Anna.Maria"))
    host = draw.choice(("example.org", "mail.example.com", "example.co.uk", "uni.example"))
    if draw.random() < 0.15:
        return f"{name} at {host.replace('.', ' dot ')}", False
    return f"{name}@{host}", True


def phone(draw: Random) -> tuple[str, bool]:
    """A number of the United States; 555-01xx is kept free for films and examples."""
    area, line = draw.choice((212, 415, 617, 808)), f"01{draw.randrange(100):02d}"
    pattern = draw.choice(
        (
            "({a}) 555-{l}",
            "{a}-555-{l}",
            "{a}.555.{l}",
            "+1 {a} 555 {l}",
            "{a}555{l}",
            "+1-{a}-555-{l}",
        )
    )
    return pattern.format(a=area, l=line), True


def ipv4(draw: Random) -> tuple[str, bool]:
    network = draw.choice(("192.0.2", "198.51.100", "203.0.113"))  # for documentation, RFC 5737
    return f"{network}.{draw.randrange(256)}", True


def ipv6(draw: Random) -> tuple[str, bool]:
    parts = [f"{draw.randrange(1, 1 << 16):x}" for _ in range(3)]
    return draw.choice(
        ("2001:db8::{0}:{1}", "2001:db8:{0}:{1}:{2}:0:0:1", "2001:DB8:0:0:{0}::1")
    ).format(*parts), True


def card(draw: Random) -> tuple[str, bool]:
    """Sixteen digits whose last one fits, from a range that payment firms use for tests."""
    digits = "400000" + "".join(str(draw.randrange(10)) for _ in range(9))
    digits += str(-luhn_sum(digits + "0") % 10)
    gap = draw.choice(("", " ", "-"))
    return gap.join(digits[i : i + 4] for i in range(0, 16, 4)), True


def iban(draw: Random) -> tuple[str, bool]:
    """A German account number of a bank that does not exist; the two check digits fit."""
    account = "00000000" + "".join(str(draw.randrange(10)) for _ in range(10))
    check = 98 - int(account + "131400") % 97  # D = 13, E = 14
    text = f"DE{check:02d}{account}"
    return draw.choice((text, " ".join(text[i : i + 4] for i in range(0, 22, 4)))), True


def ssn(draw: Random) -> tuple[str, bool]:
    """A social security number of the form that the United States use."""
    return f"{draw.randrange(100, 600)}-{draw.randrange(10, 99)}-{draw.randrange(1000, 9999)}", True


def luhn_sum(digits: str) -> int:
    """Every second digit from the right doubled, digits added up: 0 modulo 10 is valid."""
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return sum(map(int, digits[::-2])) + sum(doubled)


def look_alike(draw: Random) -> tuple[str, bool]:
    """What a careless pattern takes for personal data."""
    return draw.choice(LOOK_ALIKES).format(n=draw.randint(10, 99)), False


LOOK_ALIKES = (
    "version 3.11.{n}",
    "section 4.2.1.{n}.7",
    "the tag @team{n}",
    "user{n}@localhost",
    "999.300.1.{n}",  # no part of an address is above 255
    "order 1234 5678 9012 34{n}",  # sixteen digits; the last one fits in one of ten such numbers
    "2026-11-{n}",
    "12:{n}:07",
    "ISBN 978-3-16-1484{n}-0",
    "std::vector{n}",
    "{n} 000 000 people",
    "release 10.{n}.0.1",  # nothing but the word before it says that this is no address
)

PERSONAL: dict[str, Callable[[Random], tuple[str, bool]]] = {
    "email": email,
    "phone": phone,
    "ipv4": ipv4,
    "ipv6": ipv6,
    "card": card,
    "iban": iban,
    "ssn": ssn,
}
