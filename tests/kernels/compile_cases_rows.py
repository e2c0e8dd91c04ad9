"""What test_compile_to compiles: the elementwise and row-wise kernels, for three GPU generations.

Vector loads and stores of 16 bytes ("v4.b32") are what their speed hangs on.
"""

WIDE = ["ld.global.v4.b32", "st.global.v4.b32"]
EVERYWHERE = {80: WIDE, 90: WIDE, 100: WIDE}
STORES = {80: WIDE[1:], 90: WIDE[1:], 100: WIDE[1:]}
LOADS = {80: WIDE[:1], 90: WIDE[:1], 100: WIDE[:1]}


def case(
    kernel: str, pointers: str, integers: str, constants: dict, num_warps: int = 4,
    floats: str = "", expects: dict = EVERYWHERE,
) -> dict:  # fmt: skip
    """`pointers` name bfloat16 arrays, "x:fp32" one of another type."""
    typed = (name.partition(":") for name in pointers.split())
    types = {f"{name}_ptr": f"*{kind or 'bf16'}" for name, _, kind in typed}
    types |= dict.fromkeys(integers.split(), "i32") | dict.fromkeys(floats.split(), "fp32")
    return {
        "kernel": f"lib.kernels.{kernel}",
        "types": types,
        "constants": constants,
        "num_warps": num_warps,
        "expects": expects,
        "spills": 8,  # two registers; kernels that stop right at 64 have them
    }


def tile(rows: int, columns: int) -> dict:
    return {"ROWS": rows, "COLUMNS": columns}


def rope_tile(half: bool, rest: int) -> dict:
    return {"HALF": half, "BACK": False, "HEADS": 32, "PAIRS": 64, "REST": rest}


B1, B8 = {"BLOCK": 1024}, {"BLOCK": 8192}
TWO, THREE = "x_stride out_stride", "grad_stride out_stride dx_stride"
NORM = "x weight out inverse:fp32", f"{TWO} R D"
NORM_BACKWARD = "grad x weight inverse:fp32 dx partial:fp32", "grad_stride x_stride dx_stride R D"
SWIGLU = "gate_stride up_stride out_stride R D"
LAYER = "x weight bias out mean:fp32 inverse:fp32", f"{TWO} R D"
LAYER_BACKWARD = (
    "grad x weight mean:fp32 inverse:fp32 dx dweight:fp32 dbias:fp32",
    NORM_BACKWARD[1],
)
BIAS, NO_BIAS = {"HAS_BIAS": True}, {"HAS_BIAS": False}
ROPE = "x cos:fp32 sin:fp32 out", "x_b x_t x_n angle_b angle_t T N H P"
ADAMW = "param grad m:fp32 v:fp32 master:fp32"
ADAMW_NUMBERS = "keep blend1 blend2 step_size root_correction eps"
BLOCKS = {
    name: {"FORMAT": name, "E": E, "BLOCKS": 2048 // E}
    for name, E in (("mxfp8_e4m3", 32), ("mxfp4", 32), ("nvfp4", 16), ("int8", 128))
}


def quantized(name: str) -> str:
    return (
        "x codes:i8 scales:fp32 whole:fp32" if name == "int8" else "x codes:u8 scales:u8 whole:fp32"
    )


def dequantized(name: str) -> str:
    return quantized(name).removeprefix("x ") + " out"


CASES = [
    case("gelu:gelu_kernel", "x out", "n", B1),
    case("gelu:gelu_backward_kernel", "grad x out", "n", B1),
    case("gelu:gelu_overflow_kernel", "x out", "n", B1),
    case("softmax:softmax_kernel", "x out", f"{TWO} R D", tile(1, 4096), 8),
    case("softmax:softmax_kernel", "x out", f"{TWO} R D", tile(1, 32768), 16),
    case("softmax:softmax_online_kernel", "x out", f"{TWO} D", B8, 16),
    case("softmax:softmax_backward_kernel", "grad out dx", f"{THREE} R D", tile(8, 128)),
    case("softmax:softmax_backward_kernel", "grad out dx", f"{THREE} R D", tile(1, 16384), 16),
    case("softmax:softmax_blocks_backward_kernel", "grad out dx", f"{THREE} D", B8, 16),
    case("row_sum:row_sum_kernel", "x out", f"{TWO} R D part", tile(1, 4096), 8, expects=LOADS),
    case("rms_norm:rms_norm_kernel", *NORM, tile(1, 4096), 8, "eps offset"),
    case("rms_norm:rms_norm_kernel", *NORM, tile(1, 16384), 16, "eps offset"),
    case("rms_norm:rms_norm_backward_kernel", *NORM_BACKWARD, tile(8, 128), 4, "offset"),
    case("rms_norm:rms_norm_backward_kernel", *NORM_BACKWARD, tile(1, 4096), 8, "offset"),
    case("rms_norm:rms_norm_backward_kernel", *NORM_BACKWARD, tile(1, 8192), 16, "offset"),
    case("rms_norm:rms_norm_backward_kernel", *NORM_BACKWARD, tile(1, 16384), 16, "offset"),
    case("swiglu:swiglu_kernel", "gate up out", SWIGLU, tile(1, 1024)),
    case("swiglu:swiglu_kernel", "gate up out", SWIGLU, tile(8, 128)),
    case(
        "swiglu:swiglu_backward_kernel",
        "grad gate up dgate dup",
        f"grad_stride {SWIGLU}",
        tile(1, 1024),
    ),
    case("layer_norm:layer_norm_kernel", *LAYER, BIAS | tile(1, 4096), 8, "eps offset"),
    case(
        "layer_norm:layer_norm_backward_kernel", *LAYER_BACKWARD, BIAS | tile(8, 128), 4, "offset"
    ),
    case(
        "layer_norm:layer_norm_backward_kernel", *LAYER_BACKWARD, BIAS | tile(1, 4096), 8, "offset"
    ),
    case(
        "layer_norm:layer_norm_backward_kernel", *LAYER_BACKWARD, BIAS | tile(1, 8192), 16, "offset"
    ),
    case(
        "layer_norm:layer_norm_backward_kernel",
        *LAYER_BACKWARD,
        NO_BIAS | tile(1, 8192),
        16,
        "offset",
    ),
    case("rope:rope_kernel", *ROPE, rope_tile(half=True, rest=0), 8),
    case("rope:rope_kernel", *ROPE, rope_tile(half=False, rest=0), 8),
    case("rope:rope_kernel", *ROPE, rope_tile(half=True, rest=32), 8),
    case("adamw:adamw_kernel", ADAMW, "n", {"HAS_MASTER": False} | B1, floats=ADAMW_NUMBERS),
    case("adamw:adamw_kernel", ADAMW, "n", {"HAS_MASTER": True} | B1, floats=ADAMW_NUMBERS),
    *(
        case(f"block_quantize:{kernel}", pointers(name), "B", constants, expects=expects)
        for kernel, pointers, expects in (
            ("quantize_blocks_kernel", quantized, LOADS),
            ("dequantize_blocks_kernel", dequantized, STORES),
        )
        for name, constants in BLOCKS.items()
    ),
]
