"""How long each arm of a claim was trained, and whether it still learned at its end."""

from collections.abc import Sequence
from statistics import fmean, median

from sslcourse.claims.claim import Claim
from sslcourse.claims.rates import tried
from sslcourse.claims.rows import counting


def arms_table(claim: Claim, data: str, device: str, scale: str, rows: Sequence[dict]) -> list[dict]:
    """A line for each arm whose runs on a device count: how many, their length, and kNN accuracy on the way.

    `steps` and `images` are those of a run, `seconds` the median by the clock (other work on the machine slows it).
    `curve` holds the mean accuracy at each quarter, `last` what the last quarter added. An arm that is still rising
    may stand elsewhere after a longer run. `rate` is its learning rate, `tried` what each of those had
    that were tried on these pictures, if any were.
    """
    counted = {place: row for place, row in counting(claim, scale, rows).items() if row["curve"]}
    seeds = sorted({row["seed"] for row in counted.values()})
    lines = []
    for arm in claim.arms:
        fit = arm.experiment(data, scale, 0).recipe.fit
        keys = [arm.experiment(data, scale, seed).key for seed in seeds]
        runs = [counted[key, device] for key in keys if (key, device) in counted]
        if runs:
            curve = [
                fmean(quarter) for quarter in zip(*([knn for _, knn in run["curve"]] for run in runs), strict=True)
            ]
            line = {"arm": arm.name, "runs": len(runs), "steps": fit.steps, "images": fit.steps * fit.batch_size}
            line |= {"rate": fit.learning_rate, "tried": tried(arm, data, scale, claim.tried_with)}
            seconds = median(run["seconds"] for run in runs)
            lines.append(line | {"seconds": seconds, "curve": curve, "last": curve[-1] - curve[-2]})
    return lines
