"""Try four learning rates for each arm of the claims, on seeds that no verdict uses.

    python benchmarks/claim_rates.py                  # every arm of every claim, on the claim's first set of pictures
    python benchmarks/claim_rates.py 4 7 --workers 2  # the arms of these claims

Each arm of a claim has the same budget: for each rate a run of the claim's own length with each of the seeds in its
`tried_with`. While the highest is the best, twice that is tried as well, and half of the lowest while that is. A run
that is in the record (sslcourse/claims/ledger/rates.jsonl) is not repeated, and the same command continues those that
were stopped.
"""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path

from sslcourse.claims.catalogue import CLAIMS
from sslcourse.claims.claim import Arm, Claim
from sslcourse.claims.rates import ABOVE, BELOW, RATES, add_to_record, best_rate, is_recorded, trial, tried
from sslcourse.claims.runner import commit_of_code, root_on, rounded
from sslcourse.data.cache import cache_dir
from sslcourse.training.experiment import Experiment
from sslcourse.training.many import Outcome, run_all
from sslcourse.training.meters import NonFiniteLoss
from sslcourse.training.runtime import device_name, pick_device


def arms_of(claims: list[Claim], scale: str) -> Iterator[tuple[Arm, str, Sequence[int]]]:
    """The trained arms of claims with their pictures and seeds; an arm of several claims once for equal seeds."""
    seen = set()
    for claim in claims:
        data, seeds = claim.data[0], claim.tried_with
        for arm in claim.arms:
            place = arm.experiment(data, scale, seed=0).key, seeds
            if arm.name != "untrained" and place not in seen:
                seen.add(place)
                yield arm, data, seeds


def next_rates(arm: Arm, data: str, scale: str, seeds: Sequence[int] = (0,)) -> list[float]:
    """The rates that are still to be tried: of RATES, then beyond whichever end is the best, if any serves."""
    found = tried(arm, data, scale, seeds)
    if missing := [rate for rate in RATES if rate not in found]:
        return missing
    if not any(each.serves for each in found.values()):
        return []
    best = best_rate(found)
    if best == max(found):
        return [rate for rate in ABOVE if rate not in found][:1]
    return [rate for rate in BELOW if rate not in found][:1] if best == min(found) else []


def next_trials(arms: Iterable[tuple[Arm, str, Sequence[int]]], scale: str) -> list[tuple[Arm, str, Experiment]]:
    """The runs that the record lacks of what is to be tried next, each once."""
    found = {}
    for arm, data, seeds in arms:
        for rate, seed in product(next_rates(arm, data, scale, seeds), seeds):
            experiment = trial(arm, data, scale, rate, seed)
            if not is_recorded(experiment):
                found[experiment.key] = arm, data, experiment
    return list(found.values())


def main() -> None:
    """Run what the record lacks and write it there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("claims", nargs="*", type=int, help="numbers of claims (default: all)")
    parser.add_argument("--scale", default="cpu")
    parser.add_argument("--runs", type=Path, default=cache_dir() / "claim-rates", help="the folder of the runs")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    if unknown := set(options.claims) - {claim.number for claim in CLAIMS.values()}:
        parser.error(f"there is no claim {min(unknown)}: they are 1 to {len(CLAIMS)}")
    chosen = [claim for claim in CLAIMS.values() if not options.claims or claim.number in options.claims]
    arms, runs = list(arms_of(chosen, options.scale)), root_on(device_name(pick_device()), options.runs)
    while wanted := next_trials(arms, options.scale):
        outcomes = run_all([experiment for _, _, experiment in wanted], runs, workers=options.workers)
        ended = [(each, outcome) for each, outcome in zip(wanted, outcomes, strict=True) if has_ended(outcome)]
        add_to_record([row_of(*each, outcome) for each, outcome in ended])
        if failed := [outcome.error for outcome in outcomes if not has_ended(outcome)]:
            raise SystemExit(f"{len(failed)} runs failed; the same command tries them again. The first: {failed[0]}")


def has_ended(outcome: Outcome) -> bool:
    """Whether the run has something to say of its rate: a loss that is no number says that it was too high."""
    return not outcome.error or outcome.error.startswith(NonFiniteLoss.__name__)


def row_of(arm: Arm, data: str, experiment: Experiment, outcome: Outcome) -> dict:
    """The line of the record for a run that has ended; of one that diverged `knn` is empty."""
    recipe = experiment.recipe
    row = {"key": experiment.key, "arm": arm.name, "kind": recipe.kind, "data": data, "scale": recipe.scale}
    row |= {"seed": recipe.fit.seed, "steps": recipe.fit.steps, "rate": recipe.fit.learning_rate}
    row["knn"] = [rounded(each["knn"]) for each in outcome.rows if "knn" in each]
    if outcome.rows and "reconstruction_loss" in outcome.rows[-1]:
        row["error"] = rounded(outcome.rows[-1]["reconstruction_loss"])
    row |= {name: outcome.summary.get(name) for name in ("seconds", "precision", "threads", "versions")}
    return row | {"device": device_name(pick_device()), "commit": commit_of_code()}


if __name__ == "__main__":
    main()
