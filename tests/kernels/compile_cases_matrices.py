"""What the kernels of matrices must compile to: tensor cores, 16-byte loads and stores."""

TENSOR_CORES = {80: ["mma.sync"], 90: ["wgmma.mma_async"], 100: ["tcgen05.mma"]}

SIZES = {"M": "i32", "N": "i32", "K": "i32"}


def _matmul(a_transposed: bool, b_transposed: bool, **constants: object) -> dict:
    """A row for one pair of layouts; the stride that is 1 is a constant, as at a launch."""
    ones = {
        "a_stride_m" if a_transposed else "a_stride_k": 1,
        "b_stride_k" if b_transposed else "b_stride_n": 1,
    }
    strides = {"a_stride_m", "a_stride_k", "b_stride_k", "b_stride_n"} - set(ones)
    pointers = ("a_ptr", "b_ptr", "bias_ptr", "out_ptr", "before_ptr")
    tile = {"BLOCK_M": 128, "BLOCK_N": 256, "BLOCK_K": 64, "GROUP": 8, "EVEN_K": True}
    rest = {"HAS_BIAS": False, "ACTIVATION": "none", "KEEP": False, "PRECISION": "ieee"}
    return {
        "kernel": "lib.kernels.matmul:matmul_kernel",
        "types": dict.fromkeys(pointers, "*bf16") | SIZES | dict.fromkeys(sorted(strides), "i32"),
        "constants": ones | tile | rest | constants,
        "num_warps": 8,
        "expects": {
            target: [*products, "cp.async.cg.shared.global", "st.global.v4"]
            for target, products in TENSOR_CORES.items()
        },
    }


CASES = [
    _matmul(False, False),
    _matmul(False, True, HAS_BIAS=True, ACTIVATION="gelu", KEEP=True, BLOCK_N=128),
    _matmul(True, False, EVEN_K=False),
]
