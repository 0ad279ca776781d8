"""SimCLR with DCL's denominator: the loss it trains, and what it does not go together with."""

import pytest
import torch
from small_methods import draw, simclr

from sslcourse.losses import nt_xent
from sslcourse.methods import SimCLR, SimCLRSettings


def test_decoupled_takes_the_positive_out_of_the_denominator():
    coupled, decoupled = (simclr("none", decoupled=on, temperature=0.3).double() for on in (False, True))
    decoupled.load_state_dict(coupled.state_dict())
    views = draw(coupled).double()
    z1, z2 = coupled.head(coupled.encoder.features(views.flatten(0, 1))).chunk(2)
    torch.testing.assert_close(coupled(views)[0], nt_xent(z1, z2, 0.3))
    torch.testing.assert_close(decoupled(views)[0], nt_xent(z1, z2, 0.3, decoupled=True))
    assert decoupled(views)[0] < coupled(views)[0]
    assert "decoupled=True" in repr(decoupled) and "loss=nt_xent" in repr(decoupled)


def test_without_negatives_or_with_a_loss_of_ones_own_there_is_nothing_to_decouple():
    with pytest.raises(ValueError, match="negatives=False leaves out"):
        SimCLRSettings(decoupled=True, negatives=False)
    with pytest.raises(ValueError, match="leave out loss="):
        SimCLR(simclr("none").encoder, SimCLRSettings(decoupled=True), loss=nt_xent)
