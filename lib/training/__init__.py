"""From a model and tokens to a trained model: losses, optimizers, schedules, and the loop.

Read losses; then the optimizers as a ladder: optimizer, sgd, adaptive, lion, muon, soap, and
groups, which says which parameters get which; fused_adamw is AdamW in one kernel. Then schedules,
clipping, accumulation, recomputation, precision. Then what moves: packing and batches, divergence,
ranks, and loop, which joins it all.
What makes it a run that a file describes and a crash cannot end: config, settings, build, log,
tensor_tree, checkpoint, run, sample; and __main__, the command line. Several processes that share a
model, by torch's engine: meeting, engine (what a run asks of it), mesh, mesh_part, mesh_loss,
mesh_tensor, mesh_model, mesh_pipeline, mesh_optimizer, sharded_files, sharded_checkpoint, and
mesh_engine, which joins them. For experiments beside each other: small_text, comparison.
"""
