"""The loop: what it returns, that it learns, repeats, stops on NaN and refuses other settings."""

import json
import math
import shutil
from dataclasses import replace

import pytest
import torch

from sslcourse.evaluation.features import evaluate_knn
from sslcourse.losses.contrastive import nt_xent
from sslcourse.methods import Method
from sslcourse.training import FitSettings, NonFiniteLoss, SettingsChanged, fit
from sslcourse.training.checkpoint import list_checkpoints
from sslcourse.training.meters import Window

SHORT = FitSettings(steps=12, batch_size=16, log_every=4, device="cpu", precision="fp32")


def weights(method):
    return {name: tensor.clone() for name, tensor in method.state_dict().items()}


def same(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


def test_rows_hold_what_the_docstring_promises(textures, simclr):
    rows = fit(simclr(), textures(64), SHORT, progress=False)
    assert [row["step"] for row in rows] == [4, 8, 12]
    promised = {"loss", "gradient_norm", "learning_rate", "images_per_second", "data_wait", "seconds"}
    promised |= {"positive_cosine", "negative_cosine", "contrastive_accuracy", "channel_std", "effective_rank"}
    for row in rows:
        assert promised <= row.keys()
        assert row["precision"] == "fp32"
        assert all(type(row[name]) in (int, float) and math.isfinite(row[name]) for name in row.keys() - {"precision"})
        assert 0 < row["data_wait"] < 1 and row["images_per_second"] > 0
    assert rows[0]["seconds"] < rows[1]["seconds"] < rows[2]["seconds"]


def test_a_rows_loss_is_the_mean_of_its_window(textures, simclr):
    each = fit(simclr(), textures(64), replace(SHORT, log_every=1), progress=False)
    windows = fit(simclr(), textures(64), SHORT, progress=False)
    for index, row in enumerate(windows):
        mean = sum(one["loss"] for one in each[4 * index : 4 * index + 4]) / 4
        assert row["loss"] == pytest.approx(mean, rel=1e-6)


@pytest.mark.slow
def test_simclr_learns_within_seconds(textures, simclr):
    train, test = textures(512), textures(256, seed=1)
    method = simclr()
    untrained = evaluate_knn(method.encoder, train, test)
    fit(method, train, FitSettings(steps=80, batch_size=64, learning_rate=5e-3, device="cpu"), progress=False)
    trained = evaluate_knn(method.encoder, train, test)
    assert trained > untrained + 0.1, (untrained, trained)


def test_the_same_seed_gives_the_same_weights_and_another_does_not(textures, simclr):
    def train(seed):
        method = simclr()
        fit(method, textures(64), replace(SHORT, seed=seed), progress=False)
        return weights(method)

    assert same(train(0), train(0))
    assert not same(train(0), train(1))


def test_the_callers_generator_and_mode_are_left_as_they_were(textures, simclr):
    method = simclr().eval()
    state = torch.get_rng_state()
    fit(method, textures(64), SHORT, progress=False)
    assert torch.equal(state, torch.get_rng_state()) and not method.training


def test_the_loops_own_log_points_do_not_change_the_weights(textures, simclr):
    def train(**changes):
        method = simclr()
        fit(method, textures(64), replace(SHORT, **changes), progress=False, evaluate=lambda method: {"one": 1})
        return weights(method)

    assert same(train(), train(log_every=1, evaluate_every=5))


def test_evaluate_is_called_when_due_and_at_the_end(textures, simclr):
    rows = fit(
        simclr(), textures(64), replace(SHORT, evaluate_every=5), evaluate=lambda method: {"score": 0.5}, progress=False
    )
    assert [row["step"] for row in rows if "score" in row] == [5, 10, 12]


def test_the_log_file_holds_the_rows(textures, simclr, tmp_path):
    seen = []
    rows = fit(simclr(), textures(64), SHORT, out=tmp_path, on_log=seen.append, progress=False)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines == rows == seen


def test_a_finished_run_is_not_repeated(textures, simclr, tmp_path):
    first = simclr()
    rows = fit(first, textures(64), SHORT, out=tmp_path, progress=False)
    again = simclr(seed=7)
    seen = []
    assert fit(again, textures(64), SHORT, out=tmp_path, on_log=seen.append, progress=False) == rows
    assert same(weights(first), weights(again)) and seen == []


@pytest.mark.parametrize("change", [{"learning_rate": 1e-4}, {"seed": 3}, {"batch_size": 8}])
def test_other_settings_are_refused_by_name(textures, simclr, tmp_path, change):
    fit(simclr(), textures(64), SHORT, out=tmp_path, progress=False)
    with pytest.raises(SettingsChanged, match=f"{next(iter(change))}: .* there, .* now"):
        fit(simclr(), textures(64), replace(SHORT, **change), out=tmp_path, progress=False)


def test_another_method_or_other_images_are_refused(textures, simclr, tmp_path):
    fit(simclr(), textures(64), SHORT, out=tmp_path, progress=False)
    with pytest.raises(SettingsChanged, match="temperature=0.3"):
        fit(simclr(temperature=0.3), textures(64), SHORT, out=tmp_path, progress=False)
    with pytest.raises(SettingsChanged, match="architecture"):
        fit(simclr(width=16), textures(64), SHORT, out=tmp_path, progress=False)
    with pytest.raises(SettingsChanged, match="images"):
        fit(simclr(), textures(64, seed=1), SHORT, out=tmp_path, progress=False)


def test_a_finished_run_goes_on_by_the_schedules_of_its_new_length(textures, simclr, tmp_path, capsys):
    rows = fit(simclr(), textures(64), SHORT, out=tmp_path, progress=False)
    longer = replace(SHORT, steps=20, checkpoint_every=2)
    shutil.copytree(tmp_path, tmp_path / "copy")

    def stop(row):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(simclr(), textures(64), longer, out=tmp_path / "copy", on_log=stop, progress=False)
    broken, whole = simclr(), simclr()
    fit(broken, textures(64), longer, out=tmp_path / "copy", progress=False)
    capsys.readouterr()
    all_rows = fit(whole, textures(64), longer, out=tmp_path, progress=False)
    assert "of 12 steps continues at step 12 to 20" in capsys.readouterr().out
    assert all_rows[:3] == rows and [row["step"] for row in all_rows[3:]] == [16, 20]
    assert [row["learning_rate"] for row in all_rows[3:]] == [longer.learning_rate_at(15), longer.learning_rate_at(19)]
    assert same(weights(broken), weights(whole))
    with pytest.raises(SettingsChanged, match="has done 20 steps, more than the 12 asked for"):
        fit(simclr(), textures(64), SHORT, out=tmp_path, progress=False)


def test_how_often_to_save_may_change(textures, simclr, tmp_path):
    rows = fit(simclr(), textures(64), SHORT, out=tmp_path, progress=False)
    assert fit(simclr(), textures(64), replace(SHORT, checkpoint_every=3), out=tmp_path, progress=False) == rows


class BreaksAt:
    """NT-Xent until call number `call`, whose loss is `value`, or whose gradient is NaN while the loss is finite."""

    def __init__(self, call, value=math.nan, gradient_only=False):
        self.call, self.value, self.gradient_only, self.calls = call, value, gradient_only, 0

    def __call__(self, z1, z2, temperature):
        self.calls += 1
        loss = nt_xent(z1, z2, temperature)
        if self.calls != self.call:
            return loss
        return loss + torch.sqrt((z1 - z1).sum()) if self.gradient_only else loss * self.value


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_the_run_with_advice(textures, simclr, tmp_path, value):
    method = simclr(loss=BreaksAt(7, value))
    settings = replace(SHORT, checkpoint_every=3, log_every=5, learning_rate=3e-3)
    with pytest.raises(NonFiniteLoss) as caught:
        fit(method, textures(64), settings, out=tmp_path, progress=False)
    message = str(caught.value)
    assert "the loss was" in message and "at step 7 " in message and "precision fp32" in message
    assert f"{settings.learning_rate_at(6):.3g}" in message and "Try" in message
    # The last good checkpoint is the one before, it is named, and nothing spoilt was written.
    good = list_checkpoints(tmp_path)
    assert [int(path.name.split("-")[1]) for path in good] == [6, 3] and str(good[0]) in message
    stored = torch.load(good[0], weights_only=True)["method"]
    assert all(tensor.isfinite().all() for tensor in stored.values())


def test_a_gradient_that_is_not_finite_stops_it_too(textures, simclr):
    with pytest.raises(NonFiniteLoss, match="gradient's norm was nan at step 2 "):
        fit(simclr(loss=BreaksAt(2, gradient_only=True)), textures(64), SHORT, progress=False)


def test_nan_is_looked_for_at_log_points_only(textures, simclr):
    loss = BreaksAt(1)
    with pytest.raises(NonFiniteLoss, match="at step 1 "):
        fit(simclr(loss=loss), textures(64), SHORT, progress=False)
    assert loss.calls == SHORT.log_every


def test_reduced_precision_is_named_in_the_advice(textures, simclr):
    with pytest.raises(NonFiniteLoss, match="precision bf16.*precision='fp32'"):
        fit(simclr(loss=BreaksAt(1)), textures(64), replace(SHORT, precision="bf16"), progress=False)


def test_no_progress_bar_where_none_is_wanted(textures, simclr, capfd, monkeypatch):
    fit(simclr(), textures(64), SHORT, progress=False)
    monkeypatch.setenv("TQDM_DISABLE", "1")
    fit(simclr(), textures(64), SHORT)
    assert capfd.readouterr() == ("", "")


def test_the_progress_bar_shows_the_loss(textures, simclr, capfd, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    fit(simclr(), textures(64), SHORT)
    assert "12/12" in (shown := capfd.readouterr().err) and "loss=" in shown


@pytest.mark.parametrize(
    "bad",
    [
        {"steps": 0},
        {"batch_size": 1},
        {"learning_rate": 0.0},
        {"clip_norm": 0.0},
        {"warmup_steps": 13},
        {"log_every": 0},
    ],
)
def test_settings_that_make_no_run_are_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        replace(SHORT, **bad)


def test_a_set_smaller_than_a_batch_is_refused(textures, simclr):
    with pytest.raises(ValueError, match="batch_size"):
        fit(simclr(), textures(8), SHORT, progress=False)


def test_clipping_bounds_the_update_and_the_row_shows_the_unclipped_norm(textures, simclr):
    free = fit(simclr(), textures(64), replace(SHORT, clip_norm=None, log_every=1), progress=False)
    clipped = fit(simclr(), textures(64), replace(SHORT, clip_norm=1e-3, log_every=1), progress=False)
    assert free[0]["gradient_norm"] == pytest.approx(clipped[0]["gradient_norm"])
    assert free[0]["gradient_norm"] > 1e-3


def test_steps_that_a_scaler_skips_are_counted_and_do_not_spoil_the_mean():
    window = Window()
    for norm in (1.0, math.inf, 3.0):
        window.add({"loss": torch.tensor(2.0), "gradient_norm": torch.tensor(norm)})
    assert window.means() == {"loss": 2.0, "gradient_norm": 2.0, "skipped_steps": 1}
    assert json.loads(json.dumps(window.means(), allow_nan=False))["skipped_steps"] == 1
    window.clear()
    window.add({"loss": torch.tensor(1.0), "gradient_norm": torch.tensor(math.nan)})
    assert window.means() == {"loss": 1.0, "skipped_steps": 1}


def test_what_is_no_method_is_refused_and_a_method_needs_two_functions(textures):
    with pytest.raises(TypeError, match="Derive it from Method"):
        fit(torch.nn.Linear(2, 2), textures(8), SHORT, progress=False)
    with pytest.raises(NotImplementedError, match="must define draw_views"):
        Method().draw_views(textures(8).images)
