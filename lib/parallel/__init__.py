"""Several ranks that work together, and how they talk.

Read on_lists, which says what the eight collectives mean; comm, a rank's view of the others, with
traffic, which counts bytes; simulated and torch_comm, its two kinds; ring and tree, collectives out
of send and receive; cost, how long they take, and measure. launch runs a function on ranks that are
processes, with by_value, pool, fork_server, rank_process and errors behind it.

Every rank has the model and a part of the batch: flat, buckets and reducer, how gradients travel
together; data, which averages them. Whatever all ranks hold can be held once: zero, with owned,
zero_state and shard_norm, for optimizer state and gradients; fsdp, with flat_shard, units,
unit_schedule and trees, for weights too. shard_files and reshard save and load that (objects sends
anything); bytes_held says what a rank has.

A model cut by layers: schedules, who works when; timeline and bubble, what that costs; pipeline,
which runs a schedule, with mail and deferred for it; pipeline_model, a Transformer in stages.
A layer cut by experts: routed, the layer, then expert, its ranks. failures: how often to save.

Matrices cut by columns and rows: conjugates, steps that gradients flow through; region and tensor;
vocabulary; sequence, what is between the matrices; tensor_block, tensor_model and tensor_weights, a
Transformer. Sequences cut by positions: positions, attention_blocks, context, context_model. All at
once: mesh, tensor_stage, composed.

What fits, and how fast: memory and activation_memory, what a rank holds by formula, with
classic_block, whose activations they count; cluster, layer_cost and layout, what there is to
choose; step_memory and step_time, what a choice costs; planner, which tries them all.
"""
