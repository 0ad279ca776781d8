"""Encoders and heads. Every encoder offers `.features(images) -> B,D` and `.dim`; images are float in [0, 1].

All but `PrunedEncoder` also have `.feature_map(images) -> B,C,rows,columns`: what they know of each place.
The methods train `features`, and kNN and probes evaluate it. Ours call the module in it, so that a compiled one is
used.
"""

from sslcourse.models.build import build_encoder
from sslcourse.models.convnet import ConvNet
from sslcourse.models.decoder import Decoded, Decoder
from sslcourse.models.ema import is_aliased, make_teacher, momentum_at, update_ema
from sslcourse.models.encoder import TokenEncoder, Tokens
from sslcourse.models.evit import PrunedEncoder, PrunedTokens
from sslcourse.models.heads import AffinityHead, ProjectionHead, PrototypeHead
from sslcourse.models.pooled import PooledEncoder
from sslcourse.models.stem import ConvStem
