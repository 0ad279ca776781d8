"""The arms of claims 3, 4 and 7 to 13: trained longer, each at its own learning rate.

All choices are of seed 0, which no verdict uses. kNN with random patches removed and reconstructed was .333 after 240
steps (an untrained encoder has .24), and .531 after 480. A decoder at the rate of the rest left .92 of the patches'
variance after 240 steps, at three or ten times that rate .78.
"""

from sslcourse.claims.catalogue.arms import SWITCHABLE, build_supervised, switched
from sslcourse.claims.catalogue.common import Sizes
from sslcourse.claims.claim import Arm

LONGER = SWITCHABLE | {"cpu": SWITCHABLE["cpu"] | {"steps": 360, "decoder_lr_scale": 5.0}}
# Of .001, .002, .004, .008 (and .016 where .008 was the best of these) the one with the highest kNN; all are in
# claims/ledger/rates.jsonl.
RATES = {
    "CLS": 4e-3,
    "CLS, as long": 4e-3,
    "supervised": 2e-3,
    "low removed": 4e-3,
    "random removed": 4e-3,
    "high removed": 4e-3,
    "low removed, reconstructed": 4e-3,
    "random removed, reconstructed": 4e-3,
    "high removed, reconstructed": 8e-3,
    "CLS + visible patches": 8e-3,
    "CLS, pixels": 2e-3,
    "patches, removal": 8e-3,
    "patches, pixels": 8e-3,
    "all three": 8e-3,
}


def longer(
    name: str, remove: str = "none", patches: str = "off", pixels: str = "off", sizes: Sizes = LONGER, **changes
) -> Arm:
    """The arm of these switches, with the longer runs and its own learning rate."""
    at_its_rate = sizes | {"cpu": sizes["cpu"] | {"learning_rate": RATES[name]}}
    return switched(name, remove, patches, pixels, sizes=at_its_rate, **changes)


CLS = longer("CLS")
LOW, RANDOM, HIGH = (longer(f"{policy} removed", policy) for policy in ("low", "random", "high"))
LOW_PIXELS, RANDOM_PIXELS, HIGH_PIXELS = (
    longer(f"{policy} removed, reconstructed", policy, pixels="removed") for policy in ("low", "random", "high")
)
VISIBLE = longer("CLS + visible patches", patches="kept")
SUPERVISED = longer("supervised", build=build_supervised, variant="supervised")
