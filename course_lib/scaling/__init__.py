"""Scaling: what arithmetic, memory and data cost, what they buy, and how to need less memory.

- `flops`, `memory`, `roofline`: counts, held against measurements in the tests.
- `laws`: power laws of the loss, their uncertainty, and the best way to spend a budget.
- `softmax`, `tiling`, `checkpointing`: the same results in less memory.
"""

from course_lib.scaling.checkpointing import checkpointed
from course_lib.scaling.flops import flops_per_token, matmul_parameters
from course_lib.scaling.laws import (
    BESIROGLU_2024,
    HOFFMANN_2022,
    PowerLaw,
    ScalingLaw,
    bootstrap_power_law,
    compute_optimal,
    fit_power_law,
)
from course_lib.scaling.memory import activation_bytes, adamw_bytes, kv_cache_bytes, saved_bytes, score_bytes
from course_lib.scaling.roofline import attainable_flops, decoding_ceiling, matmul_intensity
from course_lib.scaling.softmax import online_softmax
from course_lib.scaling.tiling import tiled_attention

__all__ = [
    "BESIROGLU_2024",
    "HOFFMANN_2022",
    "PowerLaw",
    "ScalingLaw",
    "activation_bytes",
    "adamw_bytes",
    "attainable_flops",
    "bootstrap_power_law",
    "checkpointed",
    "compute_optimal",
    "decoding_ceiling",
    "fit_power_law",
    "flops_per_token",
    "kv_cache_bytes",
    "matmul_intensity",
    "matmul_parameters",
    "online_softmax",
    "saved_bytes",
    "score_bytes",
    "tiled_attention",
]
