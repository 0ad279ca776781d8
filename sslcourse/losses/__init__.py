"""Losses as functions: tensors in, one scalar out, float32 inside; only `Center` remembers anything."""

from sslcourse.losses.contrastive import alignment, alignment_only, nt_xent, uniformity
from sslcourse.losses.distillation import (
    Center,
    centered_softmax,
    entropy,
    patch_cross_entropy,
    sinkhorn,
    view_cross_entropy,
)
from sslcourse.losses.local_global import affinity_fit_loss, affinity_repulsion, frozen, info_nce, local_dissimilarity
from sslcourse.losses.reconstruction import normalize_patches, patchify, reconstruction_loss, unpatchify
from sslcourse.losses.regression import cosine_regression
