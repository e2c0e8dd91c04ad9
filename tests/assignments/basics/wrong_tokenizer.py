"""Wrong answers to part 1, the tokenizer."""

import re
from itertools import count, islice, pairwise

from reference import tokenization as right
from wrong_answers import wrong
from wrong_tokenization import split_in_order


def planted(target, file):
    """The decorator of wrong answers in one place, once it knows the test that must see them."""
    return lambda test: wrong(target, caught_by=f"{file}::{test}")


wrong_split_word = planted("tokenization.split_word", "test_tokenizer.py")
wrong_tokenizer = planted("tokenization.tokenizer", "test_tokenizer.py")

BYTES = [bytes([byte]) for byte in range(256)]

# The tokenizer


@wrong_split_word("test_the_longest_token_does_not_win")
def longest_token_first(word, ranks):
    known = {left + right for left, right in ranks}
    tokens = []
    while word:
        n = next(n for n in range(len(word), 0, -1) if n == 1 or word[:n] in known)
        tokens.append(word[:n])
        word = word[n:]
    return tokens


@wrong_split_word("test_the_merge_made_first_is_applied_first")
def leftmost_pair_first(word, ranks):
    tokens = [bytes([byte]) for byte in word]
    while places := [i for i, pair in enumerate(pairwise(tokens)) if pair in ranks]:
        tokens[places[0] : places[0] + 2] = [b"".join(tokens[places[0] : places[0] + 2])]
    return tokens


@wrong_split_word("test_the_merge_made_first_is_applied_first")
def newest_merge_first(word, ranks):
    return right.split_word(word, {pair: -rank for pair, rank in ranks.items()})


@wrong_split_word("test_a_merge_is_applied_from_the_left")
def one_pass_and_no_return(word, ranks):
    tokens = tuple(bytes([byte]) for byte in word)
    pairs = sorted(set(pairwise(tokens)) & ranks.keys(), key=ranks.__getitem__)
    for pair in pairs:
        tokens = right.merge(tokens, pair)
    return list(tokens)


class ShorterSpecial(right.Tokenizer):
    def encode(self, text):
        ids = []
        for piece in split_in_order(text, sorted(self.bpe.special, key=len)):
            ids += (
                [self.bpe.special[piece]] if piece in self.bpe.special else self.bpe.encode(piece)
            )
        return ids


@wrong_tokenizer("test_the_longest_special_token_wins")
def shorter_special_wins(vocab, merges, special_tokens=None):
    return ShorterSpecial(vocab, merges, special_tokens)


@wrong_tokenizer("test_missing_special_tokens_get_the_next_ids")
def missing_special_not_appended(vocab, merges, special_tokens=None):
    known = [token for token in special_tokens or () if token.encode() in vocab.values()]
    return right.Tokenizer(vocab, merges, known)


@wrong_tokenizer("test_missing_special_tokens_get_the_next_ids")
def missing_special_at_the_length(vocab, merges, special_tokens=None):
    vocab = dict(vocab)
    for token in special_tokens or ():
        if token.encode() not in vocab.values():
            vocab[len(vocab)] = token.encode()
    return right.Tokenizer(vocab, merges, special_tokens)


@wrong_tokenizer("test_missing_special_tokens_get_the_next_ids")
def special_tokens_sorted(vocab, merges, special_tokens=None):
    return right.Tokenizer(vocab, merges, sorted(special_tokens or ()))


@wrong_tokenizer("test_special_tokens_of_the_vocabulary_keep_their_ids")
def special_tokens_always_new(vocab, merges, special_tokens=None):
    special = {token.encode() for token in special_tokens or ()}
    highest = max(vocab)
    vocab = {id: token for id, token in vocab.items() if token not in special}
    ids = count(highest + 1)
    vocab |= {id: token.encode() for id, token in zip(ids, special_tokens or ())}
    return right.Tokenizer(vocab, merges, special_tokens)


@wrong_tokenizer("test_the_vocabulary_given_is_not_changed")
def vocabulary_changed(vocab, merges, special_tokens=None):
    for token in special_tokens or ():
        if token.encode() not in vocab.values():
            vocab[max(vocab) + 1] = token.encode()
    return right.Tokenizer(vocab, merges, special_tokens)


@wrong_tokenizer("test_the_order_of_the_ids_does_not_matter")
def ids_of_bytes_taken_for_granted(vocab, merges, special_tokens=None):
    tokens = [*BYTES, *(left + right for left, right in merges)]
    return right.Tokenizer(dict(enumerate(tokens)), merges, special_tokens)


class OneWord(right.Tokenizer):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.bpe.pattern = None


@wrong_tokenizer("test_nothing_is_merged_across_pre_tokens_when_encoding")
def text_not_pretokenized(vocab, merges, special_tokens=None):
    return OneWord(vocab, merges, special_tokens)


# Decoding


class ByToken(right.Tokenizer):
    def decode(self, ids):
        return "".join(self.bpe.token_bytes(id).decode(errors="replace") for id in ids)


class Strict(right.Tokenizer):
    def decode(self, ids):
        return self.bpe.decode_bytes(ids).decode()


class Ignoring(right.Tokenizer):
    def decode(self, ids):
        return self.bpe.decode_bytes(ids).decode(errors="ignore")


@wrong_tokenizer("test_characters_may_be_spread_over_tokens")
def decoded_token_by_token(vocab, merges, special_tokens=None):
    return ByToken(vocab, merges, special_tokens)


@wrong_tokenizer("test_malformed_bytes_become_replacement_characters")
def errors_strict(vocab, merges, special_tokens=None):
    return Strict(vocab, merges, special_tokens)


@wrong_tokenizer("test_malformed_bytes_become_replacement_characters")
def errors_ignored(vocab, merges, special_tokens=None):
    return Ignoring(vocab, merges, special_tokens)


# Laziness


class ReadsEverything(right.Tokenizer):
    def encode_iterable(self, texts):
        yield from self.encode("".join(texts))


class ReturnsAList(right.Tokenizer):
    def encode_iterable(self, texts):
        return [id for text in texts for id in self.encode(text)]


class ReadsAHundred(right.Tokenizer):
    def encode_iterable(self, texts):
        texts = iter(texts)
        while text := "".join(islice(texts, 100)):
            yield from self.encode(text)


class TextByText(right.Tokenizer):
    def encode_iterable(self, texts):
        for text in texts:
            yield from self.encode(text)


class KeepsOnePreToken(right.Tokenizer):
    """What follows can change the last pre-token, and the one before: ', l and l are one."""

    def encode_iterable(self, texts):
        waiting = ""
        for text in texts:
            waiting += text
            *_, last = [b"", *right.pretokenize(waiting)]
            cut = len(waiting) - len(last.decode())
            yield from self.encode(waiting[:cut])
            waiting = waiting[cut:]
        yield from self.encode(waiting)


class CutsSpecialTokens(right.Tokenizer):
    def encode_iterable(self, texts):
        waiting = ""
        for text in texts:
            waiting += text
            for match in reversed(list(re.finditer(r"(?<=\S)(?=\s)", waiting))):
                yield from self.encode(waiting[: match.start()])
                waiting = waiting[match.start() :]
                break
        yield from self.encode(waiting)


class BeginsAtOnce(right.Tokenizer):
    def encode_iterable(self, texts):
        first = next(iter(texts), "")
        return super().encode_iterable([first, *texts] if isinstance(texts, list) else [first])


@wrong_tokenizer("test_the_first_id_needs_few_lines")
def reads_everything(vocab, merges, special_tokens=None):
    return ReadsEverything(vocab, merges, special_tokens)


@wrong_tokenizer("test_the_first_id_needs_few_lines")
def returns_a_list(vocab, merges, special_tokens=None):
    return ReturnsAList(vocab, merges, special_tokens)


@wrong_tokenizer("test_the_first_id_needs_few_lines")
def reads_a_hundred_lines(vocab, merges, special_tokens=None):
    return ReadsAHundred(vocab, merges, special_tokens)


@wrong_tokenizer("test_it_does_not_matter_where_a_text_is_cut")
def text_by_text(vocab, merges, special_tokens=None):
    return TextByText(vocab, merges, special_tokens)


@wrong_tokenizer("test_it_does_not_matter_where_a_text_is_cut")
def keeps_one_pre_token(vocab, merges, special_tokens=None):
    return KeepsOnePreToken(vocab, merges, special_tokens)


@wrong_tokenizer("test_special_tokens_may_be_cut")
def special_tokens_cut(vocab, merges, special_tokens=None):
    return CutsSpecialTokens(vocab, merges, special_tokens)


@wrong_tokenizer("test_nothing_is_read_before_an_id_is_asked_for")
def begins_at_once(vocab, merges, special_tokens=None):
    return BeginsAtOnce(vocab, merges, special_tokens)
