"""What a representation is worth, and whether it has collapsed. Figures are in `sslcourse.figures`."""

from sslcourse.evaluation.attention import attention_jaccard, attention_recall, patch_mask
from sslcourse.evaluation.collapse import channel_std, contrastive_accuracy, effective_rank, pair_cosines, spectrum
from sslcourse.evaluation.features import evaluate_knn, extract_features
from sslcourse.evaluation.knn import knn_accuracy
from sslcourse.evaluation.linear import LinearProbe, linear_probe
