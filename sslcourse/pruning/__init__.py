"""Which patches a student does not see: scores, selection, gathering and restoring tokens; `cost` counts the saving."""

from sslcourse.pruning.scores import attention_entropy, cls_attention
from sslcourse.pruning.select import POLICIES, keep_count, keep_rate_at, select
from sslcourse.pruning.tokens import gather_tokens, removed_indices, removed_mask, restore_tokens
