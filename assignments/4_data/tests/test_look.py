"""What there is to see in the crawl, counted here again."""

from lib.grading.answers import judge, number, words
from lib.grading.feedback import holds
from lib.grading.problems import problem
from lib.grading.raw_crawl import crawl, truth


def is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


@problem("look_at_crawl")
def test_number_of_records():
    judge("look_at_crawl.records", len(crawl(0)), 0.0)


@problem("look_at_crawl")
def test_number_of_bodies_in_other_encodings():
    right = sum(not is_utf8(record.body) for record in crawl(0))
    mistakes = {"These are the pages that are UTF-8.": len(crawl(0)) - right}
    judge("look_at_crawl.not_utf8", right, 0.0, mistakes)


@problem("look_at_crawl")
def test_records_until_a_good_one():
    known = truth(0)
    right = 1 + [known[record.url].kind for record in crawl(0)].index("article")
    yours = number("look_at_crawl.until_good")
    rule = "Count the records from the first on, and the good one too."
    holds(yours == right, rule, given="look_at_crawl.until_good", yours=yours)


@problem("look_at_crawl")
def test_junk_is_described():
    words("look_at_crawl.junk", at_least=25)
