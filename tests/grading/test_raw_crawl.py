"""The crawl is the same everywhere, and its seeds give different pages."""

from lib.grading.raw_crawl import CHECKSUM, Record, checksum, crawl, examples, good_texts, truth


def test_the_crawl_is_the_one_that_the_handout_speaks_of():
    assert checksum(crawl(0)) == CHECKSUM


def test_the_checksum_sees_every_byte_and_the_order():
    records = [Record("a", b"x"), Record("b", b"y")]
    others = [
        records[::-1],
        [Record("a", b"x"), Record("b", b"z")],
        [Record("ax", b""), records[1]],
    ]
    assert len({checksum(one) for one in (records, *others)}) == 4


def test_every_page_has_an_answer_key_and_no_page_depends_on_the_version_of_python():
    records, known = crawl(0), truth(0)
    assert len({one.url for one in records}) == len(records) == len(known)
    assert {one.url for one in records} == set(known)
    assert not any("docs.example" in one.url for one in records)


def test_records_are_shuffled():
    urls = [one.url for one in crawl(0)]
    assert urls != sorted(urls)


def test_examples_are_in_no_crawl():
    bodies = {page.main_text for seed in range(3) for page in truth(seed).values()}
    given = examples(0)
    assert not bodies & {text for text, _ in given.toxic if len(text.split()) > 50}
    assert sum(harmful for _, harmful in given.toxic) == 64
    assert sum(harmful for _, harmful in given.adult) == 64
    assert given.good and not set(good_texts(1)) & set(given.good)
