"""Personal data: numbers with published check digits, look-alikes, and the planted truth."""

import ipaddress
import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.corpora.little_web import LittleWeb
from lib.curation.pii import (
    KINDS,
    find,
    iban_fits,
    luhn_fits,
    mask,
    mask_emails,
    mask_ips,
    mask_phone_numbers,
)
from lib.curation.scores import Score, spans_score

FOUND = {
    "email": ["a@example.org", "o'neil: x.y+z@mail.example.co.uk.", "<first_last@uni-x.example>"],
    "phone": ["2831823829", "(283)-182-3829", "(283) 182-3829", "283-182-3829", "+1 283 182 3829",
              "1-283-182-3829", "283.182.3829"],
    "ipv4": ["192.0.2.146", "at 255.255.255.255.", "http://10.0.0.1/x", "10.0.0.1:8080"],
    "ipv6": ["2001:db8::1", "fe80::1.", "[2001:DB8:0:0:8:800:200C:417A]:80", "::ffff:192.0.2.1"],
    "card": ["4111 1111 1111 1111", "5500-0000-0000-0004", "378282246310005"],  # test numbers
    "iban": ["GB82 WEST 1234 5698 7654 32", "DE89370400440532013000"],  # the standard's examples
    "ssn": ["219-09-9999", "078-05-1120"],  # the two most famous ones, both invalidated
}  # fmt: skip
NOT_FOUND = [
    "a@b", "user@localhost", "@name", "2048.1024.512.256", "256.1.1.1", "1.2.3", "1.2.3.4.5",
    "std::vector", "a::b", "12:30:45", "::", "4111 1111 1111 1112", "0000 0000 0000 0000",
    "GB82 WEST 1234 5698 7654 33", "000-12-3456", "666-12-3456", "900-12-3456", "219-00-1111",
    "2026-11-30", "12345678901234567890123", "183-182-3829", "283-182-38290", "x283-182-3829",
    "0.0.0.0", "3.14159265358979",
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "text"), [(k, text) for k, texts in FOUND.items() for text in texts]
)
def test_is_found(kind, text):
    assert [place.kind for place in find(f"see {text} there")] == [kind]


@pytest.mark.parametrize("text", NOT_FOUND)
def test_is_not_found(text):
    assert find(text) == [] and find(f"see {text} there") == []


def test_check_digits_by_published_examples():
    assert luhn_fits("4111111111111111") and not luhn_fits("4111111111111112")
    assert iban_fits("GB82WEST12345698765432") and not iban_fits("GB28WEST12345698765432")


def test_masks_and_counts():
    text = "Write to a@example.org or b@example.org, call (415) 555-0101, from 192.0.2.1!"
    masked, counts = mask(text)
    assert masked == (
        "Write to |||EMAIL_ADDRESS||| or |||EMAIL_ADDRESS|||, call |||PHONE_NUMBER|||, "
        "from |||IP_ADDRESS|||!"
    )
    assert counts == Counter(email=2, phone=1, ipv4=1)
    assert mask(masked) == (masked, Counter())  # a mask is nothing to mask
    assert mask_emails(text)[1] == 2 and "555-0101" in mask_emails(text)[0]
    assert mask_phone_numbers(text)[1] == 1 and mask_ips(text)[1] == 1
    with pytest.raises(ValueError, match=r"The kinds are .*'email'"):
        mask(text, ("name",))


def test_a_number_inside_of_an_address_belongs_to_it():
    assert [place.kind for place in find("4155550101@example.org")] == ["email"]
    assert [place.kind for place in find("::ffff:192.0.2.1")] == ["ipv6"]


def test_precision_and_recall_on_planted_data():
    """What no pattern can know is planted too: obfuscated addresses, versions of four numbers."""
    total, by_kind = Score(0, 0, 0), {kind: Score(0, 0, 0) for kind in KINDS}
    hidden = 0
    for truth in LittleWeb(scale=4, hosts=("people.example",)).truth.values():
        places = [(p.kind, p.start, p.start + len(p.text)) for p in truth.personal]
        hidden += sum(not p.plain for p in truth.personal)
        found = [tuple(place) for place in find(truth.main_text)]
        total += spans_score(found, places)
        for kind in KINDS:
            one = ([p for p in found if p[0] == kind], [p for p in places if p[0] == kind])
            by_kind[kind] += spans_score(*one)
    assert total.true > 400 and hidden > 3
    assert total.true - total.right == hidden  # everything that is written plainly is found
    assert total.precision > 0.85
    assert by_kind["ipv4"].precision < 0.9  # "release 10.29.0.1"
    assert min(by_kind[kind].precision for kind in ("email", "phone", "ipv6", "iban", "ssn")) == 1


def test_other_pages_have_hardly_any():
    web = LittleWeb(hosts=("news.example", "world.example", "maths.example", "code.example"))
    assert sum((mask(truth.main_text)[1] for truth in web.truth.values()), Counter()) == {}


@given(st.ip_addresses())
def test_every_address_that_python_knows_is_found(address):
    text = str(address)
    if len(text) > 4 and text != "0.0.0.0":
        kind = "ipv4" if isinstance(address, ipaddress.IPv4Address) else "ipv6"
        assert find(f"from {text}, today") == [(kind, 5, 5 + len(text))]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab.@:-+ 0123456789()[]fF_é", max_size=80))
def test_finds_lie_apart_and_masking_removes_them(text):
    found = find(text)
    for one, other in itertools.pairwise(found):
        assert one.end <= other.start
    masked, counts = mask(text)
    assert counts.total() == len(found) == masked.count("|||") // 2


@pytest.mark.parametrize(
    "piece", ["a.", "1.", "1:", "1 ", "a@", "@a.", "(2", "2-", "AA11", "1", ":"]
)
def test_no_text_takes_forever(piece):
    """With the square of the length in it, some of these would take hours."""
    assert len(find(piece * 20_000)) < 20_000
