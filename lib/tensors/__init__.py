"""What things cost: numbers in bits, memory, FLOPs, and the time that a machine needs for them.

Read formats, rounding, block_formats; memory, activations, held; flops, costs, roofline; hardware,
timing, peaks, detect.
"""
