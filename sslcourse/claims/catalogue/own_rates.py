"""The learning rates of the arms of claims 14 to 20, by claim or claims, each found by runs of its own.

Of .001, .002, .004 and .008 (and beyond an end, while it is best, down to .00025 and up to .032) each arm has the one
with the highest kNN: see claims/rates.py. All are in claims/ledger/rates.jsonl.
"""

VIEWS = {  # 14, 17 and 18
    "SimCLR": 4e-3,
    "no negatives": 8e-3,
    "SimCLR, no greyscale": 8e-3,
    "SimCLR, no colour": 1e-3,
    "SimCLR, crop only": 1e-3,
    "SimCLR, hue alone": 2e-3,
    "SimCLR, grey": 8e-3,
    "BYOL": 2e-3,
    "BYOL, no greyscale": 1e-3,
    "BYOL, no colour": 1e-3,
    "BYOL, crop only": 2e-3,
}
TARGET = {  # 15, by the mean of three runs
    "BYOL": 1e-3,
    "BYOL, slow predictor": 1e-3,
    "BYOL, GroupNorm": 2e-3,
    "no EMA": 1e-3,
    "no EMA, slow predictor": 4e-3,
    "no EMA, GroupNorm": 1e-3,
    "no EMA, no stop-gradient": 16e-3,
    "no EMA, no predictor": 25e-5,
    "no predictor": 25e-5,
    "no predictor, GroupNorm": 2e-3,
    "attraction alone": 25e-5,
}
BATCHES = {  # 16
    "SimCLR 256": 4e-3,
    "SimCLR 64": 4e-3,
    "SimCLR 16": 8e-3,
    "SimCLR 256, GroupNorm": 2e-3,
    "SimCLR 16, GroupNorm": 2e-3,
    "BYOL 256": 4e-3,
    "BYOL 64": 4e-3,
    "BYOL 16": 4e-3,
    "BYOL 256, GroupNorm": 1e-3,
    "BYOL 16, GroupNorm": 1e-3,
}
CROPS = {  # 19 and 20
    "nothing": 4e-3,
    "attract, 0.1": 4e-3,
    "attract, 1.0": 2e-3,
    "cosine, 0.01": 8e-3,
    "cosine, 0.1": 2e-3,
    "learned, 0.01": 4e-3,
    "learned, 0.1": 4e-3,
    "nothing, no negatives": 2e-3,
    "attract, 1.0, no negatives": 1e-3,
}
