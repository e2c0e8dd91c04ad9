"""Masks: examples with what stands beside them, then planted data whose places are known."""

import pytest

from adapters import filters
from lib.grading.answers import words
from lib.grading.feedback import holds, same
from lib.grading.problems import problem
from lib.grading.raw_crawl import truth

EMAIL, PHONE, IP = "|||EMAIL_ADDRESS|||", "|||PHONE_NUMBER|||", "|||IP_ADDRESS|||"
MASKS = {"email": ("mask_emails", EMAIL), "phone": ("mask_phone_numbers", PHONE)} | {
    "ipv4": ("mask_ips", IP)
}
SHOWN = {"email": "a.b+c@example.co.uk", "phone": "(212) 555-0134", "ipv4": "192.0.2.44"}


def masked(kind: str, text: str) -> tuple[str, int]:
    found = getattr(filters, MASKS[kind][0])(text)
    return (found[0], int(found[1])) if isinstance(found, tuple) and len(found) == 2 else found


def each(kind: str, texts: list[str], n: int) -> None:
    """Each text, on its own, is masked as a whole (n = 1), or left (n = 0)."""
    for text in texts:
        expected = (MASKS[kind][1] if n else text, n)
        same(masked(kind, text), expected, given=repr(text))


@problem("mask_pii")
def test_email_addresses():
    each("email", ["ada@example.org", "a.b+c@example.co.uk", "mia_k-9@mail.example.com"], 1)
    each("email", ["user@localhost", "@team", "a @ b.com", "a@b", "ada@"], 0)


@problem("mask_pii")
def test_phone_numbers():
    forms = ["(212) 555-0134", "212-555-0134", "212.555.0134", "212 555 0134", "2125550134"]
    each("phone", [*forms, "+1 212 555 0134", "+1-212-555-0134", "1 (212) 555-0134"], 1)
    each("phone", ["212-555-013", "112-555-0134", "978-3-16-148410-0", "2026-11-30"], 0)


@problem("mask_pii")
def test_a_part_of_a_longer_number_is_no_phone_number():
    each("phone", ["order 21255501341234", "00002125550134", "4000 0021 2555 0134"], 0)


@problem("mask_pii")
def test_ip_addresses():
    each("ipv4", ["192.0.2.1", "0.0.0.1", "255.255.255.255", "10.20.30.40"], 1)
    each("ipv4", ["192.0.2", "3.11.2"], 0)


@problem("mask_pii")
def test_no_octet_is_above_255():
    each("ipv4", ["192.0.2.256", "999.300.1.2", "256.1.1.1", "1.260.1.1"], 0)


@problem("mask_pii")
def test_four_of_five_numbers_are_no_address():
    each("ipv4", ["4.2.1.3.7", "1.2.3.4.5.6"], 0)


@problem("mask_pii")
@pytest.mark.parametrize("kind", MASKS)
def test_what_stands_around_stays(kind):
    shown, mask = SHOWN[kind], MASKS[kind][1]
    given = f"Write to {shown}, or <{shown}>; not both.\n{shown}."
    same(masked(kind, given), (given.replace(shown, mask), 3), given=given)


@problem("mask_pii")
@pytest.mark.parametrize("kind", MASKS)
def test_what_is_masked_already_is_not_counted(kind):
    mask = MASKS[kind][1]
    given = f"{mask} and {SHOWN[kind]}"
    same(masked(kind, given), (f"{mask} and {mask}", 1), given=given)
    same(masked(kind, mask), (mask, 0), given=mask)


@problem("mask_pii")
@pytest.mark.parametrize("kind", MASKS)
def test_planted_data_are_found(kind):
    """Written plainly, that is: "ann at example dot org" may be missed."""
    n_all = n_left = 0
    for page in truth(2).values():
        for one in page.personal:
            if one.kind == kind and one.plain:
                n_all += 1
                n_left += one.text in masked(kind, page.main_text)[0]
    rule = "At least 95% of what is planted is masked."
    given = f"{n_all} planted of the kind {kind}"
    holds(n_left <= 0.05 * n_all, rule, given=given, yours=f"{n_left} left")


@problem("mask_pii")
@pytest.mark.parametrize("kind", MASKS)
def test_hardly_anything_is_masked_in_texts_without(kind):
    pages = [one for one in truth(2).values() if one.main_text and not one.personal]
    hit = [one.url for one in pages if masked(kind, one.main_text)[1]]
    rule = "At most one in a hundred texts without personal data is touched."
    holds(len(hit) <= 0.01 * len(pages), rule, given=f"{len(pages)} texts", yours=hit)


@problem("mask_pii")
def test_errors_are_described():
    words("mask_pii.errors", at_least=20)
