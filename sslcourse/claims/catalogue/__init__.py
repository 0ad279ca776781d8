"""The claims, in the order of their numbers."""

from sslcourse.claims.catalogue import attention, collapse, combined, detail, local, reconstruction, removal, views
from sslcourse.claims.claim import Claim

_FILES = (detail, attention, removal, reconstruction, combined, collapse, views, local)
_ALL = [claim for file in _FILES for claim in file.CLAIMS]
CLAIMS: dict[str, Claim] = {claim.id: claim for claim in sorted(_ALL, key=lambda claim: claim.number)}
