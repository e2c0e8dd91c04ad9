"""Triton kernels, one per file, each beside the plain PyTorch twin that says what it computes.

Read language and backend first, then vector_add, the smallest kernel.

They run on a GPU, in Triton's interpreter on a CPU, and as their twins: see backend.
"""
