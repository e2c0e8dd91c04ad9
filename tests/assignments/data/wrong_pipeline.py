"""Wrong answers to part 4: each with the test that must see it."""

import numpy as np
from reference import pipeline as right
from wrong_answers import wrong

from lib.grading.answers import read_answers


def planted(name, file):
    """The decorator of wrong answers in one place, once it knows the test that must see them."""
    return lambda test: wrong(f"pipeline.{name}", caught_by=f"{file}::{test}")


wrong_counts = planted("run_steps", "test_counts.py")
wrong_filter = planted("filter_crawl", "test_filter.py")
wrong_stream = planted("tokenize", "test_tokenize.py")


@wrong_counts("test_each_step_gets_what_the_one_before_left")
def every_step_sees_everything(texts, steps, clock):
    texts = list(texts)
    left, _ = right.run_steps(texts, steps, clock)
    return left, [right.run_steps(texts, [step], clock)[1][0] for step in steps]


@wrong_counts("test_each_step_gets_what_the_one_before_left")
def masks_count_as_drops(texts, steps, clock):
    left, counts = right.run_steps(texts, steps, clock)
    return left, [one._replace(n_out=one.n_out - one.n_changed) for one in counts]


@wrong_counts("test_each_step_gets_what_the_one_before_left")
def changes_are_lost(texts, steps, clock):
    texts = list(texts)
    left, counts = right.run_steps(texts, steps, clock)
    return [text for text in texts if text.lower() in left], counts


@wrong_counts("test_only_none_drops")
def empty_texts_are_dropped(texts, steps, clock):
    left, counts = right.run_steps(texts, steps, clock)
    return [text for text in left if text], counts


@wrong_counts("test_seconds_are_those_of_the_calls")
def one_clock_for_all(texts, steps, clock):
    began = clock()
    left, counts = right.run_steps(texts, steps, clock)
    return left, [one._replace(seconds=clock() - began) for one in counts]


@wrong_counts("test_a_step_to_which_nothing_comes")
def no_line_without_texts(texts, steps, clock):
    left, counts = right.run_steps(texts, steps, clock)
    kept = [one for one in counts if one.n_in]
    return left, kept + [right.Count("", 0, 0, 0, 0.0)] * (len(counts) - len(kept))


def answered(**changes):
    answers = read_answers()
    return answers | {"filter_counts": answers["filter_counts"] | changes}


@wrong("answers.read_answers", caught_by="test_counts.py::test_hours_for_all_files")
def one_core_only():
    return answered(hours=500)


@wrong("answers.read_answers", caught_by="test_counts.py::test_texts_that_are_left")
def shares_are_added():
    return answered(texts_left=27_000 * 0.05)


# The filter


@wrong_filter("test_other_languages_are_dropped")
def any_language(records, examples):
    return right.filter_crawl(records, examples, ("language", "rules"))


@wrong_filter("test_bait_and_lists_of_links_are_dropped")
def no_rules(records, examples):
    return right.filter_crawl(records, examples, ("rules",))


@wrong_filter("test_harmful_pages_are_dropped")
def nothing_is_harmful(records, examples):
    return right.filter_crawl(records, examples, ("harm",))


@wrong_filter("test_personal_data_are_masked")
def no_masks(records, examples):
    return right.filter_crawl(records, examples, ("masks",))


@wrong_filter("test_one_of_near_duplicates_is_kept")
def copies_stay(records, examples):
    return right.filter_crawl(records, examples, ("duplicates",))


@wrong_filter("test_good_pages_are_kept")
def half_of_it(records, examples):
    kept = right.filter_crawl(records, examples)
    return {url: kept[url] for url in sorted(kept)[::2]}


@wrong_filter("test_personal_data_are_masked")
def personal_pages_are_dropped(records, examples):
    kept = right.filter_crawl(records, examples)
    return {url: text for url, text in kept.items() if "|||" not in text}


@wrong_filter("test_texts_are_texts_and_not_pages")
def whole_pages(records, examples):
    bodies = {record.url: record.body for record in records}
    kept = right.filter_crawl(records, examples)
    return {url: bodies[url].decode("utf-8", "replace") for url in kept}


@wrong_filter("test_addresses_are_those_of_records")
def addresses_are_shortened(records, examples):
    kept = right.filter_crawl(records, examples)
    return {url.removeprefix("http://"): text for url, text in kept.items()}


# The stream


def write(path, ids, kind=np.uint16):
    array = np.array(ids, np.int64).astype(kind)
    path.write_bytes(array.tobytes())
    return len(array)


@wrong_stream("test_an_end_behind_every_text")
def no_end(texts, encode, end, path):
    return write(path, [i for text in texts for i in encode(text)])


@wrong_stream("test_an_end_behind_every_text")
def ends_between_only(texts, encode, end, path):
    return write(path, [i for text in texts for i in [*encode(text), end]][:-1])


@wrong_stream("test_an_end_behind_every_text")
def ends_in_front(texts, encode, end, path):
    return write(path, [i for text in texts for i in [end, *encode(text)]])


@wrong_stream("test_ids_that_do_not_fit_are_refused")
def wraps_around(texts, encode, end, path):
    return write(path, [i for text in texts for i in [*encode(text), end]])


@wrong_stream("test_ids_that_do_not_fit_are_refused")
def the_end_is_not_looked_at(texts, encode, end, path):
    ids = [list(encode(text)) for text in texts]
    if any(not 0 <= i < 2**16 for one in ids for i in one):
        raise ValueError("too large")
    return write(path, [i for one in ids for i in [*one, end]])


@wrong_stream("test_ids_that_do_not_fit_are_refused")
def leaves_a_part(texts, encode, end, path):
    texts = list(texts)
    path.write_bytes(b"")
    return right.tokenize(texts, encode, end, path)


@wrong_stream("test_the_largest_ids_fit")
def signed(texts, encode, end, path):
    ids = [i for text in texts for i in [*encode(text), end]]
    return write(path, np.minimum(ids, 2**15 - 1), np.int16)


@wrong_stream("test_an_end_behind_every_text")
def four_bytes(texts, encode, end, path):
    return write(path, [i for text in texts for i in [*encode(text), end]], np.uint32)


@wrong_stream("test_empty_texts_have_an_end_too")
def empty_texts_are_left_out(texts, encode, end, path):
    return right.tokenize((text for text in texts if text), encode, end, path)
