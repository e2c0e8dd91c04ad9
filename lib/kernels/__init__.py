"""Triton kernels, one per file, each beside the plain PyTorch twin that says what it computes.

Reading order: language and backend (who runs a kernel), vector_add, gelu, swiglu (an element at a
time); row_sum, softmax, rms_norm, layer_norm, rope (a row at a time); matmul, int8_matmul (tiles);
cross_entropy, linear_cross_entropy, adamw, block_quantize; flash_tiles, then flash_attention and
flash_attention_backward.

To look at them without a GPU: interpret and accesses (run, and record every load and store),
compile_to, instructions and source_lines (what the compiler makes of them for any GPU). With one:
tune (measure which tiles are fastest; tuned reads the results).
"""
