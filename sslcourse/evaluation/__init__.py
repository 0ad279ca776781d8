"""What a representation is worth, and whether it has collapsed: numbers only. Figures are in `sslcourse.figures`.

All take any encoder, or its features, and any ImageSet, on any device. `statistics` (which needs scipy) says whether
one arm is better than another; `throughput` times any steps.
"""

from sslcourse.evaluation.attention import (
    attention_jaccard,
    attention_precision,
    attention_recall,
    attention_table,
    extract_attention,
    head_diversity,
)
from sslcourse.evaluation.collapse import (
    centered_rank,
    channel_std,
    contrastive_accuracy,
    effective_rank,
    pair_cosines,
    spectrum,
)
from sslcourse.evaluation.corruptions import corruption_table
from sslcourse.evaluation.discovery import discovery_scores, find_objects
from sslcourse.evaluation.features import evaluate_knn, extract_features
from sslcourse.evaluation.invariance import alignment_uniformity, crop_similarity
from sslcourse.evaluation.knn import knn_accuracy
from sslcourse.evaluation.linear import LinearProbe, linear_probe
from sslcourse.evaluation.linear_rates import RatesProbe, rates_probe
from sslcourse.evaluation.occlusion import occlusion_curves
from sslcourse.evaluation.patches import extract_patches, patch_mask
from sslcourse.evaluation.reconstruction import random_removal, reconstruction_table
from sslcourse.evaluation.scaling import scale_features
from sslcourse.evaluation.segmentation import SegmentationProbe, class_parts, segmentation_probe
from sslcourse.evaluation.statistics import PairedEffect, paired_effect
from sslcourse.evaluation.throughput import inference_throughput
