"""How assignments are checked: tests that say what differs, points, rules, leaderboards.

Read feedback and problems (what every test uses), then answers and rules. child, runner, outcomes,
results, report and grade run a learner's tests and say how it went; check does so in a notebook.
on_ranks runs code under test on several processes, memory_meter counts the bytes that it holds.
Leaderboards: leaderboard, boards and entries are what all of them share; flop_meter, evaluation and
contest compare models trained under a budget of operations, step_contest the time of one step,
data_contest what the same model learns from other data. raw_crawl has the pages for that, with an
answer key. ready_tokens makes files of ids for whoever trains a model before a tokenizer.
"""
