"""Compile a kernel for a GPU that need not be there, and look at every stage on the way.

    compiled = compile_to(gelu_kernel, {"x_ptr": "*bf16", "out_ptr": "*bf16", "n": "i32"},
                          {"BLOCK": 1024}, target=90)
    compiled.ptx, compiled.sass, compiled.registers, compiled.spills

Triton's wheel brings Nvidia's assembler, so all but running it works on any Linux machine.
"""

import contextlib
import io
import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from lib.kernels.child import call_in_child
from lib.kernels.shipping import Named, Parcel, function_of, pack, unpack

TARGETS = {80: "A100", 86: "RTX 30", 89: "RTX 40, L4", 90: "H100, H200", 100: "B200", 120: "RTX 50"}
LIMIT = 300.0  # seconds
ALIGNED = [["tt.divisibility", 16]]  # bytes of an address, or a multiple of an integer
INTEGERS = ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64")


@dataclass(frozen=True)
class Compiled:
    """One kernel for one generation of GPUs, in the languages it goes through."""

    name: str
    target: int  # compute capability times ten: 90 is 9.0
    ttir: str = field(repr=False)  # Triton's own: tiles, and nothing of a GPU
    ttgir: str = field(repr=False)  # with layouts: which thread holds what
    llir: str = field(repr=False)  # LLVM's: one thread
    ptx: str = field(repr=False)  # Nvidia's assembly for any GPU of a generation
    cubin: bytes = field(repr=False)  # the machine code
    registers: int  # of each thread
    spills: int  # bytes of each thread that did not fit into registers and go through memory
    shared_bytes: int  # of each program
    num_warps: int
    file: str = field(repr=False)  # where the kernel's source stands
    first_line: int = field(repr=False)
    source: str = field(repr=False)

    @cached_property
    def sass(self) -> str | None:
        """The machine code as text, with the source's lines; None without Nvidia's disassembler."""
        listing = _tool("nvdisasm", self.cubin, "-g", "-c")
        if listing is None:
            return None
        code = re.search(r"^\S*\.text\.[^\n]*:\n.*?(?=^//-----|\Z)", listing, re.M | re.S)
        return code[0] if code else listing


def compile_to(
    kernel: Any,
    types: dict[str, str],
    constants: dict[str, Any],
    *,
    target: int = 90,
    num_warps: int = 4,
    num_stages: int = 3,
    aligned: bool = True,
    limit: float = LIMIT,
) -> Compiled:
    """Compile for compute capability `target` / 10, in a process of its own.

    `kernel` is a kernel or its address, "lib.kernels.gelu:gelu_kernel". `types` gives Triton's
    names: "*bf16" is a pointer to bfloat16, "i32" an integer; `constants` the tl.constexpr values,
    and any stride that is 1. With `aligned` all addresses and integers are multiples of 16, as
    Triton finds out by itself at a launch; without it loads of 16 bytes are not allowed.
    """
    if target not in TARGETS:
        known = ", ".join(f"{number} ({name})" for number, name in TARGETS.items())
        raise ValueError(f"There is no target {target!r}: choose from {known}.")
    options = {"num_warps": num_warps, "num_stages": num_stages}
    parcel = _parcel(kernel)
    arguments = parcel, types, constants, target, options, aligned
    made = call_in_child("compile", _compile, arguments, {}, limit=limit, name=parcel.name)
    return Compiled(**made)


def _parcel(kernel: Any) -> Parcel:
    if not isinstance(kernel, str):
        return pack(kernel)
    module, _, name = kernel.partition(":")
    return Parcel(name, Named(module, name))


def _compile(
    parcel: Parcel,
    types: dict[str, str],
    constants: dict[str, Any],
    target: int,
    options: dict[str, int],
    aligned: bool,
) -> dict[str, Any]:
    """In the child: the fields of Compiled."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    kernel = unpack(parcel)
    while not hasattr(kernel, "create_binder"):  # an autotuner around it
        kernel = kernel.fn
    signature = _signature(kernel, types, constants)
    attributes = {
        (i,): ALIGNED
        for i, kind in enumerate(signature.values())
        if aligned and (kind.startswith("*") or kind in INTEGERS)
    }
    source = ASTSource(kernel, signature, constants, attributes)
    with contextlib.redirect_stdout(io.StringIO()):  # the assembler repeats what the error says
        made = triton.compile(source, target=GPUTarget("cuda", target, 32), options=options)
    stages = {name: made.asm[name] for name in ("ttir", "ttgir", "llir", "ptx", "cubin")}
    usage = _tool("cuobjdump", made.asm["cubin"], "--dump-resource-usage") or ""
    plain = function_of(kernel)
    return stages | {
        "name": plain.__name__,
        "target": target,
        "registers": _number(r"REG:(\d+)", usage),
        "spills": _number(r"STACK:(\d+)", usage),
        "shared_bytes": made.metadata.shared,
        "num_warps": options["num_warps"],
        "file": plain.__code__.co_filename,
        "first_line": kernel.starting_line_number,
        "source": kernel.raw_src if isinstance(kernel.raw_src, str) else "".join(kernel.raw_src),
    }


def _signature(kernel: Any, types: dict[str, str], constants: dict[str, Any]) -> dict[str, str]:
    """In the order of the kernel's arguments, as Triton's compiler wants it."""
    named = set(types) | set(constants)
    missing = [name for name in kernel.arg_names if name not in named]
    unknown = sorted(named - set(kernel.arg_names))
    if missing or unknown:
        raise ValueError(
            f"{kernel.__name__} takes {', '.join(kernel.arg_names)}. Missing are "
            f"{', '.join(missing) or 'none'}, not known {', '.join(unknown) or 'none'}. Give each "
            'a type such as "*bf16" or "i32", or a constant.'
        )
    return {name: "constexpr" if name in constants else types[name] for name in kernel.arg_names}


def _number(pattern: str, text: str) -> int:
    match = re.search(pattern, text)
    return int(match[1]) if match else 0


def _tool(name: str, cubin: bytes, *options: str) -> str | None:
    """What one of Nvidia's tools in Triton's wheel says about machine code."""
    import triton

    path = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / name
    if not path.exists():
        return None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "kernel.cubin"
        file.write_bytes(cubin)
        made = subprocess.run([path, *options, file], capture_output=True, text=True)
    return made.stdout if made.returncode == 0 else None
