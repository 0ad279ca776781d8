"""What a representation is worth, and whether it has collapsed. Figures are in `sslcourse.evaluation.figures`."""

from sslcourse.evaluation.collapse import (
    channel_std,
    collapse_report,
    contrastive_accuracy,
    effective_rank,
    pair_cosines,
    spectrum,
)
from sslcourse.evaluation.features import evaluate_knn, extract_features
from sslcourse.evaluation.knn import knn_accuracy

__all__ = [
    "channel_std",
    "collapse_report",
    "contrastive_accuracy",
    "effective_rank",
    "evaluate_knn",
    "extract_features",
    "knn_accuracy",
    "pair_cosines",
    "spectrum",
]
