"""The arms of claims 3 and 4: trained longer, each at its own learning rate.

All choices are of seed 0, which no verdict uses. The longer runs were chosen by arms that reconstruct as well: with
half of the patches removed their kNN was .29 to .34 after 240 steps at a rate of .002 (an untrained encoder has .24),
and .42 after 360. Without reconstruction it is .49 after 360.
"""

from sslcourse.claims.catalogue.arms import SWITCHABLE, build_supervised, switched
from sslcourse.claims.catalogue.common import Sizes
from sslcourse.claims.claim import Arm

# None of these arms has a decoder, so that its rate plays no part; it is in the keys of the runs.
LONGER = SWITCHABLE | {"cpu": SWITCHABLE["cpu"] | {"steps": 360, "decoder_lr_scale": 5.0}}
# Of .001, .002, .004 and .008 the one with the highest kNN; all are in claims/ledger/rates.jsonl.
RATES = {
    "CLS": 4e-3,
    "CLS, as long": 4e-3,
    "supervised": 2e-3,
    "low removed": 4e-3,
    "random removed": 4e-3,
    "high removed": 4e-3,
}


def longer(name: str, remove: str = "none", sizes: Sizes = LONGER, **changes) -> Arm:
    """The arm of a policy of removal, with the longer runs and its own learning rate."""
    at_its_rate = sizes | {"cpu": sizes["cpu"] | {"learning_rate": RATES[name]}}
    return switched(name, remove, sizes=at_its_rate, **changes)


CLS = longer("CLS")
LOW, RANDOM, HIGH = (longer(f"{policy} removed", policy) for policy in ("low", "random", "high"))
SUPERVISED = longer("supervised", build=build_supervised, variant="supervised")
