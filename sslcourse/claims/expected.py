"""How long runs at scale gpu may take, from the speed of single steps: no run of that scale has been made yet."""

from collections.abc import Iterable

from sslcourse.training.experiment import Experiment

# Milliseconds of a step at batch 256 and 64 pixels on an H100, and of them the views', which are drawn once a step
# (benchmarks/README.md, before a step was recorded as one graph).
STEP = {"simclr": (26, 8), "byol": (38, 11), "dino": (68, 24), "ibot": (57, 37), "logo": (94, 39), "combined": (79, 28)}


def expected_hours(experiments: Iterable[Experiment]) -> float:
    """The hours of training on one H100, without what is measured afterwards.

    A batch in micro-batches takes a forward and a backward pass for each, and small ones take no less time than large
    ones where kernels are launched one by one.

    >>> from sslcourse.training.recipes import find_recipe
    >>> round(expected_hours([Experiment(find_recipe("simclr", scale="gpu", steps=10_000))]), 2)
    0.07
    """
    total = 0.0
    for experiment in experiments:
        recipe = experiment.recipe
        step, views = STEP[recipe.kind]
        parts = recipe.fit.batch_size // (getattr(recipe.method, "micro_batch", None) or recipe.fit.batch_size)
        total += recipe.fit.steps * (views + parts * (step - views))
    return total / 3.6e6
