"""Losses as pure functions: tensors in, one scalar out, float32 inside, nothing remembered between calls."""

from sslcourse.losses.contrastive import alignment, alignment_only, nt_xent, uniformity

__all__ = ["alignment", "alignment_only", "nt_xent", "uniformity"]
