"""What breaks a rule is found under every name, and what keeps the rules is left alone."""

import pytest

from lib.grading.assignments import find_assignment
from lib.grading.rules import Rule, Watch, find, findings, read_rules

RULES = [
    Rule(
        ("torch.nn.*", ".softmax"), ("torch.nn.Module", "torch.nn.init.trunc_normal_"), "Write it."
    ),
    *read_rules(find_assignment("basics").parent),  # no folder of an assignment: what all share
]


def names(source: str) -> list[str]:
    return [finding.name for finding in findings(source, "basics/x.py", RULES)]


@pytest.mark.parametrize(
    "source",
    [
        "import torch\nclass A(torch.nn.Module): pass",
        "from torch import nn\nclass A(nn.Module): pass",
        "import torch\ntorch.nn.init.trunc_normal_(x)",
        "import torch\ntorch.sigmoid(x).exp().sum()",
        "class A:\n    def f(self): return self.softmax(1)",
        "from basics import ops\nops.softmax(x)",
        "from . import ops\nops.softmax(x)",
        "nn = 3\nnn.Linear",
        "getattr(x, 'shape')\ngetattr(x, name)",
        "this is not Python",
    ],
)
def test_what_is_allowed(source):
    assert names(source) == []


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import torch.nn.functional as F", "torch.nn.functional"),
        ("import torch\ntorch.nn.functional.relu(x)", "torch.nn.functional.relu"),
        ("from torch import nn\nnn.Linear(3, 4)", "torch.nn.Linear"),
        ("from torch.nn import Linear", "torch.nn.Linear"),
        ("from torch.nn import *", "torch.nn.*"),
        ("from torch import *", "torch.*"),
        ("import torch as t\nparts = t.nn\nparts.Linear(3, 4)", "torch.nn.Linear"),
        ("import torch\ndef f():\n    n = torch.nn\n    return n.Linear", "torch.nn.Linear"),
        ("x.softmax(-1)", ".softmax"),
        ("f(x)[0].softmax(-1)", ".softmax"),
        ("import torch\ngetattr(torch.nn, 'Linear')", "torch.nn.Linear"),
        ("import torch\ngetattr(torch, name)", "getattr(torch, ...)"),
        ("getattr(x, 'softmax')(0)", ".softmax"),
        ("import importlib\nimportlib.import_module('torch')", "importlib"),
        ("eval('1')", "eval"),
        ("__import__('torch')", "__import__"),
        ("import sys\nsys.modules['torch']", "sys.modules"),
    ],
)
def test_what_is_not(source, name):
    assert names(source)[0] == name


def test_a_finding_says_where_and_what_to_do_instead():
    source = "from torch import nn\n\n\nclass A:\n    def f(self):\n        return nn.Linear\n"
    (finding,) = findings(source, "basics/x.py", RULES)
    assert str(finding) == "basics/x.py, line 6: torch.nn.Linear is not allowed here. Write it."
    assert (finding.first, finding.last) == (5, 6)
    in_class = findings("from torch import nn\nclass A(nn.Linear):\n    x = 1\n", "x.py", RULES)
    assert [(one.first, one.last) for one in in_class] == [(2, 3)]
    in_file = findings("from torch.nn import Linear\n", "x.py", RULES)
    assert [(one.first, one.last) for one in in_file] == [(1, 2)]


def test_all_python_files_but_tests_and_leaderboard_are_read(tmp_path):
    for name in ("basics/a.py", "mine/deep/b.py", "tests/c.py", "leaderboard/d.py", ".venv/e.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("eval('1')\n", encoding="utf-8")
    assert [finding.path for finding in find(tmp_path)] == ["basics/a.py", "mine/deep/b.py"]


def test_only_functions_that_run_are_noted(tmp_path, monkeypatch):
    source = "def bad(): return eval('1')\ndef good(): return 1\n"
    path = tmp_path / "basics" / "x.py"
    path.parent.mkdir()
    path.write_text(source, encoding="utf-8")
    code = {}
    exec(compile(source, str(path), "exec"), code)
    watch = Watch(find(tmp_path))
    with watch:
        code["good"]()
    assert watch.ran() == ()
    with watch:
        code["bad"]()
    assert len(watch.ran()) == 1 and "basics/x.py, line 1: eval" in watch.ran()[0]
    with watch:
        code["good"]()
    assert watch.ran() == ()


@pytest.mark.parametrize(
    ("source", "n"),
    [
        ("from torch import nn\nnn.Parameter; nn.ModuleList; nn.init.trunc_normal_", 0),
        ("from torch.nn import functional", 1),
        ("from torch.optim import Optimizer\nimport torch\ntorch.optim.Optimizer.step", 0),
        ("import torch\ntorch.optim.AdamW; torch.optim.lr_scheduler.LambdaLR", 2),
        ("import torch\ntorch.softmax; torch.log_softmax; torch.logsumexp; torch.sigmoid", 3),
        ("from lib.grading.feedback import todo\nfrom lib.corpora.tales import Tales", 0),
        ("from lib.model import rope\nimport lib.training.losses\nfrom lib import model", 3),
        ("import tiktoken\nfrom tokenizers import Tokenizer", 2),
        ("import regex, numpy, einops, json", 0),
    ],
)
def test_the_rules_of_assignment_1(source, n):
    assert len(findings(source, "x.py", read_rules(find_assignment("1")))) == n
