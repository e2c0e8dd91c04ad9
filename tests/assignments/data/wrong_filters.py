"""Wrong answers to part 2: each with the test that must see it."""

import re

from reference import filters as right
from wrong_answers import wrong

EMAIL, PHONE, IP = "|||EMAIL_ADDRESS|||", "|||PHONE_NUMBER|||", "|||IP_ADDRESS|||"


def planted(name, file):
    """The decorator of wrong answers in one place, once it knows the test that must see them."""
    return lambda test: wrong(f"filters.{name}", caught_by=f"{file}::{test}")


wrong_emails = planted("mask_emails", "test_pii.py")
wrong_phones = planted("mask_phone_numbers", "test_pii.py")
wrong_ips = planted("mask_ips", "test_pii.py")
wrong_rules = planted("gopher_quality_filter", "test_gopher.py")
wrong_training = planted("train_classifier", "test_harmful.py")
wrong_quality = planted("quality_classifier", "test_quality.py")


# Masks


@wrong_emails("test_email_addresses")
def a_dot_is_not_needed(text):
    return re.subn(r"[\w.+-]+@[\w.-]+", EMAIL, text)


@wrong_emails("test_what_stands_around_stays")
def the_full_stop_goes_too(text):
    return re.subn(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+\.?", EMAIL, text)


@wrong_emails("test_what_is_masked_already_is_not_counted")
def counts_all_masks(text):
    masked, _ = right.mask_emails(text)
    return masked, masked.count(EMAIL)


@wrong_ips("test_what_is_masked_already_is_not_counted")
def counts_all_masks_of_addresses(text):
    masked, _ = right.mask_ips(text)
    return masked, masked.count(IP)


@wrong_emails("test_what_stands_around_stays")
def one_for_all(text):
    masked, n = right.mask_emails(text)
    return masked, min(n, 1)


@wrong_ips("test_no_octet_is_above_255")
def octets_unchecked(text):
    return re.subn(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d]|\.\d)", IP, text)


@wrong_ips("test_no_octet_is_above_255")
def only_the_first_octet_is_checked(text):
    pattern = r"(?<![\d.])(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.\d{1,3}){3}(?![\d]|\.\d)"
    return re.subn(pattern, IP, text)


@wrong_ips("test_ip_addresses")
def octets_up_to_199(text):
    return re.subn(r"(?<![\d.])(?:1?\d?\d\.){3}1?\d?\d(?![\d]|\.\d)", IP, text)


@wrong_ips("test_four_of_five_numbers_are_no_address")
def longer_numbers_too(text):
    octet = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
    return re.subn(rf"\b{octet}(?:\.{octet}){{3}}\b", IP, text)


@wrong_phones("test_phone_numbers")
def hyphens_only(text):
    return re.subn(r"(?<!\d)\d{3}-\d{3}-\d{4}(?!\d)", PHONE, text)


@wrong_phones("test_phone_numbers")
def the_one_in_front_stays(text):
    pattern = r"(?<![\d-])(?:\([2-9]\d\d\)|[2-9]\d\d)[ .-]?\d{3}[ .-]?\d{4}(?!\d)"
    return re.subn(pattern, PHONE, text)


@wrong_phones("test_a_part_of_a_longer_number_is_no_phone_number")
def parts_of_numbers(text):
    pattern = r"(?:\+?1[ .-]?)?(?:\([2-9]\d\d\)|(?<!\d)[2-9]\d\d)[ .-]?\d{3}[ .-]?\d{4}"
    return re.subn(pattern, PHONE, text)


@wrong_phones("test_planted_data_are_found")
def no_brackets(text):
    masked, n = re.subn(r"(?<!\d)[2-9]\d\d-\d{3}-\d{4}(?!\d)", PHONE, text)
    return masked, n


# Rules


def gopher(text, least=50, most=100_000, short=3, long=10, ellipses=0.3, letters=0.8, **other):
    """The filter with any limit moved."""
    words = text.split()
    lines = [line.rstrip() for line in text.splitlines()]
    lines = lines if other.get("blank") else [line for line in lines if line]
    marks = other.get("marks", ("...", "…"))
    if not least <= len(words) <= most or not words:
        return False
    if not short <= sum(map(len, words)) / len(words) <= long:
        return False
    is_word = other.get("is_word", lambda word: any(map(str.isalpha, word)))
    if sum(map(is_word, words)) / len(words) < letters:
        return False
    return sum(line.endswith(marks) for line in lines) / len(lines) <= ellipses


@wrong_rules("test_the_smallest_number_of_words")
def twenty_words_are_enough(text):
    return gopher(text, least=20)


@wrong_rules("test_the_smallest_number_of_words")
def fifty_words_are_too_few(text):
    return gopher(text, least=51)


@wrong_rules("test_the_largest_number_of_words")
def no_text_is_too_long(text):
    return gopher(text, most=10**9)


@wrong_rules("test_the_largest_number_of_words")
def the_largest_is_too_long(text):
    return gopher(text, most=99_999)


@wrong_rules("test_the_mean_length_of_words")
def short_words_are_fine(text):
    return gopher(text, short=2)


@wrong_rules("test_the_mean_length_of_words")
def long_words_are_fine(text):
    return gopher(text, long=11)


@wrong_rules("test_the_mean_length_of_words")
def length_with_the_blanks(text):
    words = text.split() or [""]
    return gopher(text) and 3 <= len(text) / len(words) <= 10


@wrong_rules("test_lines_that_end_in_an_ellipsis")
def half_of_the_lines(text):
    return gopher(text, ellipses=0.5)


@wrong_rules("test_lines_that_end_in_an_ellipsis")
def thirty_percent_are_too_many(text):
    return gopher(text, ellipses=0.2999)


@wrong_rules("test_what_an_ellipsis_is")
def three_dots_only(text):
    return gopher(text, marks=("...",))


@wrong_rules("test_blank_lines_do_not_count")
def blank_lines_count(text):
    return gopher(text, blank=True)


@wrong_rules("test_words_with_a_letter")
def half_of_the_words(text):
    return gopher(text, letters=0.5)


@wrong_rules("test_words_with_a_letter")
def more_than_80_percent(text):
    return gopher(text, letters=0.8001)


@wrong_rules("test_letters_of_any_script")
def english_letters_only(text):
    return gopher(text, is_word=lambda word: bool(re.search("[a-zA-Z]", word)))


@wrong_rules("test_letters_of_any_script")
def letters_only(text):
    return gopher(text, is_word=str.isalpha)


# Classifiers


@wrong_training("test_a_word_is_learned")
def the_other_way_round(texts, labels):
    classify, names = right.train_classifier(texts, labels), sorted(set(labels))

    def wrong_label(text):
        label, score = classify(text)
        return names[1 - names.index(label)], score

    return wrong_label


@wrong_training("test_case_and_punctuation_do_not_hide_a_word")
def as_it_is_written(texts, labels):
    classify = right.train_classifier(texts, labels)
    return lambda text: classify(text) if re.fullmatch(r"[a-z ]*", text) else ("non-toxic", 0.9)


@wrong_training("test_the_score_is_that_of_the_label")
def score_of_toxic(texts, labels):
    classify = right.train_classifier(texts, labels)

    def scored(text):
        label, score = classify(text)
        return label, score if label in ("toxic", "nsfw") else 1 - score

    return scored


@wrong_training("test_the_score_is_that_of_the_label")
def score_before_the_softmax(texts, labels):
    classify = right.train_classifier(texts, labels)
    return lambda text: (classify(text)[0], 7 * classify(text)[1])


@wrong_training("test_harmful_pages_are_told_from_others")
def nothing_is_harmful(texts, labels):
    classify = right.train_classifier(texts, labels)
    return lambda text: ("non-toxic", 0.9) if len(text) > 100 else classify(text)


class Unsteady:
    n = 0


@wrong_training("test_the_same_texts_give_the_same_classifier")
def without_a_seed(texts, labels):
    classify = right.train_classifier(texts, labels)
    Unsteady.n += 1
    shift = 0.01 * Unsteady.n
    return lambda text: (classify(text)[0], classify(text)[1] * (1 - shift))


@wrong_quality("test_both_sides_count_the_same")
def as_many_as_there_are(good, crawl):
    share = len(good) / (len(good) + len(crawl))
    score = right.quality_classifier(good, crawl)
    return lambda text: score(text) * share


@wrong_quality("test_scores_are_between_0_and_1")
def score_of_the_crawl(good, crawl):
    score = right.quality_classifier(good, crawl)
    return lambda text: 1 - score(text)


@wrong_quality("test_good_pages_score_higher_than_junk")
def the_longer_the_better(good, crawl):
    return lambda text: min(1.0, len(text) / 10_000)


@wrong_quality("test_it_finds_good_pages_and_leaves_junk")
def words_of_the_good_ones(good, crawl):
    return lambda text: 0.5 if text.strip() else 0.0


@wrong_quality("test_scores_are_between_0_and_1")
def nothing_scores_a_half(good, crawl):
    score = right.quality_classifier(good, crawl)
    return lambda text: score(text) if text else 0.5
