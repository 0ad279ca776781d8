"""The checks have power: wrong answers fail with their own hint, right ones pass, slips of the hand are caught."""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path

import pytest
import torch
from judging import IS_LONG, Judging

from sslcourse.exercises import LABS
from sslcourse.exercises.compare import first_difference
from sslcourse.exercises.judge import attempt, tolerance_of
from sslcourse.exercises.task import hint_of, misconception_of

EXERCISES = {id: exercise for lab in LABS.values() for id, exercise in lab.exercises.items()}
SEEDS = 100 if IS_LONG else 10  # right answers must pass on all of them: rounding may never cost a mark

_path = Path(__file__).with_name("mutants.py")
_spec = importlib.util.spec_from_file_location("exercise_mutants", _path)
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
mutants = _module.mutants

NORMALIZE = "F.normalize(torch.cat([z1, z2]), dim=1) -> F.normalize(torch.cat([z1, z2]))"
X, Y = "F.normalize(z1, dim=1)", "F.normalize(z2, dim=1)"
CX, CY = "x - x.mean(dim=0)", "y - y.mean(dim=0)"
RATIO = "together / ((x.T @ x).norm() * (y.T @ y).norm())"
LENGTHS = "equivalent: all arguments have the same length"
LAST = "equivalent: of a matrix, dimension -1 is dimension 1"
DEFAULT = "equivalent: F.normalize and F.cosine_similarity work along dim=1 unless told otherwise"
MUTUAL = "equivalent: the cosine of a and b is that of b and a"
SYMMETRIC = "equivalent: the similarity matrix is symmetric, and so are the entries taken out"
ALIKE = "equivalent: z1 and z2 have the same number of rows and the same device"
SAME_SIZE = "equivalent: |x - y| is |y - x|"
CPU = "equivalent on the CPU, where answers are checked; a test of its own runs the references on another device"
A, B, A_END, B_END = "a[:, :2]", "b[:, :2]", "a[:, :2] + a[:, 2:]", "b[:, :2] + b[:, 2:]"
OF_FOUR = "equivalent: the first two of four are all but the last two"
EITHER = "equivalent: both sides may change places"
SHARES = "equivalent: a number of 2^n parts, n up to 9, is exact in these dtypes, too"
ACCEPTED = "equivalent: a tensor without dimensions is accepted for a float"

# Every mutant that passes its check, and why that is no hole.
SURVIVORS: dict[str, dict[str, str]] = {
    "contrastive.views": {
        "zip(images, boxes.tolist(), flips, strict=True) -> zip(images, boxes.tolist(), flips)": LENGTHS,
        "True -> False": LENGTHS,
        "boxes.tolist() -> boxes": "equivalent: a whole number in a tensor slices as a plain one does",
    },
    "contrastive.positives": {},
    "contrastive.similarity": {NORMALIZE: DEFAULT, "1 -> -1": LAST},
    "contrastive.nt_xent": {
        NORMALIZE: DEFAULT,
        "torch.eye(2 * n, dtype=torch.bool, device=z1.device) -> torch.eye(2 * n, dtype=torch.bool)": CPU,
        "torch.arange(2 * n, device=z1.device) -> torch.arange(2 * n)": CPU,
        "1 -> -1": LAST,
        "z1 -> z2": ALIKE,
        "z1 -> z2 (3)": ALIKE,
        "z1 -> z2 (4)": ALIKE,
    },
    "contrastive.geometry": {
        f"({X}, {Y}) -> ({Y}, {X})": SAME_SIZE,
        "F.normalize(z1, dim=1) -> F.normalize(z1)": DEFAULT,
        "F.normalize(z2, dim=1) -> F.normalize(z2)": DEFAULT,
        "alignment.item() -> alignment": ACCEPTED,
        "uniformity.item() -> uniformity": ACCEPTED,
        "1 -> -1": LAST,
        "1 -> -1 (2)": LAST,
        "1 -> -1 (3)": LAST,
        "x - y -> y - x": SAME_SIZE,
    },
    "contrastive.collapse": {
        "torch.special.entr(p).sum().exp().item() -> torch.special.entr(p).sum().exp()": ACCEPTED,
    },
    "byol.loss": {
        "F.cosine_similarity(p, z.detach(), dim=1) -> F.cosine_similarity(z.detach(), p, dim=1)": MUTUAL,
        "F.cosine_similarity(p, z.detach(), dim=1) -> F.cosine_similarity(p, z.detach())": DEFAULT,
        "1 -> -1": LAST,
    },
    "byol.teacher": {},
    "byol.momentum": {},
    "byol.symmetrised": {
        "torch.stack([F.cosine_similarity(p, z, dim=1) for p, z in zip(predictions, goals)]) -> "
        "torch.cat([F.cosine_similarity(p, z, dim=1) for p, z in zip(predictions, goals)])": "equivalent: both orders "
        "have the same number of images, so a mean over all of them is the mean of the two means",
        "F.cosine_similarity(p, z, dim=1) -> F.cosine_similarity(z, p, dim=1)": MUTUAL,
        "F.cosine_similarity(p, z, dim=1) -> F.cosine_similarity(p, z)": DEFAULT,
        "zip(predictions, goals) -> zip(goals, predictions)": MUTUAL,
        "1 -> -1": LAST,
    },
    "byol.influence": {
        "1 -> -1": LAST,
        "head(moved) - before -> before - head(moved)": SAME_SIZE,
        "1 -> -1 (2)": LAST,
    },
    "local.overlap": {
        f"torch.maximum({A}, {B}) -> torch.maximum({B}, {A})": "equivalent: the larger of a and b is that of b and a",
        f"torch.minimum({A_END}, {B_END}) -> torch.minimum({B_END}, {A_END})": "equivalent, too: the smaller of both",
        **{f"2 -> -2{number}": OF_FOUR for number in ("", *(f" ({at})" for at in range(2, 8)))},
        "1 -> -1": LAST,
        "1 -> -1 (2)": LAST,
    },
    "local.pairs": {
        "(first, second) -> (second, first)": "equivalent: both are the student's, and the pair has no order",
        "student != teacher -> teacher != student": "equivalent",
    },
    "local.local_to_global": {
        "torch.arange(len(logits), device=logits.device) -> torch.arange(len(logits))": CPU,
    },
    "local.repulsion": {
        "F.cosine_similarity(one, other, dim=1) -> F.cosine_similarity(other, one, dim=1)": MUTUAL,
        "F.cosine_similarity(one, other, dim=1) -> F.cosine_similarity(one, other)": DEFAULT,
        "torch.stack(cosines) -> torch.cat(cosines)": "equivalent: every pair has as many rows",
        "1 -> -1": LAST,
    },
    "local.bound": {},
    "tokens.patchify": {"3 -> -3": "equivalent: of six dimensions, -3 is 3"},
    "tokens.unpatchify": {"3 -> -3": "equivalent: of six dimensions, -3 is 3"},
    "tokens.attention": {
        "k.transpose(-2, -1) -> k.transpose(-1, -2)": "equivalent: two dimensions change places",
        "q -> k (2)": "equivalent: queries and keys have one width",
    },
    "tokens.object_share": {"(2, 4) -> (4, 2)": "equivalent: the mean is taken over both"},
    "tokens.knn_vote": {
        "cosines.topk(k, dim=1) -> cosines.topk(k)": LAST,
        "F.normalize(features, dim=1) -> F.normalize(features)": DEFAULT,
        "F.normalize(bank, dim=1) -> F.normalize(bank)": DEFAULT,
        "int(labels.max()) -> labels.max()": ACCEPTED,
        **{f"1 -> -1{number}": LAST for number in ("", " (2)", " (3)", " (5)", " (6)")},
    },
    "tokens.linear_cka": {
        f"({CX}, {CY}) -> ({CY}, {CX})": "equivalent: CKA of x and y is that of y and x",
        f"({RATIO}).item() -> {RATIO}": ACCEPTED,
        "x - x.mean(dim=0) -> x.mean(dim=0) - x": SAME_SIZE,
        "y - y.mean(dim=0) -> y.mean(dim=0) - y": SAME_SIZE,
        "x.T @ x -> x @ x.T": "equivalent: both have the same singular values",
        "y.T @ y -> y @ y.T": "equivalent: both have the same singular values",
    },
    "pixels.restore": {
        "indices.argsort(dim=1) -> indices.argsort()": LAST,
        "1 -> -1 (4)": LAST,
        "n - kept.shape[1] -> n": "equivalent: mask tokens that are too many stand at the end, where none is gathered",
        "n - kept.shape[1] -> n + kept.shape[1]": "equivalent: as above",
    },
    "pixels.targets": {},
    "pixels.loss": {"predicted - target -> target - predicted": SAME_SIZE, "1 -> -1": LAST},
    "pixels.drop": {
        "flat.topk(count, dim=1) -> flat.topk(count)": LAST,
        "1 -> -1 (2)": LAST,
        "1 -> -1 (6)": LAST,
        "2 -> -2": "equivalent: of four dimensions, -2 is 2",
        "2 -> -2 (2)": "equivalent: of four dimensions, -2 is 2",
    },
    "pixels.psnr": {
        "predicted - true -> true - predicted": SAME_SIZE,
        "2 -> -2": "equivalent: of four dimensions, -2 is 2",
    },
    "two_levels.center": {},
    "two_levels.sinkhorn": {
        "log_q.logsumexp(dim=0, keepdim=True) -> log_q.logsumexp(dim=0)": "equivalent: one number a column broadcasts",
        "True -> False": "equivalent: one number a column broadcasts",
        "1 -> -1": LAST,
    },
    "two_levels.cls": {
        "(teacher[t].detach() * log_p[s]).sum(dim=-1).mean() -> (teacher[t].detach() * log_p[s]).sum(dim=-1)": "equiv"
        "alent: all pairs have as many images, so a mean over all of them is the mean of the means",
        "s != t -> t != s": "equivalent: neither is the other",
        "-1 -> 1 (2)": LAST,
        "1 -> -1 (2)": LAST,
    },
    "two_levels.patch": {
        "mask.to(each.dtype) -> mask": "equivalent: True counts as 1",
        "1 -> -1 (2)": LAST,
        "1 -> -1 (5)": LAST,
    },
    "two_levels.iou": {
        "(predicted == c, true == c) -> (true == c, predicted == c)": EITHER,
        "predicted == c -> c == predicted": EITHER,
        "true == c -> c == true": EITHER,
        "mine | there -> there | mine": EITHER,
        "mine & there -> there & mine": EITHER,
        "(mine | there).sum().item() -> (mine | there).sum()": ACCEPTED,
        "(mine & there).sum().item() -> (mine & there).sum()": ACCEPTED,
    },
    "removal.attention": {
        "k.transpose(-2, -1) -> k.transpose(-1, -2)": "equivalent: two dimensions change places",
        "-2 -> 2": "equivalent: of four dimensions, -2 is 2",
        "2 -> -2": "equivalent: of four dimensions, 2 is -2",
        "q -> k (2)": "equivalent: queries and keys have one width",
        **dict.fromkeys(
            (":1 -> :", "1 -> 2 (4)", "1 -> -1 (4)"), "equivalent: of the queries kept, only the first counts"
        ),
        "0 -> -1": "equivalent: one query is left, which is the first and the last",
    },
    "removal.keep": {
        "scores.topk(keep, dim=1) -> scores.topk(keep)": LAST,
        "highest.sort(dim=1) -> highest.sort()": LAST,
        **{f"1 -> -1{number}": LAST for number in ("", " (2)")},
    },
    "removal.gather": {},
    "removal.speed": {},
    "removal.time": {},
    "together.loss": {},
    "together.interval": {},
    "together.flips": {
        "torch.zeros(1, dtype=differences.dtype) -> torch.zeros(1)": "equivalent: sums take the dtype of what is added",
        "1 -> 2": "equivalent: every sum stands there twice",
        "torch.cat([sums + d, sums - d]) -> torch.hstack([sums + d, sums - d])": "equivalent: they have one dimension",
        "sums - d -> d - sums": "equivalent: with every choice of signs its opposite is there, and is as far from 0",
        "0 -> -1": "equivalent: the last sum has every sign flipped, and is as far from 0",
        "(sums.abs() >= seen - 1e-06).double().mean().item() -> (sums.abs() >= seen - 1e-06).double().mean()": ACCEPTED,
        "(sums.abs() >= seen - 1e-06).double() -> (sums.abs() >= seen - 1e-06).float()": SHARES,
        "(sums.abs() >= seen - 1e-06).double() -> (sums.abs() >= seen - 1e-06).half()": SHARES,
    },
    "together.verdict": {"interval.tolist() -> interval": "equivalent: an interval is unpacked into its two ends"},
    "together.factorial": {
        "i == j -> j == i": EITHER,
        "1 -> -1": "equivalent: of two settings, the last is the second",
        "1 -> -1 (3)": "equivalent: of two settings, the last is the second",
        "j > i -> j >= i": "equivalent: they differ here",
        "(i, j) -> (j, i)": "equivalent: the interaction of i and j is that of j and i",
    },
    "contrastive.shortcut": {
        NORMALIZE: DEFAULT,
        "torch.arange(2 * n, device=z1.device) -> torch.arange(2 * n)": CPU,
        "(positive > s.amax(1)).float().mean().item() -> (positive > s.amax(1)).float().mean()": ACCEPTED,
        "z1 -> z2": ALIKE,
        "z1 -> z2 (3)": ALIKE,
        "(view, partner) -> (partner, view)": SYMMETRIC,
        "(view, partner) -> (partner, view) (2)": SYMMETRIC,
        "1 -> 0 (2)": SYMMETRIC,
        "1 -> -1": LAST,
        "1 -> -1 (2)": LAST,
    },
}


def passes(judging, answer):
    """Whether the answer is right in every case; stops at the first difference, so that a wrong one costs little."""
    task, reference = judging.exercise.task, judging.exercise.reference
    for case in task.cases:
        for drawn in judging.inputs[case.name]:
            expected, observed = (task.observe_one(one, drawn) for one in (reference, answer))
            if first_difference(expected, observed, tolerance_of(judging.exercise, case)) is not None:
                return False
    return True


@pytest.mark.parametrize("id", EXERCISES)
def test_there_is_enough_of_everything(id):
    exercise = EXERCISES[id]
    assert len(exercise.wrong) >= 5 and len(exercise.variants) >= 2
    assert len(exercise.hints) == 3 and all(len(hint) > 40 for hint in exercise.hints)
    hints = [hint_of(wrong) for wrong in exercise.wrong]
    assert len(set(hints)) == len(hints) and all(
        len(hint) > 40 and hint.endswith((".", "`")) or hint.endswith(")") for hint in hints
    )
    assert len({misconception_of(wrong) for wrong in exercise.wrong}) == len(hints)
    assert exercise.task.cases[0].dtype == torch.float64
    assert not any(word in case.name for case in exercise.task.cases for word in ("by hand", "random"))


POINTS = {
    "tokens": dict(patchify=2, unpatchify=1, attention=3, object_share=2, knn_vote=3, linear_cka=2),
    "contrastive": dict(views=2, positives=1, similarity=2, nt_xent=4, geometry=2, collapse=2, shortcut=1),
    "two_levels": dict(center=2, sinkhorn=3, cls=3, patch=3, iou=2),
    "byol": dict(loss=2, teacher=3, momentum=1, symmetrised=3, influence=2),
    "local": dict(overlap=2, pairs=2, local_to_global=3, repulsion=3, bound=2),
    "pixels": dict(restore=3, targets=2, loss=3, drop=3, psnr=2),
    "removal": dict(attention=3, keep=2, gather=2, speed=3, time=3),
    "together": dict(loss=3, interval=3, flips=3, verdict=2, factorial=3),
}


@pytest.mark.parametrize("lab", POINTS)
def test_points_are_those_of_the_lab(lab):
    assert {id.split(".")[1]: round(task.points, 9) for id, task in LABS[lab].tasks.items()} == POINTS[lab]


@pytest.mark.parametrize("seeds", [[0], pytest.param([1, 2], marks=pytest.mark.slow)], ids=len)
@pytest.mark.parametrize("id", EXERCISES)
def test_every_wrong_answer_fails_with_its_own_hint(id, seeds):
    for seed in seeds:
        judging = Judging(EXERCISES[id], seed)
        for wrong in EXERCISES[id].wrong:
            verdict = judging.verdict(wrong)
            assert verdict.points < verdict.max_points
            assert verdict.misconception == misconception_of(wrong), f"{wrong.__name__}, seed {seed}: {verdict.message}"
            assert verdict.message == verdict.hint == hint_of(wrong)


@pytest.mark.slow
@pytest.mark.parametrize("id", EXERCISES)
def test_right_answers_always_pass(id):
    exercise = EXERCISES[id]
    for seed in range(SEEDS):
        judging = Judging(exercise, seed)
        for answer in exercise.variants:
            verdict = judging.verdict(answer)
            assert verdict.status == "passed", f"{answer.__name__}, seed {seed}: {verdict.message}"
        assert attempt(exercise, exercise.reference, seed).status == "passed"


@pytest.mark.slow
@pytest.mark.parametrize("id", EXERCISES)
def test_mutants_of_the_reference_are_caught(id):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = dict(mutants(EXERCISES[id].reference))
        judgings = [Judging(EXERCISES[id], seed) for seed in (0, 1)]
        survivors = {name for name, mutant in made.items() if all(passes(judging, mutant) for judging in judgings)}
    explained = SURVIVORS[id]
    assert survivors - set(explained) == set(), "these mutants pass and nobody says why"
    assert set(explained) - survivors == set(), "these mutants are listed as passing and do not"
    equivalent = {name for name, reason in explained.items() if reason.startswith("equivalent")}
    caught = len(made) - len(survivors)
    assert len(made) >= 10 and caught >= 0.95 * (len(made) - len(equivalent))


def test_mutants_are_different_programs():
    def f(x, y):
        return x - 2 * y if x > 1 else y

    changed = dict(mutants(f))
    assert {"x > 1 -> x >= 1", "x - 2 * y -> x + 2 * y", "2 -> 3", "x - 2 * y -> 2 * y - x"} <= set(changed)
    assert changed["2 -> 3"](5, 1) == 2 and f(5, 1) == 3
    assert changed["return x - 2 * y if x > 1 else y -> (nothing)"](5, 1) is None
