"""Strings to token ids and back.

Reading order: `tokenizer` (what all of them can do), `character`, `byte`, `word`, then
`pretokenize`, `special` and `bpe`, the readable byte-pair encoding. Its fast twin: `fast_bpe`
(training) with `fast_split`, `pair_index`, `chunks` and `workers`; `fast_encode`; `token_files`
(from a file of text to a file of ids). `streaming` and `offsets` say what may be cut where, and
which characters a token covers; `render` draws tokens. Formats: `own_json`, `gpt2_files`,
`tiktoken_files`, `huggingface_json`. Merging characters instead of bytes, as Llama 2 and Gemma do:
`sentencepiece_bpe`, from files read by `sentencepiece_json`. `huggingface_template` reads what a
model expects around a text.
"""
