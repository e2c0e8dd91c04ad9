"""Strings to token ids and back. Read tokenizer, character, byte, word, pretokenize, bpe, then the fast twins."""
