"""How assignments are checked: tests that say what differs, points, rules, leaderboards.

Read feedback and problems (what every test uses), then answers and rules. child, runner, outcomes,
results, report and grade run a learner's tests and say how it went; check does so in a notebook.
flop_meter, evaluation, contest, entries and leaderboard compare trained models under a budget of
operations. ready_tokens makes files of ids for whoever trains a model before a tokenizer.
"""
