"""Every kernel compiled for three generations of GPUs, which none of them has to be here for.

The kernels and what is expected of them are in compile_cases_*.py: CASES, a list of dicts with
"kernel", "types" and "constants" as compile_to takes them, and if need be "num_warps",
"num_stages", "expects" (by target, what the PTX must contain) and "spills" (bytes allowed).
"""

import runpy
from dataclasses import replace
from pathlib import Path

import pytest

from lib.kernels.compile_to import compile_to
from lib.kernels.instructions import count_instructions, instruction_classes
from lib.kernels.language import has_triton, jit, tl
from lib.kernels.source_lines import lines_of
from lib.kernels.vector_add import vector_add_kernel
from lib.tensors.gpu_spec import gpu_spec

pytestmark = pytest.mark.skipif(not has_triton(), reason="Triton has no wheels for this system")

GPUS = {80: "A100 80GB", 90: "H100", 100: "B200"}
FILES = sorted(Path(__file__).parent.glob("compile_cases_*.py"))
CASES = [case for file in FILES for case in runpy.run_path(str(file))["CASES"]]
VECTOR_ADD = {"x_ptr": "*bf16", "y_ptr": "*bf16", "out_ptr": "*bf16", "n": "i32"}


def named(case: dict) -> str:
    sizes = [f"{value}" for value in case["constants"].values() if type(value) is int]
    return f"{case['kernel'].partition(':')[2]}-{'x'.join(sizes)}"


@pytest.mark.parametrize("case", CASES, ids=named)
def test_it_compiles_to_what_is_expected(case):
    options = {key: case[key] for key in ("num_warps", "num_stages") if key in case}
    for target, gpu in GPUS.items():
        made = compile_to(
            case["kernel"], case["types"], case["constants"], target=target, **options
        )
        missing = [it for it in case.get("expects", {}).get(target, []) if it not in made.ptx]
        assert not missing, f"the PTX for {gpu} lacks {missing}: {count_instructions(made.ptx)}"
        assert made.spills <= case.get("spills", 0), f"{gpu}: {made.spills} bytes spilled"
        spec = gpu_spec(gpu)
        assert made.shared_bytes <= spec.shared_bytes - spec.reserved_bytes, f"{made} on {gpu}"
        assert 32 * made.num_warps * made.registers <= spec.registers, f"{made} on {gpu}"


@jit
def twice(x):
    return x * 2


@jit
def product_kernel(x_ptr, y_ptr, out_ptr, n, SIDE: tl.constexpr):
    i = tl.arange(0, SIDE)
    places = i[:, None] * SIDE + i[None, :]
    product = tl.dot(tl.load(x_ptr + places), tl.load(y_ptr + places))
    product -= tl.max(product, 1)[:, None]
    product = twice(tl.exp2(product))
    tl.store(out_ptr + places, product, mask=places < n)


@jit
def row_kernel(x_ptr, out_ptr, SIDE: tl.constexpr):
    i = tl.arange(0, SIDE)
    x = tl.load(x_ptr + i)
    tl.store(out_ptr + i, x - tl.max(x))


PRODUCT = {"x_ptr": "*bf16", "y_ptr": "*bf16", "out_ptr": "*fp32", "n": "i32"}


@pytest.fixture(scope="module")
def product():
    return compile_to(product_kernel, PRODUCT, {"SIDE": 64}, target=90)


def test_wide_loads_need_aligned_tensors():
    aligned, not_known = (
        compile_to(vector_add_kernel, VECTOR_ADD, {"BLOCK": 1024}, aligned=it)
        for it in (True, False)
    )
    assert count_instructions(aligned.ptx)["ld.global.v4.b32"] == 2
    assert count_instructions(not_known.ptx)["ld.global.v4.b32"] == 0
    assert count_instructions(not_known.ptx)["ld.global.b16"] == 16  # 8 numbers of x, 8 of y
    assert aligned.registers < 64 and aligned.spills == 0


def test_classes_of_instructions(product):
    for text in (product.ptx, product.sass):
        classes = instruction_classes(text)
        assert classes["matrix products"] == 4  # 64 x 64 x 64 by instructions of depth 16
        assert classes["global loads"] == 2 * 64 * 64 * 2 // 16 // 128  # bytes, by 16, by threads
        assert classes["global stores"] == 64 * 64 * 4 // 16 // 128
        assert classes["exponentials"] == 64 * 64 // 128
        assert classes["barriers"] > 0 and classes["atomics"] == 0
    assert count_instructions(product.sass)["LDG.E.128"] == classes["global loads"]
    assert sum(classes.values()) == count_instructions(product.sass).total()


def test_registers_that_do_not_suffice_are_spilled():
    types = {"x_ptr": "*fp32", "out_ptr": "*fp32"}
    made = compile_to(row_kernel, types, {"SIDE": 16384}, num_warps=1)  # 512 for each thread
    assert made.spills > 0 and instruction_classes(made.sass)["local memory"] > 0


def test_lines_are_found_in_what_was_compiled_elsewhere(product):
    assert lines_of(replace(product, file="/another/place/cell.py")) == lines_of(product)


def test_every_stage_knows_its_lines(product):
    lines = lines_of(product)

    def of(text: str, stage: str) -> str:
        """What comes from the first line of this file with `text` in it."""
        source = Path(__file__).read_text().splitlines()
        (number,) = [i for i, line in enumerate(source, start=1) if line.strip() == text]
        written = getattr(product, stage).splitlines()
        return "\n".join(written[i - 1] for i in lines[number].get(stage, []))

    dot = "product = tl.dot(tl.load(x_ptr + places), tl.load(y_ptr + places))"
    for stage, load, mma in [
        ("ttir", "tt.load", "tt.dot"),
        ("ttgir", "tt.load", "ttng.warp_group_dot"),
        ("ptx", "ld.global", "wgmma.mma_async"),
        ("sass", "LDG", "HGMMA"),
    ]:
        assert load in of(dot, stage) and mma in of(dot, stage)
        assert mma not in of("product = twice(tl.exp2(product))", stage)
    assert "ex2.approx" in of("product = twice(tl.exp2(product))", "ptx")
    assert "MUFU.EX2" in of("product = twice(tl.exp2(product))", "sass")
    maximum = "product -= tl.max(product, 1)[:, None]"  # whose loop is in Triton's own library
    assert "shfl" in of(maximum, "ptx") and "SHFL" in of(maximum, "sass")
    assert "tt.reduce" in of(maximum, "ttir")
    assert of("return x * 2", "ptx").count("add") + of("return x * 2", "ptx").count("mul") == 32
    assert "st.global" in of("tl.store(out_ptr + places, product, mask=places < n)", "ptx")


def test_what_is_missing_is_named():
    wrong = {"m" if name == "n" else name: kind for name, kind in VECTOR_ADD.items()}
    with pytest.raises(ValueError, match="Missing are n, not known m"):
        compile_to(vector_add_kernel, wrong, {"BLOCK": 1024})
    with pytest.raises(ValueError, match="no target 70: choose from 80"):
        compile_to(vector_add_kernel, VECTOR_ADD, {"BLOCK": 1024}, target=70)
    with pytest.raises(Exception, match="must be a power of 2"):
        compile_to(vector_add_kernel, VECTOR_ADD, {"BLOCK": 1000})
