"""A ledger of made-up rows for the tests of claims."""

import pytest

from sslcourse.claims.catalogue import CLAIMS


@pytest.fixture
def claim():
    return CLAIMS["simclr-negatives"]


@pytest.fixture
def made_up(claim):
    """A function that makes the rows of the claim's runs: `value(arm, seed)` is every figure at the end, 0.9 of it at
    half length."""

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
                        "curve": [[4, 0.1], [8, 0.2]], "seconds": 1.0, "commit": "abc", "finished": "2026-01-01",
                    }
                )  # fmt: skip
        return found

    return rows
