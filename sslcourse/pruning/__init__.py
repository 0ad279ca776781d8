"""Which patches a student need not see: scores, selection, gathering and restoring tokens, and what it saves."""

from sslcourse.pruning.cost import (
    StepCost,
    ViTShape,
    block_flops,
    closed_form_speed_up,
    decoder_flops,
    encoder_flops,
    predicted_speed_up,
    pruned_encoder_flops,
    step_cost,
)
from sslcourse.pruning.scores import attention_entropy, cls_attention
from sslcourse.pruning.select import POLICIES, keep_count, keep_rate_at, select
from sslcourse.pruning.tokens import gather_tokens, removed_indices, removed_mask, restore_tokens

__all__ = [
    "POLICIES",
    "StepCost",
    "ViTShape",
    "attention_entropy",
    "block_flops",
    "closed_form_speed_up",
    "cls_attention",
    "decoder_flops",
    "encoder_flops",
    "gather_tokens",
    "keep_count",
    "keep_rate_at",
    "predicted_speed_up",
    "pruned_encoder_flops",
    "removed_indices",
    "removed_mask",
    "restore_tokens",
    "select",
    "step_cost",
]
