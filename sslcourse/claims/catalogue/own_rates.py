"""The learning rates of the arms of claims 14 to 20, each found by runs of its own with seed 0.

Of .001, .002, .004 and .008 (and beyond an end, while it is best) each arm has the one with the highest kNN: see
claims/rates.py. All are in claims/ledger/rates.jsonl.
"""

RATES = {
    "SimCLR": 4e-3,
    "SimCLR, no greyscale": 8e-3,
    "SimCLR, hue alone": 2e-3,
    "SimCLR, grey": 8e-3,
    "BYOL": 2e-3,
    "BYOL, no greyscale": 1e-3,
    "BYOL, slow predictor": 1e-3,
    "BYOL, GroupNorm": 1e-3,
    "no EMA": 4e-3,
    "no EMA, slow predictor": 4e-3,
    "no EMA, no predictor": 5e-4,
    "no predictor": 2e-3,
    "no predictor, GroupNorm": 2e-3,
    "attraction alone": 2e-3,
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
# Arms that at none of the rates ended clearly above their untrained network: the less they are trained, the better they
# are, so that no rate is the best. Each takes that of the arm from which something was taken away.
LEARNS_AT_NONE = {
    "no negatives": "SimCLR",
    "SimCLR, no colour": "SimCLR",
    "SimCLR, crop only": "SimCLR",
    "BYOL, no colour": "BYOL",
    "BYOL, crop only": "BYOL",
    "no EMA, no stop-gradient": "no EMA",
    "no EMA, GroupNorm": "BYOL, GroupNorm",
}


def rate_of(arm: str) -> float:
    """The learning rate of an arm, by its name.

    >>> rate_of("SimCLR"), rate_of("no negatives")
    (0.004, 0.004)
    """
    return RATES[LEARNS_AT_NONE.get(arm, arm)]
