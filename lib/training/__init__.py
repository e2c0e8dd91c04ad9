"""From a model and tokens to a trained model: losses, optimizers, schedules, and the loop.

Read losses; then the optimizers as a ladder: optimizer, sgd, adaptive, lion, muon, soap, and
groups, which says which parameters get which; schedules, clipping, accumulation, recomputation,
precision. What a run needs besides: batches, log, checkpoint, config, and loop, which joins it all.
"""
