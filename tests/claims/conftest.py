"""A claim with two arms, and a ledger of made-up rows of it."""

import pytest

from sslcourse.claims.claim import Arm, Claim, Contrast, Published

TINY = {"smoke": {"image_size": 32, "encoder": "vit_64x2_p8"}}
DIFFERENCE = {"SimCLR": 1, "no negatives": -1}
CLAIM = Claim(
    "toy", 14, "Without negatives SimCLR collapses.", "Does it?",
    (Arm("SimCLR", "simclr", at=TINY), Arm("no negatives", "simclr", {"negatives": False}, TINY)),
    (
        Contrast("kNN with negatives - without", DIFFERENCE, "log.knn", least=0.05),
        Contrast("effective rank with negatives - without", DIFFERENCE, "log.effective_rank", 2.0, unit="dimensions"),
    ),
    ("objects", "cifar10-small"), (Published("0.1 % top-1", "Grill et al. 2020, table 5b", True),), "All.", "Little.",
)  # fmt: skip


@pytest.fixture(scope="session")
def claim():
    return CLAIM


@pytest.fixture
def made_up(claim):
    """A function that makes the rows of the claim's runs: `value(arm, seed)` is every figure at the end, 0.9 of it
    half way."""

    def rows(value, seeds=range(1, 7), device="cpu", data="objects", claims=None, scale="smoke"):
        found = []
        names = [contrast.measure for contrast in claim.contrasts]
        for seed in seeds:
            for arm, run in claim.experiments(data, scale, seed).items():
                full = dict.fromkeys(names, value(arm, seed))
                half = {name: 0.9 * figure for name, figure in full.items()}
                found.append(
                    {
                        "key": run.key, "name": run.name, "arm": arm, "data": data, "scale": scale, "seed": seed,
                        "device": device, "claims": claims or {claim.id: claim.fingerprint(scale)},
                        "figures": {"start": {}, "half": half, "full": full}, "measures": {},
                        "curve": [[4, 0.1], [8, 0.2]], "seconds": 1.0, "seconds_measuring": 0.5,
                        "commit": "abc", "finished": "2026-01-01",
                    }
                )  # fmt: skip
        return found

    return rows
