"""The launcher: what it decides about the environment, what it says, what it removes."""

import ast
import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType

import pytest

REPO = Path(__file__).parents[2]


@pytest.fixture
def run(tmp_path, monkeypatch) -> ModuleType:
    """The launcher, at home in an empty folder with requirements of its own."""
    spec = importlib.util.spec_from_file_location("launcher", REPO / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    home = tmp_path / "course folder"
    home.mkdir()
    for name in ("requirements.txt", "requirements-dev.txt", "constraints.txt", "pyproject.toml"):
        (home / name).write_text("# nothing\n", encoding="utf-8")
    monkeypatch.setattr(module, "ROOT", home)
    monkeypatch.setattr(module, "VENV", home / ".venv")
    monkeypatch.setattr(module, "CACHE", home / ".cache")
    monkeypatch.setattr(module, "INSTALL_LOG", home / ".cache" / "install.log")
    monkeypatch.setattr(module, "FIRST_RUN", home / ".cache" / "first_run")
    return module


@pytest.fixture
def installs(run, monkeypatch) -> list[str]:
    """Instead of installing, note what would be installed."""
    noted = []
    monkeypatch.setattr(run, "active_python", lambda: None)
    monkeypatch.setattr(run, "own_python", lambda: Path(sys.executable))
    monkeypatch.setattr(run, "prefix_of", lambda python: run.ROOT)
    monkeypatch.setattr(run, "install", lambda python, requirements: noted.append(requirements))
    return noted


def test_an_old_python_can_read_it_and_is_told_what_to_do():
    source = (REPO / "run.py").read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 7))
    first = next(node for node in tree.body[1:] if ast.unparse(node) != "import sys")
    old = source.replace("sys.version_info < (3, 11)", "sys.version_info > (3, 11)", 1)
    said = subprocess.run([sys.executable, "-c", old], capture_output=True, text=True)
    assert isinstance(first, ast.If)  # before any other import
    assert said.returncode == 1
    assert said.stderr.startswith("This course needs Python 3.11 or newer, this is 3.")


def test_the_lab_serves_the_whole_course_and_opens_the_start_page(run, installs, monkeypatch):
    start = run.ROOT / "lectures" / "00_start_here.ipynb"
    start.parent.mkdir()
    start.touch()
    commands = []
    monkeypatch.setattr(run, "call", lambda command, *_: commands.append(command) or 0)
    assert run.lab(["--no-browser"]) == 0
    (command,) = commands
    assert command[1:] == [
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={run.ROOT}",  # or links from lectures to lib/ lead nowhere
        start,
        "--no-browser",
    ]


@pytest.mark.parametrize(
    ("arguments", "scripts", "options"),
    [
        ([], ["bench_a_training", "bench_encoding", "bench_training"], []),
        (["training"], ["bench_training"], []),  # the exact name alone
        (["train"], ["bench_a_training", "bench_training"], []),
        (["encoding", "--only", "10 MB"], ["bench_encoding"], ["--only", "10 MB"]),
        (["--gpu", "--again"], ["bench_gpu"], ["--again"]),
    ],
)
def test_benchmarks_are_chosen_by_name(run, installs, monkeypatch, arguments, scripts, options):
    folder = run.ROOT / "tests" / "benchmarks"
    folder.mkdir(parents=True)
    for name in ("bench_training", "bench_a_training", "bench_encoding", "bench_gpu"):
        (folder / f"{name}.py").touch()
    commands = []
    monkeypatch.setattr(run, "call", lambda command, *_: commands.append(command[1:]) or 0)
    assert run.bench(arguments) == 0
    assert [(path.stem, *rest) for path, *rest in commands] == [(n, *options) for n in scripts]


def test_help_names_every_command(run, capsys):
    assert run.main([]) == run.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {verb} " in shown for verb in run.VERBS)


def test_a_misspelt_command_gets_a_hint(run, capsys):
    assert run.main(["labb"]) == 2
    assert "python run.py lab " in capsys.readouterr().out


def test_an_unknown_stage_is_explained_before_anything_is_installed(run, installs, capsys):
    assert run.main(["test", "brwser"]) == 1
    assert (
        "lint, unit, kernels, parallel, assignments, lectures, again, browser"
        in capsys.readouterr().out
    )
    assert installs == []


def test_it_installs_once_and_again_when_something_changes(run, installs):
    run.set_up(run.FOR_LEARNERS)
    run.set_up(run.FOR_LEARNERS)
    assert installs == ["requirements.txt"]
    for name in ("requirements.txt", "constraints.txt", "pyproject.toml"):
        (run.ROOT / name).write_text("# changed\n", encoding="utf-8")
        run.set_up(run.FOR_LEARNERS)
    assert installs == ["requirements.txt"] * 4
    (run.ROOT / "requirements-dev.txt").write_text("# changed\n", encoding="utf-8")
    run.set_up(run.FOR_LEARNERS)
    assert len(installs) == 4


def test_developers_have_what_learners_need(run, installs):
    run.set_up(run.FOR_DEVELOPERS)
    run.set_up(run.FOR_LEARNERS)
    assert installs == ["requirements-dev.txt"]


def test_a_failed_installation_is_repeated(run, installs, monkeypatch):
    def fail(python, requirements):
        raise run.Stop("no network")

    with monkeypatch.context() as broken:
        broken.setattr(run, "install", fail)
        with pytest.raises(run.Stop):
            run.set_up(run.FOR_LEARNERS)
    run.set_up(run.FOR_LEARNERS)
    assert installs == ["requirements.txt"]


@pytest.fixture
def quick_venv(run, monkeypatch) -> None:
    """Environments as the launcher makes them, but with an empty module for pip: 0.1 s, not 5."""
    really = subprocess.run

    def quickly(command, **options):
        if "venv" not in command:
            return really(command, **options)
        made = really([*command, "--without-pip"], **options)
        packages = next(run.VENV.rglob("site-packages"))
        (packages / "pip.py").touch()
        return made

    monkeypatch.setattr(run.subprocess, "run", quickly)


def test_a_broken_environment_is_made_anew(run, quick_venv, capsys):
    (run.VENV / "bin").mkdir(parents=True)  # as a Ctrl-C in the middle of its making leaves it
    python = run.own_python()
    assert run.healthy(python)
    assert "incomplete" in capsys.readouterr().out
    mine = run.VENV / "mine"
    mine.touch()
    assert run.own_python() == python and mine.exists()  # a whole one is left alone
    (run.VENV / "installing").touch()  # as a killed pip leaves it
    assert run.own_python() == python and not mine.exists()


def test_the_mark_of_an_installation_outlives_only_an_interruption(run, tmp_path):
    mark = tmp_path / "installing"
    with run.half_done(mark):
        assert mark.exists()
    assert not mark.exists()
    with pytest.raises(run.Stop), run.half_done(mark):
        raise run.Stop("pip said no")
    assert not mark.exists()
    with pytest.raises(KeyboardInterrupt), run.half_done(mark):
        raise KeyboardInterrupt
    assert mark.exists()


def test_what_pip_says_last_is_shown_when_it_fails(run, monkeypatch):
    monkeypatch.setattr(run, "wants_cpu_torch", lambda python: False)
    monkeypatch.setattr(run, "prefix_of", lambda python: run.ROOT)
    (run.ROOT / "requirements.txt").write_text("-r missing.txt\n", encoding="utf-8")
    with pytest.raises(run.Stop, match=r"missing\.txt"):
        run.install(Path(sys.executable), "requirements.txt")


def test_an_active_environment_without_pip_is_explained(run, tmp_path):
    python = tmp_path / "env" / ("Scripts" if os.name == "nt" else "bin") / "python"
    made = subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "env")])
    assert made.returncode == 0
    with pytest.raises(run.Stop, match="has no pip"):
        run.install(python, run.FOR_LEARNERS)


@pytest.mark.parametrize(
    ("system", "gpu", "settings", "wants"),
    [
        ("linux", False, "", True),
        ("linux", False, "global.timeout='15'\n", True),
        ("linux", True, "", False),
        ("linux", False, ":env:.find-links='wheels'\n", False),
        ("linux", False, "global.index-url='https://mirror'\n", False),
        ("darwin", False, "", False),
        ("win32", False, "", False),
    ],
)
def test_torch_without_cuda_is_chosen_where_cuda_is_of_no_use(
    run, monkeypatch, system, gpu, settings, wants
):
    def answer(command, **_):
        return subprocess.CompletedProcess(command, 0, stdout=settings)  # 0: no torch yet

    monkeypatch.setattr(run.sys, "platform", system)
    monkeypatch.setattr(run.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(run, "has_nvidia", lambda: gpu)
    monkeypatch.setattr(run.subprocess, "run", answer)
    assert run.wants_cpu_torch(Path("python")) is wants


def test_the_pin_of_torch_is_read_from_the_requirements(run, monkeypatch):
    monkeypatch.setattr(run, "ROOT", REPO)
    assert run.pin("torch").startswith("torch==2.")


@pytest.mark.parametrize(
    ("prefix", "base", "conda", "chosen"),
    [
        ("/usr", "/usr", {}, False),
        ("/home/ada/env", "/usr", {}, True),
        (
            "/opt/conda",
            "/opt/conda",
            {"CONDA_PREFIX": "/opt/conda", "CONDA_DEFAULT_ENV": "base"},
            False,
        ),
        (
            "/opt/e/llm",
            "/opt/e/llm",
            {"CONDA_PREFIX": "/opt/e/llm", "CONDA_DEFAULT_ENV": "llm"},
            True,
        ),
        ("/usr", "/usr", {"CONDA_PREFIX": "/opt/e/llm", "CONDA_DEFAULT_ENV": "llm"}, False),
    ],
)
def test_an_environment_is_used_if_someone_chose_it(run, monkeypatch, prefix, base, conda, chosen):
    for name in ("CONDA_PREFIX", "CONDA_DEFAULT_ENV"):
        monkeypatch.delenv(name, raising=False)
    for name, value in conda.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(run.sys, "prefix", prefix)
    monkeypatch.setattr(run.sys, "base_prefix", base)
    assert (run.active_python() is not None) is chosen


def test_our_own_environment_is_not_mistaken_for_the_users(run, monkeypatch):
    monkeypatch.setattr(run.sys, "prefix", str(run.VENV))
    assert run.active_python() is None


def test_clean_removes_what_can_be_made_again_and_nothing_else(run, capsys):
    kept = [
        "lectures/01_a.ipynb",
        "lectures/.ipynb_checkpoints/01_a.ipynb",
        "lib/mine.py",
        "notes.txt",
    ]
    gone = [".venv/bin/python", ".cache/x/y", "lib/a/__pycache__/b.pyc", "lecture_lib.egg-info/z"]
    for name in kept + gone:
        (run.ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (run.ROOT / name).touch()
    assert run.main(["clean"]) == 0
    assert all((run.ROOT / name).exists() for name in kept)
    assert not any((run.ROOT / name).parent.exists() for name in gone)
    shown = capsys.readouterr().out
    assert all(f"removed {name}" in shown for name in (".venv", ".cache", "lecture_lib.egg-info"))
    assert run.main(["clean"]) == 0
    assert "nothing to remove" in capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_clean_removes_a_link_but_not_what_it_points_to(run, tmp_path):
    elsewhere = tmp_path / "big disk"
    elsewhere.mkdir()
    (elsewhere / "model").touch()
    run.CACHE.symlink_to(elsewhere)
    run.main(["clean"])
    assert not run.CACHE.exists() and (elsewhere / "model").exists()


def test_every_stage_runs_and_one_failure_fails_the_whole(run, installs, monkeypatch, capsys):
    def stage(name, status):
        def body(python, results):
            results.parent.mkdir(parents=True, exist_ok=True)
            suite = '<testsuite tests="9" failures="1" errors="0" skipped="2"/>'
            results.write_text(f"<testsuites>{suite}</testsuites>", encoding="utf-8")
            return status

        body.__doc__ = name
        return body

    stages = {"one": stage("one", 0), "two": stage("two", 1), "three": stage("three", 0)}
    monkeypatch.setattr(run, "STAGES", stages)
    assert run.main(["test"]) == 1
    table = [line.split() for line in capsys.readouterr().out.splitlines()[-3:]]
    assert [row[:2] for row in table] == [["one", "passed"], ["two", "FAILED"], ["three", "passed"]]
    assert " ".join(table[1][2:8]) == "6 passed, 1 failed, 2 skipped"
    assert run.main(["test", "one", "three"]) == 0


def test_the_status_of_a_command_comes_back(run):
    assert run.call([sys.executable, "-c", "import sys; sys.exit(7)"]) == 7


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals between processes")
def test_a_request_to_terminate_is_passed_on(run):
    def terminate():
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=terminate).start()
    began = time.monotonic()
    assert run.call([sys.executable, "-c", "import time; time.sleep(60)"]) == run.INTERRUPTED
    assert time.monotonic() - began < 20
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
