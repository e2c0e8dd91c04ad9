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
