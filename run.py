#!/usr/bin/env python3
"""One launcher for everything: standard library only, the same on Linux, macOS and Windows.

Reading and running
  lab                  open the lectures in JupyterLab, at the start page
  lectures [1 2 ...]   run all lectures, or these, without a browser; show result, seconds, memory
                         --save      keep the fresh outputs in the notebooks
                         --offline   refuse every connection to another machine

Assignments
  grade [1 [name ...]] run the tests of assignment 1 on your code, or of these problems only;
                       without a number: the points reached so far
  leaderboard 1        the ranking of trained models; 2: of training steps; 4: of data
                         check <entry>   run an entry again and compare
                         add <folder>    run a new entry and rank it

Checking
  test                 everything that guards the project, stage by stage
                         --fast      the unit tests alone
                         stages      lint unit kernels parallel assignments lectures again browser
  bench [names]        speed and memory against other people's code, as tables of ratios
                         --gpu       the kernels, on the GPU of this machine
  lint                 style of code and notebooks; changes nothing
  format               put code and notebooks into the house style

Housekeeping
  lock                 write constraints.txt anew from the requirements files
  clean                remove what can be made again: .venv, caches
  help                 this page

The first call makes a virtual environment in .venv and installs what is needed (about a minute);
later calls do so again only when the requirements have changed. Inside an active virtual or conda
environment, that one is used.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  (whoever starts an older Python gets a sentence)
    from shutil import which

    this = ".".join(map(str, sys.version_info[:2]))
    newer = [name for name in ("python3.13", "python3.12", "python3.11") if which(name)]
    way_out = f"You have a newer one: use  {newer[0]} run.py  instead." if newer else ""
    way_out = way_out or "Get one from https://www.python.org/downloads/ and call run.py with it."
    sys.exit(f"This course needs Python 3.11 or newer, this is {this}. {way_out}")

import contextlib
import difflib
import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
CACHE = ROOT / ".cache"
FIRST_RUN = CACHE / "first_run"  # copies of the lectures, with the outputs of nbmake's run
INSTALL_LOG = CACHE / "install.log"
FOR_LEARNERS = "requirements.txt"
FOR_DEVELOPERS = "requirements-dev.txt"  # contains the learners' list
CPU_TORCH = "https://download.pytorch.org/whl/cpu"  # PyTorch's own index of wheels without CUDA
INTERRUPTED = 130  # the shells' exit status for Ctrl-C


class Stop(Exception):
    """A sentence for the user; the launcher prints it and ends."""


def main(arguments: list[str]) -> int:
    verb, *rest = arguments or ["help"]
    verb = {"--help": "help", "-h": "help"}.get(verb, verb)
    if verb not in VERBS:
        near = difflib.get_close_matches(verb, VERBS, n=1)
        hint = f" Did you mean  python run.py {near[0]} ?" if near else ""
        say(f"There is no command '{verb}'.{hint}  `python run.py help` lists them all.")
        return 2
    try:
        return VERBS[verb](rest)
    except Stop as stop:
        say(str(stop))
        return 1
    except KeyboardInterrupt:
        say("\nStopped. The same command takes up the work again.")
        return INTERRUPTED


# ------------------------------------------------------------------------------------- the verbs


def lab(arguments: list[str]) -> int:
    """Open JupyterLab on the start page; further arguments go to JupyterLab (say --no-browser)."""
    python = set_up(FOR_LEARNERS)
    start = ROOT / "lectures" / "00_start_here.ipynb"
    say("Opening JupyterLab. To stop it: Ctrl-C here, twice.")
    page = start if start.exists() else ROOT / "lectures"
    # With a file alone JupyterLab would serve its folder alone, and no link to lib/ could open.
    root = f"--ServerApp.root_dir={ROOT}"
    status = call([python, "-m", "jupyterlab", root, page, *arguments], own_kernel())
    return 0 if status == INTERRUPTED else status  # Ctrl-C is how one leaves


def lectures(arguments: list[str]) -> int:
    """Run lectures without a browser; the work is done by lib/notebook/lectures.py."""
    python = set_up(FOR_LEARNERS)
    words = [word for word in arguments if word != "--offline"]
    variables = offline() if "--offline" in arguments else own_kernel()
    return call([python, "-m", "lib.notebook.lectures", *words], variables)


def grade(arguments: list[str]) -> int:
    """Grade assignments; the work is done by lib/grading/grade.py."""
    return call([set_up(FOR_LEARNERS), "-m", "lib.grading.grade", *arguments])


def leaderboard(arguments: list[str]) -> int:
    """Rank what others have entered; the work is done by lib/grading/leaderboard.py."""
    return call([set_up(FOR_LEARNERS), "-m", "lib.grading.leaderboard", *arguments])


def test(arguments: list[str]) -> int:
    """Run the stages one after the other, all of them even when one fails, and end with a table."""
    names = ["unit"] if arguments == ["--fast"] else arguments or list(STAGES)
    unknown = [name for name in names if name not in STAGES]
    if unknown:
        raise Stop(f"There is no stage '{unknown[0]}': choose from {', '.join(STAGES)}, or --fast.")
    python = set_up(FOR_DEVELOPERS)
    shutil.rmtree(CACHE / "results", ignore_errors=True)
    rows, worst = [], 0
    for name in names:
        results = CACHE / "results" / f"{name}.xml"
        say(f"\n=== {name}: {STAGES[name].__doc__}")
        began = time.monotonic()
        status = STAGES[name](python, results)
        if status == INTERRUPTED:
            raise KeyboardInterrupt
        seconds = f"{time.monotonic() - began:.0f}"
        rows.append([name, "FAILED" if status else "passed", counted(results), seconds])
        worst = worst or status
    say("\n" + table(["stage", "result", "tests", "seconds"], rows))
    return 1 if worst else 0


def bench(arguments: list[str]) -> int:
    """Run tests/benchmarks/bench_*.py, or those named (in part) before the first --option.

    --gpu stands for the name gpu, which is not run unless it is named.
    """
    if "--gpu" in arguments:
        arguments = ["gpu", *(word for word in arguments if word != "--gpu")]
    n_words = next((i for i, word in enumerate(arguments) if word.startswith("-")), len(arguments))
    words, options = arguments[:n_words], arguments[n_words:]
    scripts = sorted((ROOT / "tests" / "benchmarks").glob("bench_*.py"))
    exact = [path for path in scripts if path.stem.removeprefix("bench_") in words]
    in_part = [path for path in scripts if any(word in path.stem for word in words)]
    chosen = (exact or in_part) if words else [it for it in scripts if it.stem != "bench_gpu"]
    if not chosen:
        names = ", ".join(path.stem.removeprefix("bench_") for path in scripts) or "none yet"
        raise Stop(f"No benchmark has such a name. There are: {names}.")
    python = set_up(FOR_DEVELOPERS)
    worst = 0
    for path in chosen:
        say(f"\n=== {path.stem.removeprefix('bench_')}")
        worst = max(worst, call([python, path, *options], own_kernel()))
    return worst


def lint(arguments: list[str]) -> int:
    """Check the style of code and notebooks; change nothing."""
    return lint_stage(set_up(FOR_DEVELOPERS), CACHE)


def format_(arguments: list[str]) -> int:
    """Put code and notebooks into the house style."""
    python = set_up(FOR_DEVELOPERS)
    steps = [["ruff", "check", "--no-cache", "--fix"], ["ruff", "format", "--no-cache"]]
    steps += [["lib.notebook.normal_form", "lectures", "assignments"]]
    return max([call([python, "-m", *step]) for step in steps])


def lock(arguments: list[str]) -> int:
    """Resolve the requirements for every system and Python at once, and write constraints.txt."""
    python = set_up(FOR_DEVELOPERS)
    command = [str(python), "-m", "uv", "pip", "compile", "--universal", "--python-version", "3.11"]
    command += ["--no-header", "--no-emit-index-url", "--no-emit-find-links"]
    command += ["--annotation-style", "line", FOR_LEARNERS, FOR_DEVELOPERS]
    made = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8")
    if made.returncode:
        raise Stop("The requirements contradict each other (above). constraints.txt is unchanged.")
    pins = [line for line in made.stdout.splitlines() if not line.startswith(("-e", "#"))]
    write_whole(ROOT / "constraints.txt", LOCK_HEADER + "\n".join(pins) + "\n")
    say(f"constraints.txt pins {len(pins)} packages.")
    return 0


def clean(arguments: list[str]) -> int:
    """Remove what can be made again, and say what was removed."""
    if os.name == "nt" and Path(sys.prefix).resolve() == VENV:
        raise Stop("Windows cannot delete the Python that is running: type  deactivate  first.")
    made = [VENV, CACHE, ROOT / ".ruff_cache", ROOT / ".pytest_cache", ROOT / ".hypothesis"]
    made += [ROOT / "__pycache__", *ROOT.glob("*.egg-info")]
    for folder in ("lib", "tests", "assignments"):
        made += sorted((ROOT / folder).rglob("__pycache__"))
    removed = [path for path in made if remove(path)]
    for path in removed:
        say(f"removed {short(path)}")
    say("Lectures and your own files are untouched." if removed else "There is nothing to remove.")
    return 0


def help_(arguments: list[str]) -> int:
    say(__doc__)
    return 0


# -------------------------------------------------------------------------- the stages of `test`


def lint_stage(python: Path, results: Path) -> int:
    """style of code and notebooks"""
    steps = [["ruff", "check", "--no-cache"], ["ruff", "format", "--no-cache", "--check"]]
    steps += [["lib.notebook.hygiene", "lectures"]]
    return max([call([python, "-m", *step]) for step in steps])


def unit_stage(python: Path, results: Path) -> int:
    """every test of lib/ but its kernels and its several processes, and of the project itself"""
    others = ["--ignore=tests/kernels", "--ignore=tests/parallel"]
    chosen = ["tests", *others, "-m", "not browser and not assignments"]
    return pytest(python, results, *chosen, *ON_ALL_CORES)


def kernels_stage(python: Path, results: Path) -> int:
    """every kernel, on the GPU or in the interpreter, and compiled for three generations of GPUs"""
    return pytest(python, results, "tests/kernels", *ON_ALL_CORES)


def parallel_stage(python: Path, results: Path) -> int:
    """several processes that work together; one test at a time, for they use all cores"""
    return pytest(python, results, "tests/parallel", "--durations=5")


ON_ALL_CORES = ["--durations=5", "-n", "auto", "--dist", "worksteal"]


def assignments_stage(python: Path, results: Path) -> int:
    """every assignment: its stubs, a solution, and wrong answers that its tests must catch"""
    return pytest(python, results, "tests/assignments", "-m", "assignments")


def lectures_stage(python: Path, results: Path) -> int:
    """every lecture through nbmake, with the network blocked"""
    shutil.rmtree(FIRST_RUN, ignore_errors=True)
    FIRST_RUN.mkdir(parents=True)
    copies = [shutil.copy(path, FIRST_RUN) for path in lecture_files()]
    if not copies:
        say("There are no lectures yet.")
        return 0
    return pytest(python, results, "--nbmake", "--overwrite", "--nbmake-timeout=120", *copies)


def again_stage(python: Path, results: Path) -> int:
    """every lecture once more, with our own runner, which must see the same numbers"""
    if lecture_files() and not FIRST_RUN.exists():
        raise Stop("There is nothing to compare with yet: run  python run.py test lectures again")
    return call([python, "-m", "lib.notebook.lectures", "--same-as", FIRST_RUN], offline())


def browser_stage(python: Path, results: Path) -> int:
    """JupyterLab in a real browser"""
    return pytest(python, results, "tests/browser", "-m", "browser", "-rs")


def pytest(python: Path, results: Path, *arguments: str) -> int:
    return call([python, "-m", "pytest", "-q", f"--junitxml={results}", *arguments], offline())


def lecture_files() -> list[Path]:
    return sorted((ROOT / "lectures").glob("[0-9][0-9]_*.ipynb"))


def counted(results: Path) -> str:
    """What pytest counted, in words; empty for a stage that is not made of tests."""
    if not results.exists():
        return ""
    suite = ElementTree.parse(results).getroot().find("testsuite").attrib
    failed, skipped = int(suite["failures"]) + int(suite["errors"]), int(suite["skipped"])
    passed = int(suite["tests"]) - failed - skipped
    counts = {"passed": passed, "failed": failed, "skipped": skipped}
    return ", ".join(f"{n} {word}" for word, n in counts.items() if n or word == "passed")


def table(head: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    padded = ["  ".join(map(str.ljust, line, widths)) for line in lines]
    return "\n".join(line.rstrip() for line in padded)


# -------------------------------------------------------------------------------- the environment


def set_up(requirements: str) -> Path:
    """The Python that has everything in `requirements`, which is installed first if need be."""
    python = active_python() or own_python()
    wanted = fingerprint(python, requirements)
    stamp = prefix_of(python) / "lectures-installed.json"
    done = json.loads(stamp.read_text(encoding="utf-8")) if stamp.exists() else {}
    if done.get(requirements) == wanted:
        return python
    began = time.monotonic()
    install(python, requirements)
    done[requirements] = wanted
    done[FOR_LEARNERS] = fingerprint(python, FOR_LEARNERS)  # part of either list
    write_whole(stamp, json.dumps(done))
    say(f"Installed in {time.monotonic() - began:.0f} s.")
    return python


def active_python() -> Path | None:
    """The running Python if it belongs to an environment that the user has chosen; else None.

    Conda's `base` does not count: it is active for many people who never chose it.
    """
    prefix = Path(sys.prefix)
    if prefix.resolve() == VENV:
        return None
    in_conda = os.environ.get("CONDA_PREFIX", "") == str(prefix)
    chosen = in_conda and os.environ.get("CONDA_DEFAULT_ENV") != "base"
    return Path(sys.executable) if chosen or sys.prefix != sys.base_prefix else None


def own_python() -> Path:
    """The Python of .venv, which is made if it is missing and made anew if it is broken."""
    python = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if VENV.exists() and not healthy(python):
        say("The environment in .venv is incomplete, perhaps interrupted; making it anew.")
        remove(VENV)
    if not VENV.exists():
        say("Making a virtual environment in .venv (once).")
        base = getattr(sys, "_base_executable", sys.executable)
        if subprocess.run([base, "-m", "venv", str(VENV)]).returncode:
            raise Stop(
                "Python could not make a virtual environment; its own message is above. "
                "On Debian and Ubuntu:  sudo apt install python3-venv   and call this again."
            )
    return python


def healthy(python: Path) -> bool:
    """Whether .venv answers, is recent enough, has pip, and was not left half installed."""
    if (VENV / "installing").exists():
        return False
    question = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    try:
        return not subprocess.run([python, "-c", question], stderr=subprocess.DEVNULL).returncode
    except OSError:
        return False


def install(python: Path, requirements: str) -> None:
    """Let pip install the list, held to the versions in constraints.txt."""
    if subprocess.run([python, "-c", "import pip"], stderr=subprocess.DEVNULL).returncode:
        raise Stop(
            f"The active environment, {short(prefix_of(python))}, has no pip. Leave it with  "
            "deactivate  or give it one:  python -m ensurepip"
        )
    say(f"Installing {requirements} into {short(prefix_of(python))}: a minute or two, once.")
    with half_done(prefix_of(python) / "installing"):
        if wants_cpu_torch(python):
            say("No NVIDIA GPU here: taking torch without CUDA, which saves gigabytes.")
            if not pip(python, "--no-deps", "--index-url", CPU_TORCH, pin("torch")):
                say("PyTorch's index of such wheels gave none; taking the usual torch instead.")
        if not pip(python, "-r", requirements, "-c", "constraints.txt"):
            said = INSTALL_LOG.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
            raise Stop(
                "\n".join(["pip could not install everything. It ended with:", "", *said, ""])
                + "\nCheck the connection and the free disk space, then call this again."
            )


@contextlib.contextmanager
def half_done(mark: Path) -> Iterator[None]:
    """A mark that stays behind only where pip was stopped in the middle; `healthy` looks for it."""
    mark.touch()
    try:
        yield
    except Stop:
        mark.unlink()
        raise
    mark.unlink()


def pip(python: Path, *arguments: str) -> bool:
    """Run `pip install`; on a terminal one changing line shows where it is. Details: the log."""
    command = [str(python), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    command += ["--no-compile"]  # of 14,000 modules few are ever imported; a third of the time
    CACHE.mkdir(exist_ok=True)
    text = {"encoding": "utf-8", "errors": "replace"}
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with open(INSTALL_LOG, "a", buffering=1, **text) as log:
        process = subprocess.Popen([*command, *arguments], cwd=ROOT, **both, **text)
        for line in process.stdout:
            log.write(line)
            if line.lstrip().startswith(("Collecting", "Downloading", "Installing")):
                status_line(line.strip())
        status_line("")
        process.wait()
    return process.returncode == 0


def status_line(text: str) -> None:
    """Show `text` in place of the last one; nothing where there is no terminal."""
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns - 1
        print("\r" + text[:width].ljust(width), end="\r", flush=True)


def wants_cpu_torch(python: Path) -> bool:
    """Whether plain pip would fetch CUDA wheels for a machine that cannot use them.

    Only the Linux wheels carry CUDA. Where pip has been told which index to use, that is respected.
    """
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64") or has_nvidia():
        return False
    question = "import importlib.util, sys; sys.exit(importlib.util.find_spec('torch') is not None)"
    if subprocess.run([python, "-c", question]).returncode:
        return False
    command = [python, "-m", "pip", "config", "list"]  # environment variables are in the list too
    settings = subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8").stdout.splitlines()
    names = {setting.split("=")[0].rsplit(".", 1)[-1] for setting in settings}
    return names.isdisjoint({"index-url", "extra-index-url", "find-links", "no-index"})


def has_nvidia() -> bool:
    """Whether an NVIDIA driver is present, under Windows' Linux too."""
    devices = ("/dev/nvidiactl", "/dev/dxg")
    return shutil.which("nvidia-smi") is not None or any(map(os.path.exists, devices))


def pin(package: str) -> str:
    """What requirements.txt demands of one package, as torch==2.13.0."""
    lines = (ROOT / FOR_LEARNERS).read_text(encoding="utf-8").splitlines()
    return next(line.split()[0] for line in lines if line.startswith(f"{package}=="))


def fingerprint(python: Path, requirements: str) -> str:
    """Changes when installing must be repeated: new requirements, new Python, moved folder."""
    names = [FOR_LEARNERS, "constraints.txt", "pyproject.toml"]
    names += [requirements] if requirements != FOR_LEARNERS else []
    version = subprocess.run([python, "-VV"], stdout=subprocess.PIPE, check=True).stdout
    parts = [version, os.fsencode(ROOT), *((ROOT / name).read_bytes() for name in names)]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def prefix_of(python: Path) -> Path:
    """The folder of the environment that a Python belongs to."""
    return VENV if python.is_relative_to(VENV) else Path(sys.prefix)


def own_kernel() -> dict[str, str]:
    """Variables that make Jupyter take this environment's kernel before one of the user's."""
    return {**os.environ, "JUPYTER_PREFER_ENV_PATH": "1"}


def offline() -> dict[str, str]:
    """Variables under which every Python started from here, kernels too, is cut off from others."""
    guard = str(ROOT / "tests" / "network_guard")
    path = os.pathsep.join(filter(None, [guard, os.environ.get("PYTHONPATH")]))
    return {**own_kernel(), "PYTHONPATH": path, "LECTURES_OFFLINE": "1"}


# ---------------------------------------------------------------------------------------- helpers


def call(command: list, variables: dict[str, str] | None = None) -> int:
    """Run a command to its end and return its status.

    Ctrl-C reaches the command by itself, since it shares our terminal, and ends it in its own good
    order, for which we wait. A request to terminate is passed on.
    """
    signals = []
    process = subprocess.Popen([str(part) for part in command], cwd=ROOT, env=variables)

    def pass_on(number: int, frame: object) -> None:
        signals.append(number)
        if number == signal.SIGTERM:
            process.terminate()

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        status = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return INTERRUPTED if signals else status


def remove(path: Path) -> bool:
    """Remove a file, a folder, or a link (never its target); False if there was nothing."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)
    else:
        return False
    return True


def write_whole(path: Path, text: str) -> None:
    """Write a file so that whoever reads it meets the old text or the new one, never a part."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8", newline="\n")
    os.replace(part, path)


def short(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def say(sentence: str) -> None:
    print(sentence, flush=True)


LOCK_HEADER = """\
# The exact version of everything that pip may install here, wanted directly or not, on Linux,
# macOS and Windows and on every Python from 3.11 on. Written by `python run.py lock` from
# requirements.txt and requirements-dev.txt; do not edit.
#
# pip takes this file with -c: it then installs nothing more, it only keeps versions still. So the
# CUDA packages below come only where torch's own wheel asks for them. After each: who wants it.

"""

VERBS: dict[str, Callable[[list[str]], int]] = {
    "lab": lab,
    "lectures": lectures,
    "grade": grade,
    "leaderboard": leaderboard,
    "test": test,
    "bench": bench,
    "lint": lint,
    "format": format_,
    "lock": lock,
    "clean": clean,
    "help": help_,
}

STAGES: dict[str, Callable[[Path, Path], int]] = {
    "lint": lint_stage,
    "unit": unit_stage,
    "kernels": kernels_stage,
    "parallel": parallel_stage,
    "assignments": assignments_stage,
    "lectures": lectures_stage,
    "again": again_stage,
    "browser": browser_stage,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
