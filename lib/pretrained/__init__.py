"""Published models as ours, and ours as published ones: Hugging Face's checkpoints, both ways.

    from lib.pretrained.load import load_pretrained
    llama = load_pretrained("folder/with/config.json")   # llama.model, llama.tokenizer, ...

`python -m lib.pretrained show FOLDER` says what a folder holds. Reading order: `settings` (what
config.json may hold), `families` with `rope_settings` and `window_settings` (what it means),
`config_json` (which family can express what); `names` (how each family calls our layers), `places`,
`shards` (files of tensors), `weights`; `tokenizer_files`; then `load` and `save`, which put them
together, and `folder`, which is written whole or not at all.
"""
