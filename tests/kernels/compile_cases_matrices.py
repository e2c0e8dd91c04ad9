"""What the kernels of matrices must compile to: tensor cores, 16-byte loads and stores."""

TENSOR_CORES = {80: ["mma.sync"], 90: ["wgmma.mma_async"], 100: ["tcgen05.mma"]}

SIZES = {"M": "i32", "N": "i32", "K": "i32"}


def _matmul(
    a_transposed: bool, b_transposed: bool, out: str = "*bf16", **constants: object
) -> dict:
    """A row for one pair of layouts; the stride that is 1 is a constant, as at a launch."""
    ones = {
        "a_stride_m" if a_transposed else "a_stride_k": 1,
        "b_stride_k" if b_transposed else "b_stride_n": 1,
    }
    strides = {"a_stride_m", "a_stride_k", "b_stride_k", "b_stride_n"} - set(ones)
    pointers = ("a_ptr", "b_ptr", "bias_ptr", "out_ptr", "before_ptr")
    tile = {"BLOCK_M": 128, "BLOCK_N": 256, "BLOCK_K": 64, "GROUP": 8, "EVEN_K": True}
    rest = {
        "HAS_BIAS": False,
        "ACTIVATION": "none",
        "KEEP": False,
        "ADD": False,
        "PRECISION": "ieee",
    }
    return {
        "kernel": "lib.kernels.matmul:matmul_kernel",
        "types": {
            **dict.fromkeys(pointers, "*bf16"),
            "out_ptr": out,
            **SIZES,
            **dict.fromkeys(sorted(strides), "i32"),
        },
        "constants": ones | tile | rest | constants,
        "num_warps": 8,
        "expects": {
            target: [
                *products,
                "cp.async.cg.shared.global",
                *([] if out != "*bf16" else ["st.global.v4"]),
            ]
            for target, products in TENSOR_CORES.items()
        },
    }


CASES = [
    _matmul(False, False),
    _matmul(False, True, HAS_BIAS=True, ACTIVATION="gelu", KEEP=True, BLOCK_N=128),
    _matmul(True, False, EVEN_K=False),
    _matmul(True, False, "*fp32", BLOCK_N=128, ADD=True),
]

# Rows of 50257 logits of two bytes begin anywhere; their bodies must move by 16 bytes all the same.
_POINTERS = {"logits_ptr": "*bf16", "targets_ptr": "*i64", "log_z_ptr": "*fp32"}
_NUMBERS = {"ignore_index": "i32", "z_loss": "fp32"}
_ODD = {"V": 50257, "row_stride": 50257, "BLOCK": 8192}
_WIDE = {target: ["ld.global.v4", "st.global.v4"] for target in (80, 90, 100)}

CASES += [
    {
        "kernel": "lib.kernels.cross_entropy_kernels:cross_entropy_kernel",
        "types": {**_POINTERS, "share_ptr": "*fp32", "losses_ptr": "*fp32", **_NUMBERS},
        "constants": {**_ODD, "GRADIENT": True},
        "num_warps": 16,
        "expects": _WIDE,
    },
    {
        "kernel": "lib.kernels.cross_entropy_kernels:cross_entropy_backward_kernel",
        "types": {**_POINTERS, "grad_ptr": "*fp32", "out_ptr": "*bf16", **_NUMBERS},
        "constants": {**_ODD, "grad_stride": 0},
        "num_warps": 16,
        "expects": _WIDE,
    },
    {
        "kernel": "lib.kernels.cross_entropy_in_place:scale_rows_kernel",
        "types": {"x_ptr": "*bf16", "factor_ptr": "*fp32"},
        "constants": {**_ODD, "factor_stride": 0},
        "num_warps": 16,
        "expects": _WIDE,
    },
]


def _int8(M: int, N: int, K: int, *, num_warps: int, few: bool = False) -> dict:
    """Few rows need loads, not tensor cores of the newest kind; the many get those."""
    tile = {"BLOCK_M": M, "BLOCK_N": N, "BLOCK_K": K, "GROUP": 8, "SPLIT": 2 if few else 1}
    pointers = {"x_ptr": "*bf16", "weight_ptr": "*i8", "scales_ptr": "*fp32"}
    return {
        "kernel": "lib.kernels.int8_matmul:int8_matmul_kernel",
        "types": {
            **pointers,
            "out_ptr": "*fp32" if few else "*bf16",
            **SIZES,
            "x_stride": "i32",
            "weight_stride_n": "i32",
        },
        "constants": {**tile, "weight_stride_k": 1, "SCALED": True, "PRECISION": "ieee"},
        "num_warps": num_warps,
        "num_stages": 4 if few else 3,
        "expects": {target: [*it, "cp.async"] for target, it in TENSOR_CORES.items()},
    }


CASES += [_int8(16, 64, 128, num_warps=4, few=True), _int8(128, 128, 64, num_warps=8)]
