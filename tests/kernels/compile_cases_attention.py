"""What the attention kernels must compile to: tensor cores, 16-byte accesses, sums in registers.

The tiles are those that are launched. The kernel of dk and dv holds two tiles of sums: the few
registers it lacks are allowed here, and counted, so that they do not become many.
"""

import torch

from lib.kernels.flash_settings import forward_settings, kv_settings, q_settings

READ = ("q_b", "q_t", "q_n", "k_b", "k_s", "k_k", "v_b", "v_s", "v_k")
GRAD = ("grad_b", "grad_t", "grad_n")
SIZES = {"T": "i32", "S": "i32", "N": "i32", "window": "i32", "scale": "fp32"}
SUMS = {"lse_ptr": "*fp32", "delta_ptr": "*fp32"}
PRODUCTS = {80: "mma.sync", 90: "wgmma.mma_async", 100: "tcgen05.mma"}
CPU = torch.device("cpu")


def _case(kernel: str, pointers: str, strides: tuple[str, ...], settings, H: int, **more) -> dict:
    tiles = settings(H, torch.bfloat16, CPU)
    types = {f"{name}_ptr": "*bf16" for name in pointers.split()}
    sums = {name: "*fp32" for name in SUMS if name == "lse_ptr" or "grad" in pointers}
    return {
        "kernel": kernel,
        "types": types | sums | dict.fromkeys(strides, "i32") | SIZES,
        "constants": {
            "G": 4,
            "H": H,
            "BLOCK_H": H,
            "CAUSAL": True,
            "WINDOWED": False,
            **{name: tiles[name] for name in ("BLOCK_Q", "BLOCK_K")},
        },
        "num_warps": tiles["num_warps"],
        "num_stages": tiles["num_stages"],
        "expects": {
            target: [product, "cp.async.cg", "st.global.v4", "ex2.approx"]
            for target, product in PRODUCTS.items()
        },
        **more,
    }


CASES = [
    _case(
        "lib.kernels.flash_attention:flash_attention_kernel",
        "q k v out",
        (*READ, "out_b", "out_t", "out_n"),
        forward_settings,
        H=128,
        spills=32,
    ),
    _case(
        "lib.kernels.flash_attention_backward:flash_backward_kv_kernel",
        "q k v grad dk dv",
        (*READ, *GRAD, "dk_b", "dk_s", "dk_k"),
        kv_settings,
        H=128,
        spills=512,
    ),
    _case(
        "lib.kernels.flash_attention_backward:flash_backward_q_kernel",
        "q k v grad dq",
        (*READ, *GRAD, "dq_b", "dq_t", "dq_n"),
        q_settings,
        H=128,
        spills=32,
    ),
    {
        "kernel": "lib.kernels.flash_attention_backward:flash_delta_kernel",
        "types": {
            "out_ptr": "*bf16",
            "grad_ptr": "*bf16",
            "delta_ptr": "*fp32",
            **dict.fromkeys(("out_b", "out_t", "out_n", *GRAD, "T", "N"), "i32"),
        },
        "constants": {"H": 128, "BLOCK_H": 128, "BLOCK_Q": 32},
        "expects": {target: ["ld.global.v4"] for target in PRODUCTS},
    },
]
