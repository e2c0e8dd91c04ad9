"""The environment check: right on a whole machine, and useful on a broken one."""

import importlib.util
import subprocess
import sys
from types import SimpleNamespace

import pytest

from lib.notebook import environment
from lib.notebook.environment import (
    REPOSITORY,
    check_cache,
    check_environment,
    check_gpu,
    check_lib,
    check_packages,
    check_tier,
    check_torch,
    check_triton,
    import_torch,
    pinned,
)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("LECTURES_CACHE", str(tmp_path))


def hide(monkeypatch, package):
    """As if the package were not installed."""
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == package else real(name, *rest),
    )
    monkeypatch.setitem(sys.modules, package, None)


def test_a_table_and_a_text_with_every_finding():
    found = check_environment()
    assert [one.what for one in found] == [
        "Python", "lib", "packages", "torch", "GPU", "triton", "tier", "cache folder",
    ]  # fmt: skip
    assert found._repr_html_().count("<tr>") == 9 and 'scope="row"' in found._repr_html_()
    assert all(one.found in repr(found) for one in found)


def test_torch_missing(monkeypatch):
    hide(monkeypatch, "torch")
    one = check_torch(*import_torch())
    assert one.found == "not installed"
    assert one.to_do.endswith(f"-m pip install torch=={pinned()['torch']}")
    assert str(REPOSITORY) in one.to_do and sys.executable in one.to_do
    check_environment()


def test_torch_broken(monkeypatch):
    def fail(name):
        raise OSError("libtorch_cpu.so: cannot open\nmore")

    monkeypatch.setattr(environment.importlib, "import_module", fail)
    one = check_torch(*import_torch())
    assert one.found == "broken: OSError: libtorch_cpu.so: cannot open"
    assert "--force-reinstall torch==" in one.to_do
    check_environment()


def test_triton_is_looked_up_but_never_imported():
    code = (
        "import sys; from lib.notebook.environment import check_triton; check_triton(); "
        "sys.exit('triton' in sys.modules or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize(
    ("platform", "found", "to_do"),
    [("linux", "not installed", True), ("darwin", "lectures on kernels show their", False)],
)
def test_triton_missing_is_fine_where_none_exists(monkeypatch, platform, found, to_do):
    hide(monkeypatch, "triton")
    monkeypatch.setattr(sys, "platform", platform)
    one = check_triton()
    assert found in one.found
    assert bool(one.to_do) is to_do


@pytest.mark.parametrize(
    ("variable", "place"), [("1", "interpreter"), ("0", "compiles for the GPU")]
)
def test_triton_says_where_kernels_run(monkeypatch, variable, place):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: SimpleNamespace())
    monkeypatch.setattr(environment, "version", lambda name: "3.7.1")
    monkeypatch.setenv("TRITON_INTERPRET", variable)
    assert check_triton().found.startswith(f"3.7.1, {place}")


def fake_torch(*names):
    gpus = [SimpleNamespace(name=name, total_memory=80e9) for name in names]
    cuda = SimpleNamespace(
        is_available=lambda: bool(gpus),
        device_count=lambda: len(gpus),
        get_device_properties=gpus.__getitem__,
    )
    return environment.ModuleType("torch"), cuda


@pytest.mark.parametrize(
    ("gpus", "driver", "found", "to_do"),
    [
        (("A", "B"), True, "A, 80 GB; B, 80 GB", ""),
        ((), False, "none: every lecture runs", ""),
        ((), True, "a driver, but torch cannot use it", "nvidia-smi"),
    ],
)
def test_gpu(monkeypatch, gpus, driver, found, to_do):
    torch, torch.cuda = fake_torch(*gpus)
    monkeypatch.setattr(environment, "has_gpu", lambda: driver)
    one = check_gpu(torch)
    assert one.found.startswith(found)
    assert to_do in one.to_do and bool(one.to_do) is bool(to_do)


def test_packages_missing_or_of_another_version(monkeypatch):
    real = environment.version
    assert "numpy" in pinned() and "triton" not in pinned()  # triton is for Linux only
    monkeypatch.setattr(
        environment, "version", lambda name: "1.0" if name == "numpy" else real(name)
    )
    assert f"numpy 1.0 instead of {pinned()['numpy']}" in check_packages().found
    monkeypatch.setattr(environment, "pinned", lambda: {"no-such-package": "1"})
    one = check_packages()
    assert one.found == "missing: no-such-package" and "-r requirements.txt" in one.to_do


def test_the_cpu_edition_of_a_package_is_the_same_version(monkeypatch):
    monkeypatch.setattr(environment, "version", lambda name: pinned()[name] + "+cpu")
    assert check_packages().to_do == ""
    monkeypatch.setattr(environment, "version", lambda name: pinned()[name] + "1")
    assert "Numbers may differ" in check_packages().to_do


def test_lib_of_another_folder(monkeypatch, tmp_path):
    assert check_lib().to_do == ""
    monkeypatch.setattr(environment, "REPOSITORY", tmp_path)
    assert check_lib().to_do.endswith("-m pip install -e .")


def test_a_wrong_tier_is_a_finding_and_no_error(monkeypatch):
    monkeypatch.setenv("LECTURES_TIER", "tpu")
    assert "'tpu'" in check_tier().to_do
    monkeypatch.setenv("LECTURES_TIER", "gpus")
    assert check_tier().found == "gpus, set by LECTURES_TIER"


def test_the_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(environment.shutil, "disk_usage", lambda path: SimpleNamespace(free=6e9))
    assert check_cache().found == f"{tmp_path.resolve()}, more than 5 GB free"  # same tomorrow
    monkeypatch.setattr(environment.shutil, "disk_usage", lambda path: SimpleNamespace(free=3e8))
    assert "only 300 MB free" in check_cache().found and "LECTURES_CACHE" in check_cache().to_do
    monkeypatch.setenv("LECTURES_CACHE", str(REPOSITORY / ".cache"))
    assert check_cache().found.startswith(".cache in the repository")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LECTURES_CACHE", str(tmp_path / "file"))
    assert "cannot be used" in check_cache().found
