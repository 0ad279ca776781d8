"""The claims, in the order of their numbers."""

from sslcourse.claims.catalogue import contrastive
from sslcourse.claims.claim import Claim

CLAIMS: dict[str, Claim] = {claim.id: claim for claim in sorted(contrastive.CLAIMS, key=lambda claim: claim.number)}
