"""The claims, in the order of their numbers."""

from sslcourse.claims.catalogue import collapse, views
from sslcourse.claims.claim import Claim

_ALL = (*collapse.CLAIMS, *views.CLAIMS)
CLAIMS: dict[str, Claim] = {claim.id: claim for claim in sorted(_ALL, key=lambda claim: claim.number)}
