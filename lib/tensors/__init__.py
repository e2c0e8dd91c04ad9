"""What things cost: bits, bytes, operations, and the time that a machine needs for them.

Read formats, rounding, block_formats; shape, flops, costs; memory, activations, held, kv_cache;
then hardware, roofline, timing, peaks, detect; moved (bytes of eager operations).
"""
