"""Published models as ours, and ours as published ones: Hugging Face's checkpoints, both ways.

    from lib.pretrained.load import load_pretrained
    llama = load_pretrained("folder/with/config.json")   # llama.model, llama.tokenizer, ...

`python -m lib.pretrained show FOLDER` says what a folder holds. Reading order: `names` (how each
family calls our layers), `settings` and `families` (config.json), `layouts` (matrices stored turned
or joined), `shards` (files of tensors), `weights` (from files to a model and back),
`tokenizer_files`, then `load` and `save`, which put them together.
"""
