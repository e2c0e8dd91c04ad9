"""From what was crawled to what a model should see.

Text out of pages: scores (how well something was found), html_blocks, density, formulas, extract;
linearize and pdf for what is no page. Which language it is in: langid, ngram_language from scratch.
Personal data: pii.

Duplicates: murmur3 and exact, for those that are equal; bloom, to remember what was seen in little
memory; for those that are nearly equal shingles, minhash, lsh and union_find, each with what it
means, and near_duplicates, which joins them, with fast_shingles, fast_minhash, band_files and grown
behind it; repeated_spans, for passages inside of texts.

Rules: page counts what rules look at, rules applies limits and gives reasons, published_rules has
those of papers; c4 also cuts lines.

More of what one wants, by models: kneser_ney says how likely a text is (so does kenlm_scores, where
KenLM is), hashed_features makes numbers of its words, with which linear_classifier tells kinds
apart and dsir draws what resembles a target. decontaminate looks for a benchmark's questions.

How much of each source: mixing counts epochs, regmix looks for the best mixture.

All of it in one go: records flow through steps and barriers (classify and clean_of are steps, too),
from sources to sinks; formats has the files. stages cuts the list, shards works on one part,
blocks and deciding what lies between; pipeline runs it, on_processes and on_ray say where; counts,
quarantine, funnel and report tell what happened. description and __main__ are for pipelines in
files: python -m lib.curation run pipeline.toml.
"""
