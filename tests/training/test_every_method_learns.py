"""Every method, on small pictures and a small encoder, learns something: its kNN leaves the untrained encoder's."""

import pytest

from sslcourse.evaluation.features import evaluate_knn
from sslcourse.training.fit import fit
from sslcourse.training.images import load_images, reconstruction_errors
from sslcourse.training.recipes import METHODS, RECONSTRUCTION, build_method, find_recipe

SMALL = {"image_size": 32, "encoder": "vit_64x2_p8_conv", "count": 2000, "bank": 2000, "held_out": 500}
SMALL |= {"steps": 300, "evaluate_every": 25, "log_every": 25, "checkpoint_every": 300}
# A grid of 4 x 4 patches leaves patches little to say: they weigh less, and fewer are hidden.
FEW_PATCHES = {"shared_head": False, "patch_weight": 0.1}
CHANGES = {
    "simclr": {},
    "byol": {"predictor_lr_scale": 10.0},
    "dino": {"local_crop.size": 16, "momentum_schedule": "fixed"},
    "ibot": {"local_crop.size": 16, "momentum_schedule": "fixed", "mask_probability": 0.3, **FEW_PATCHES},
    "logo": {"local_crop.size": 16},
    "combined": {
        **{"local_crop.size": 16, "momentum_schedule": "fixed", "keep_rate": 0.75, "reconstruction_weight": 0.1},
        **FEW_PATCHES,
    },
}
MARGIN = 0.06  # three standard errors of an accuracy near .25 over 500 images


class Left(Exception):
    """It has learned enough."""


@pytest.fixture(scope="module")
def pictures():
    return load_images(find_recipe("simclr", **SMALL).data)


def knn_of(method, images):
    return evaluate_knn(method.representation, images.bank, images.held_out)


@pytest.mark.slow
@pytest.mark.parametrize("kind", METHODS)
def test_knn_leaves_the_untrained_encoders(kind, pictures):
    recipe = find_recipe(kind, **SMALL, **CHANGES[kind])
    method = build_method(recipe)
    untrained, curve = knn_of(method, pictures), []

    def evaluate(method):
        curve.append(knn_of(method, pictures))
        if curve[-1] > untrained + MARGIN:
            raise Left
        return {"knn": curve[-1]}

    with pytest.raises(Left):
        fit(method, pictures.train, recipe.fit, evaluate=evaluate, progress=False)
        print(f"kNN stays at {curve}, untrained {untrained}")


@pytest.mark.slow
def test_pixels_alone_learn_to_fill_gaps(pictures):
    changes = {**RECONSTRUCTION, **SMALL, "encoder": "vit_64x2_p8", "steps": 240}
    recipe = find_recipe("combined", **changes)
    method = build_method(recipe)
    before, curve = reconstruction_errors(method, pictures.held_out), []

    def evaluate(method):
        curve.append(reconstruction_errors(method, pictures.held_out))
        if curve[-1]["predicted"] < 0.92 * curve[-1]["image_mean"]:
            raise Left
        return {"predicted": curve[-1]["predicted"]}

    assert before["predicted"] > 0.92 * before["image_mean"]
    with pytest.raises(Left):
        fit(method, pictures.train, recipe.fit, evaluate=evaluate, progress=False)
        print(f"predicted and means stay at {curve}, untrained {before}")
    assert all(curve[-1][mean] == before[mean] for mean in ("image_mean", "patch_mean"))
