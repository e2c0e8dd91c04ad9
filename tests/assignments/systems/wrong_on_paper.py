"""Wrong answers in numbers, of all parts: each with the test that must see it."""

from wrong_answers import wrong

from lib.grading.answers import read_answers


def planted(file):
    """The decorator of wrong answers to one file of tests, once it knows which test."""
    return lambda test: wrong("answers.read_answers", caught_by=f"{file}::{test}")


wrong_profile = planted("test_profiling.py")
wrong_precision = planted("test_mixed_precision.py")
wrong_memory = planted("test_memory.py")
wrong_checkpoint = planted("test_checkpointing.py")
wrong_attention = planted("test_pytorch_attention.py")
wrong_traffic = planted("test_flash_traffic.py")
wrong_cost = planted("test_communication.py")
wrong_sharding = planted("test_sharding_accounting.py")
wrong_paper = planted("test_paper.py")


def answered(table, **changes):
    """The right answers with some changed: by a factor, or to another word."""
    answers = read_answers()  # the right ones: this name is not swapped
    changed = {
        name: change if isinstance(change, str) else answers[table][name] * change
        for name, change in changes.items()
    }
    return answers | {table: answers[table] | changed}


@wrong_profile("test_number_of_products")
def no_output_projection():
    return answered("profile", products_forward=108 / 109)


@wrong_profile("test_number_of_products")
def backward_as_forward():
    return answered("profile", products_both=2 / 3)


@wrong_profile("test_flops_of_products_and_softmax")
def one_product():
    return answered("profile", flops_ratio=0.5)


@wrong_precision("test_four_sums")
def sum_in_sixteen_bits_is_exact():
    return answered("mixed_precision_accumulation", all_in_16=10.0001 / 9.9531)


@wrong_precision("test_four_sums")
def a_sixteen_bit_number_is_exact():
    return answered("mixed_precision_accumulation", numbers_in_16=10.0001 / 10.0021)


@wrong_precision("test_types_on_paper")
def parameters_are_cast():
    return answered("autocast_types", parameters="float16")


@wrong_precision("test_types_on_paper")
def norms_in_half_on_a_gpu():
    return answered("autocast_types", norm_on_gpu="float16")


@wrong_memory("test_state_of_xl")
def gigabytes_for_gibibytes():
    return answered("memory_profiling", state_gib=2**30 / 1e9)


@wrong_memory("test_the_stream_of_xl")
def one_sequence():
    return answered("memory_profiling", stream_mib=0.25)


@wrong_memory("test_what_a_block_of_xl_keeps")
def scores_kept_too():
    return answered("memory_profiling", block_mib_2048=1.5)


@wrong_checkpoint("test_peaks_of_xl")
def no_block_at_work():
    return answered("gradient_checkpointing", every_block_gib=2.5 / 6.53522)


@wrong_checkpoint("test_peaks_of_xl")
def one_block_of_two():
    return answered("gradient_checkpointing", every_second_gib=1.25 / 9.32043 + 4.0352 / 9.32043)


@wrong_checkpoint("test_the_best_size")
def root_of_all_blocks():
    return answered("gradient_checkpointing", best_size=2)


@wrong_attention("test_what_is_kept")
def two_matrices_kept():
    return answered("pytorch_attention", kept_gib=16.34375 / 8.34375)


@wrong_attention("test_the_longest")
def next_length():
    return answered("pytorch_attention", longest=2)


@wrong_attention("test_what_flash_attention_keeps")
def log_sums_forgotten():
    return answered("pytorch_attention", flash_mib=128 / 128.5)


@wrong_traffic("test_bytes_of_the_plain_version")
def matrices_only_written():
    return answered("flash_traffic", plain_gib=0.5)


@wrong_traffic("test_what_the_plain_version_waits_for")
def multiplications_alone():
    return answered("flash_traffic", gpu_ratio=2)


@wrong_cost("test_the_table_of_the_handout")
def latency_of_the_whole_ring():
    return answered("distributed_communication", latency=2)


@wrong_cost("test_the_table_of_the_handout")
def bandwidth_of_a_single_step():
    return answered("distributed_communication", bandwidth=0.5)


@wrong_sharding("test_memory_at_three_moments")
def gradients_sharded_too():
    return answered("sharding_accounting", after_step_4=12.6914 / 31.7284)


@wrong_sharding("test_what_is_received")
def zero_costs_as_much():
    return answered("sharding_accounting", received_zero=1.5)


@wrong_sharding("test_what_a_rank_holds")
def one_weight_gathered():
    return answered("fsdp_accounting", gathered=0.5)


@wrong_sharding("test_what_is_received_with_full_sharding")
def gathered_once():
    return answered("fsdp_accounting", received=2 / 3)


@wrong_sharding("test_the_fewest_ranks")
def ranks_rounded_down():
    return answered("fsdp_accounting", fewest=5 / 6)


@wrong_paper("test_the_other_ring")
def the_usual_ring():
    return answered("alternate_ring", milliseconds=0.25)


@wrong_paper("test_work_and_messages_of_data_parallelism")
def forward_work():
    return answered("data_parallel_limit", work=0.5)


@wrong_paper("test_limit_of_data_parallelism")
def tokens_for_each_rank():
    return answered("data_parallel_limit", ranks=1111.1 / 58.98)


@wrong_paper("test_messages_of_fsdp")
def one_message_backward():
    return answered("fsdp_limit", backward_messages=0.5)


@wrong_paper("test_limits_of_tensor_parallelism")
def limit_depends_on_the_batch():
    return answered("tensor_parallel_limit", for_one_sequence=1024 / 65_536)


@wrong_paper("test_messages_at_the_same_time")
def sum_instead_of_the_longer():
    return answered("two_dimensions", ranks_overlapped=0.25)


@wrong_paper("test_messages_one_after_the_other")
def each_axis_at_its_limit():
    return answered("two_dimensions", ranks_in_turn=4)
