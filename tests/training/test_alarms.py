"""Failures named while training: on made logs, on tiny runs that have them, and not on healthy runs."""

import copy
import math
from dataclasses import replace

import pytest
import torch
from toy_methods import ToyDistillation

from sslcourse.methods import Method
from sslcourse.training import FitSettings, fit
from sslcourse.training.alarms import find_alarms, settled_rows
from sslcourse.training.recipes import build_method, find_recipe

pytestmark = pytest.mark.slow

K = 256
LN_K = math.log(K)
SETTINGS = FitSettings(steps=200)


class Prototypes(Method):
    prototypes = K


def log(rows=20, **figures):
    """A log of 200 steps; a figure is a number, or a function of the share of the run."""
    shares = [(index + 1) / rows for index in range(rows)]
    return [
        {"step": round(200 * share), "loss": 3.0}
        | {name: value(share) if callable(value) else value for name, value in figures.items()}
        for share in shares
    ]


def names(history, method=None, settings=SETTINGS):
    return [alarm.name for alarm in find_alarms(history, method or Prototypes(), settings)]


def healthy(share):
    """A distillation loss that starts at ln K and falls."""
    return LN_K - 2.5 * share


def test_a_healthy_log_is_quiet():
    for rows in (20, 200, 5):
        history = log(rows, loss=healthy, cls_loss=healthy, teacher_entropy=2.0, channel_std=0.08)
        history = [row | {"channel_std_healthy": 0.1, "effective_rank": 1.2, "centered_rank": 20.0} for row in history]
        assert all(names(history[: end + 1]) == [] for end in range(len(history)))


@pytest.mark.parametrize("term", ["loss", "cls_loss", "patch_loss"])
def test_a_loss_at_ln_k_is_parked(term):
    found = find_alarms(log(**{term: LN_K + 0.01}), Prototypes(), SETTINGS)
    assert [alarm.name for alarm in found] == ["parked at ln K"]
    assert term in found[0].message and "5.5452" in found[0].message and "Sinkhorn" in found[0].message


def test_ln_k_means_nothing_without_prototypes_or_for_a_total_with_terms():
    assert names(log(loss=LN_K), Method()) == []
    assert names(log(loss=LN_K, cls_loss=3.0)) == []


def test_the_start_of_a_run_is_not_judged():
    history = log(cls_loss=lambda share: LN_K if share <= 0.3 else 3.0)
    assert all(names(history[: end + 1]) == [] for end in range(20))
    late = FitSettings(steps=200, warmup_steps=150)
    assert settled_rows(log(), late)[0]["step"] > 150 and settled_rows(log(5), late) == []


def test_a_teacher_without_information_is_named():
    assert names(log(teacher_entropy=0.999 * LN_K)) == ["uniform teacher"]
    assert names(log(teacher_entropy=0.01)) == ["one-hot teacher"]
    assert names(log(teacher_entropy=0.01, used_prototypes=1.0)) == ["one-hot teacher"]
    assert names(log(teacher_entropy=0.01, used_prototypes=40.0)) == []  # sharp, and different between images
    assert names(log(teacher_entropy=0.5 * LN_K)) == []


def test_the_teacher_of_patches_is_watched_beside_that_of_class_tokens():
    fine = {"teacher_entropy": 2.0, "used_prototypes": 90.0}
    assert names(log(**fine, patch_teacher_entropy=0.999 * LN_K)) == ["uniform patch teacher"]
    assert names(log(**fine, patch_teacher_entropy=0.01, patch_used_prototypes=1.0)) == ["one-hot patch teacher"]
    assert names(log(**fine, patch_teacher_entropy=0.01, patch_used_prototypes=60.0)) == []
    assert names(log(patch_teacher_entropy=0.01)) == ["one-hot patch teacher"]  # without class tokens


def test_a_class_token_that_stays_while_the_total_falls_is_named():
    # dinov3's issue 199: the class token's term at ln 4096 = 8.3178, the other terms falling.
    history = log(cls_loss=LN_K, loss=lambda share: LN_K + 3 * (1 - share))
    assert names(history) == ["class token flat", "parked at ln K"]
    without = names(log(cls_loss=2.0, loss=lambda share: 2.0 + 3 * (1 - share)), Method())
    assert without == ["class token flat"]
    falling = log(cls_loss=healthy, loss=lambda share: healthy(share) + 3 * (1 - share))
    assert names(falling) == []
    slow = log(cls_loss=lambda share: LN_K * (1.0 - 0.015 * share), loss=lambda share: 8 - 3 * share)
    assert names(slow) == []  # little was learned, but something
    from_above = log(cls_loss=lambda share: 5.9 - 0.4 * share, loss=lambda share: 9 - 2 * share)
    assert names(from_above) == []  # a sharp teacher's loss begins above ln K
    learned = log(cls_loss=lambda share: LN_K - min(2.0, 8 * share), loss=lambda share: 8 - 3 * share)
    assert names(learned) == []  # flat now, but far below where it began


def test_collapse_is_named_by_either_meter():
    assert names(log(channel_std=1e-4, channel_std_healthy=0.1)) == ["collapsed"]
    assert names(log(centered_rank=1.01)) == ["collapsed"]
    assert names(log(channel_std=1e-4)) == []  # of how many channels is not known
    recovered = log(channel_std=lambda share: 1e-4 if share <= 0.5 else 0.05, channel_std_healthy=0.1)
    assert names(recovered[:10]) == ["collapsed"] and names(recovered) == []


def toy(**options):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return ToyDistillation(**options)


def test_an_aliased_teacher_is_named_at_the_first_row_and_said_once(textures, capfd, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    method = toy()
    method.teacher = method.student  # the bug of dinov2's issue 407
    method.student.requires_grad_(True)
    rows = fit(method, textures(32), FitSettings(steps=6, batch_size=8, log_every=2, device="cpu", precision="fp32"))
    assert all("aliased teacher" in row["alarms"] for row in rows)
    shown = capfd.readouterr()
    assert (shown.out + shown.err).count("aliased teacher: ") == 1 and "Step 2, aliased" in shown.out + shown.err


def test_a_head_that_is_shared_is_aliased_as_well():
    method = toy()
    assert names([], method) == []
    method.teacher_head = copy.copy(method.head)  # a shallow copy shares the parameters
    assert names([], method) == ["aliased teacher"]


def test_class_tokens_may_share_most_of_their_length():
    tokens = Prototypes()
    tokens.channel_std_of = "class tokens"
    # The last rows of DINO's cpu recipe, which learns (kNN .73), and of one that was made to collapse.
    learns = log(channel_std=0.0034, channel_std_healthy=0.102, effective_rank=1.49, centered_rank=7.0)
    assert names(learns, tokens) == [] and names(learns) == ["collapsed"]
    assert names(log(channel_std=1.4e-4, channel_std_healthy=0.102, centered_rank=10.4), tokens) == ["collapsed"]


SHORT = FitSettings(steps=60, batch_size=16, log_every=3, learning_rate=3e-3, device="cpu", precision="fp32")


def test_a_run_without_negatives_is_seen_to_collapse(textures, simclr, capsys):
    rows = fit(simclr(negatives=False), textures(64), SHORT, progress=False)
    assert rows[-1]["alarms"] == ["collapsed"]
    assert capsys.readouterr().out == ""  # without a progress bar nothing is said, the rows have it


def test_a_teacher_that_is_never_sharp_parks_its_student_at_ln_k(textures):
    method = toy(prototypes=32)
    with torch.no_grad():
        method.teacher_head.weight.zero_()
        method.teacher_head.bias.zero_()
    method.end_step = lambda: None
    rows = fit(method, textures(64), replace(SHORT, steps=100, learning_rate=1e-2), progress=False)
    assert {"parked at ln K", "uniform teacher"} <= set(rows[-1]["alarms"])


def test_a_healthy_simclr_is_quiet(textures, simclr):
    rows = fit(simclr(), textures(128), SHORT, progress=False)
    assert not any("alarms" in row for row in rows)


def test_a_resumed_run_does_not_say_it_again(textures, simclr, tmp_path, capfd, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)

    def stop(row):
        if row["step"] == 48:
            raise KeyboardInterrupt

    settings = replace(SHORT, checkpoint_every=45)
    with pytest.raises(KeyboardInterrupt):
        fit(simclr(negatives=False), textures(64), settings, out=tmp_path, on_log=stop)
    assert "collapsed: " in "".join(capfd.readouterr())
    rows = fit(simclr(negatives=False), textures(64), settings, out=tmp_path)
    assert "alarms" in rows[-1] and "collapsed: " not in "".join(capfd.readouterr())


def train_small(kind, textures, **changes):
    small = {"image_size": 32, "encoder": "vit_64x2_p8", "steps": 40, "batch_size": 16, "log_every": 2}
    recipe = find_recipe(kind, scale="smoke", **small, device="cpu", precision="fp32", **changes)
    return fit(build_method(recipe), textures(64, size=32), recipe.fit, progress=False)[-1]["alarms"]


@pytest.mark.parametrize("kind", ["dino", "ibot", "combined"])
def test_methods_whose_teacher_is_never_sharp_are_told_so(kind, textures):
    blunt = {"targets": "centering", "teacher_temperature": 50.0, "first_teacher_temperature": 50.0}
    found = train_small(kind, textures, **blunt)
    assert {"uniform teacher"} | ({"uniform patch teacher"} if kind != "dino" else set()) <= set(found)


@pytest.mark.parametrize("kind", ["byol", "logo"])
def test_methods_without_what_keeps_images_apart_are_told_so(kind, textures):
    nothing = {
        "byol": {
            "predictor": False,
            "stop_gradient": False,
            "momentum": 0.0,
            "output_norm": "none",
            "head_norm": "none",
        },
        "logo": {
            "similarity": "cosine",
            "local": "attract",
            "local_weight": 5.0,
            "output_norm": "none",
            "head_norm": "none",
        },
    }
    assert "collapsed" in train_small(kind, textures, **nothing[kind], learning_rate=3e-3)
