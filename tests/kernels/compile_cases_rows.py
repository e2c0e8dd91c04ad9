"""What test_compile_to compiles: the elementwise and row-wise kernels, for three GPU generations.

Vector loads and stores of 16 bytes ("v4.b32") are what their speed hangs on.
"""

WIDE = ["ld.global.v4.b32", "st.global.v4.b32"]
EVERYWHERE = {80: WIDE, 90: WIDE, 100: WIDE}


def case(kernel: str, pointers: str, integers: str, constants: dict, num_warps: int = 4) -> dict:
    """`pointers` name bfloat16 arrays, "x:fp32" one of another type; the rest are integers."""
    typed = (name.partition(":") for name in pointers.split())
    types = {f"{name}_ptr": f"*{kind or 'bf16'}" for name, _, kind in typed}
    return {
        "kernel": f"lib.kernels.{kernel}",
        "types": types | dict.fromkeys(integers.split(), "i32"),
        "constants": constants,
        "num_warps": num_warps,
        "expects": EVERYWHERE,
    }


LONG = {"ROWS": 1, "COLUMNS": 4096}
SHORT = {"ROWS": 8, "COLUMNS": 128}
THREE = "grad_stride out_stride dx_stride"

CASES = [
    case("gelu:gelu_kernel", "x out", "n", {"BLOCK": 1024}),
    case("gelu:gelu_backward_kernel", "grad x out", "n", {"BLOCK": 1024}),
    case("gelu:gelu_overflow_kernel", "x out", "n", {"BLOCK": 1024}),
    case("softmax:softmax_kernel", "x out", "x_stride out_stride R D", LONG, 8),
    case("softmax:softmax_online_kernel", "x out", "x_stride out_stride D", {"BLOCK": 8192}, 16),
    case("softmax:softmax_backward_kernel", "grad out dx", f"{THREE} R D", SHORT),
    case(
        "softmax:softmax_blocks_backward_kernel", "grad out dx", f"{THREE} D", {"BLOCK": 8192}, 16
    ),
]
