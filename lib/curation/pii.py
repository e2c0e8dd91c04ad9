"""Finds and masks personal data: addresses and numbers that lead to a person or a machine.

A pattern proposes, a check disposes: sixteen digits are a card's number only if their check digit
fits, four numbers with dots an IP address only if none is above 255. Still no pattern can know that
"release 10.4.0.1" is no address, so precision and recall are measured, not promised.
"""

import ipaddress
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


class Found(NamedTuple):
    """A piece of personal data: what it is and where it stands."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind is found, checked, and what is written in its place."""

    pattern: re.Pattern[str]
    mask: str
    check: Callable[[str], bool] = lambda text: True


def is_ipv4(text: str) -> bool:
    """Four numbers up to 255; one with a zero in front is a version or a date."""
    return is_address(text) and not re.fullmatch(r"0\.0\.0\.0", text)


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def luhn_fits(text: str) -> bool:
    """The check digit of payment cards: every second digit from the right counts double."""
    digits = [int(character) for character in reversed(text) if character in "0123456789"]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    fits = (sum(digits[::2]) + sum(doubled)) % 10 == 0
    return fits and 13 <= len(digits) <= 19 and len(set(digits)) > 1


def iban_fits(text: str) -> bool:
    """The check digits of bank accounts (ISO 13616): the number made of it is 1 modulo 97."""
    text = text.replace(" ", "").upper()
    number = "".join(str(int(character, 36)) for character in text[4:] + text[:4])  # A is 10
    return 15 <= len(text) <= 34 and int(number) % 97 == 1


# Before and behind a number nothing may stand that makes it part of a longer one.
ALONE, END = r"(?<![\w.+-])", r"(?![\w-]|\.\w)"
KINDS: dict[str, Kind] = {  # where two overlap, the one further up wins
    "email": Kind(
        re.compile(
            r"(?<![\w.+-])[A-Za-z0-9_%+-]+(?:\.[A-Za-z0-9_%+-]+){0,9}"
            r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,9}[A-Za-z]{2,24}(?![\w-])"
        ),
        "|||EMAIL_ADDRESS|||",
    ),
    "iban": Kind(
        re.compile(ALONE + r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?" + END),
        "|||IBAN|||",
        iban_fits,
    ),
    "card": Kind(re.compile(ALONE + r"\d(?:[ -]?\d){12,18}" + END), "|||CREDIT_CARD|||", luhn_fits),
    "ipv6": Kind(
        re.compile(
            r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?:\.\d{1,3}){0,3}(?![\w:])"
        ),
        "|||IP_ADDRESS|||",
        lambda text: len(text) > 4 and is_address(text),  # "::" is C++, mostly
    ),
    "ipv4": Kind(
        re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d)"), "|||IP_ADDRESS|||", is_ipv4
    ),
    "ssn": Kind(  # as the United States write them: no 000, 666 or 9xx in front
        re.compile(ALONE + r"(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}" + END),
        "|||SOCIAL_SECURITY_NUMBER|||",
    ),
    "phone": Kind(  # of the United States: no area code begins with 0 or 1
        re.compile(
            r"(?<![\w.+-])(?:\+?1[ .-]?)?(?:\([2-9]\d{2}\)|[2-9]\d{2})[ .-]?\d{3}[ .-]?\d{4}"
            r"(?![\w-]|\.\d)"
        ),
        "|||PHONE_NUMBER|||",
    ),
}


def find(text: str, kinds: tuple[str, ...] = tuple(KINDS)) -> list[Found]:
    """All personal data of these kinds, in order, none overlapping another."""
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError(f"The kinds are {list(KINDS)}, and not {kind!r}.")
    found: list[Found] = []
    for kind in (kind for kind in KINDS if kind in kinds):
        for match in KINDS[kind].pattern.finditer(text):
            place = Found(kind, *match.span())
            if KINDS[kind].check(match[0]) and not any(overlap(place, other) for other in found):
                found.append(place)
    return sorted(found, key=lambda place: place.start)


def overlap(one: Found, other: Found) -> bool:
    return one.start < other.end and other.start < one.end


def mask(text: str, kinds: tuple[str, ...] = tuple(KINDS)) -> tuple[str, Counter[str]]:
    """The text with every find replaced by its mask, and how many of each kind there were."""
    parts, last, counts = [], 0, Counter[str]()
    for kind, start, end in find(text, kinds):
        parts += [text[last:start], KINDS[kind].mask]
        counts[kind] += 1
        last = end
    return "".join([*parts, text[last:]]), counts


def mask_emails(text: str) -> tuple[str, int]:
    """E-mail addresses replaced, and how many."""
    return _mask_one(text, "email")


def mask_phone_numbers(text: str) -> tuple[str, int]:
    """Telephone numbers of the United States replaced, and how many."""
    return _mask_one(text, "phone")


def mask_ips(text: str) -> tuple[str, int]:
    """IPv4 addresses replaced, and how many."""
    return _mask_one(text, "ipv4")


def _mask_one(text: str, kind: str) -> tuple[str, int]:
    masked, counts = mask(text, (kind,))
    return masked, counts.total()
