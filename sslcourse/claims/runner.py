"""Runs of claims: which are needed and in which order, each trained once, measured, and written to the ledger."""

import io
import json
import math
import re
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from tqdm.auto import tqdm

from sslcourse.claims.claim import TIMES, Claim
from sslcourse.claims.measures import MEASURES, measure_version, measured
from sslcourse.claims.pictures import PICTURES
from sslcourse.claims.rows import append_row, latest, read_rows
from sslcourse.cluster import on_cluster, on_every_worker
from sslcourse.data.cache import cache_dir
from sslcourse.files import write_atomically
from sslcourse.methods.method import Method
from sslcourse.settings import nearest
from sslcourse.training.checkpoint import load_checkpoint
from sslcourse.training.experiment import Experiment, Trained, run, versions_here
from sslcourse.training.many import Job, look_up, run_jobs
from sslcourse.training.runtime import device_name, pick_device

HALF = "half.pt"  # the weights half way, in the run's folder
COMMIT, VERSIONS = "commit", "versions"  # of the code, and of what it stands on, when the run was begun, in its folder
DIGITS = 6  # of every figure in the ledger
SPENT = {0, 7, 8}  # settings were chosen on runs of these seeds: on the last two claim 15's rates and a decoder


@dataclass(frozen=True)
class Order:
    """A run, which measures are wanted of it at which times, and the claims it is for, with their fingerprints.

    `timed_claims` are those of them that need a measure of it which reads a clock.
    """

    experiment: Experiment
    arm: str
    data: str
    wanted: dict[str, set[str]]
    claims: dict[str, str]
    timed_claims: frozenset[str] = frozenset()

    @property
    def measures(self) -> set[str]:
        """The measures that are wanted of the run at any time."""
        return set().union(*self.wanted.values())

    @property
    def is_timed(self) -> bool:
        """Whether one of its measures reads a clock."""
        return any(MEASURES[name].timed for name in self.measures)

    @property
    def untimed(self) -> "Order":
        """The same run without the measures that read a clock, and without the claims that need them."""
        left = {when: {name for name in names if not MEASURES[name].timed} for when, names in self.wanted.items()}
        claims = {name: form for name, form in self.claims.items() if name not in self.timed_claims}
        return replace(self, wanted=left, claims=claims)

    def lacking(self, row: dict) -> "Order":
        """The same run with those measures only that the row does not have, or has of an older version."""
        there = {when: row["measures"].get(when, {}) for when in self.wanted}
        left = {
            when: {name for name in names if there[when].get(name) != measure_version(name)}
            for when, names in self.wanted.items()
        }
        return replace(self, wanted=left)

    def lacks(self, row: dict | None) -> bool:
        """Whether there is no row, or a measure is missing in it."""
        return row is None or bool(self.lacking(row).measures)

    def together(self, wanted: Mapping[str, Iterable[str]], claims: Mapping[str, str]) -> "Order":
        """The same run, with what else is wanted of it and the claims that want it."""
        both = {when: self.wanted[when] | set(wanted.get(when, ())) & MEASURES.keys() for when in TIMES}
        return replace(self, wanted=both, claims={**claims, **self.claims})

    def plus(self, other: "Order") -> "Order":
        """The same run for the claims of both orders."""
        both = self.together(other.wanted, other.claims)
        return replace(both, timed_claims=self.timed_claims | other.timed_claims)


def orders(
    claims: Iterable[Claim], scale: str, seeds: Sequence[int], data: Sequence[str] = (), device: str = "auto"
) -> list[Order]:
    """One order for each different run: the first pair of every claim before the second of any.

    Only the sets of pictures in `data`, if there are any. Raises ValueError for an unknown set, for a seed on
    which settings were chosen, and for a public set at another scale than gpu, for which nobody chose settings.
    """
    for name in data:
        nearest("set of pictures", name, PICTURES)
    if spent := sorted(SPENT.intersection(seeds)):
        others = ", ".join(map(str, sorted(SPENT)))
        raise ValueError(f"seed {spent[0]} is spent: settings were chosen on it. Take any seeds but {others}")
    if scale != "gpu" and (public := [name for name in data if PICTURES[name].public]):
        raise ValueError(f"{', '.join(public)} can be had with --scale gpu only; at scale {scale} use cifar10-small")
    found: dict[str, Order] = {}
    for seed in seeds:
        for claim in claims:
            for name in claim.asked(data):
                for arm, experiment in claim.experiments(name, scale, seed, device).items():
                    its = {claim.id: claim.fingerprint(scale)}
                    order = Order(experiment, arm, name, claim.measures(arm), its)
                    order = replace(order, timed_claims=frozenset(its if order.is_timed else ()))
                    key = experiment.key
                    found[key] = found[key].plus(order) if key in found else order
    return list(found.values())


def is_done(order: Order, row: dict | None) -> bool:
    """Whether the row has every figure that is wanted, for the claims as they are now."""
    return not order.lacks(row) and order.claims.items() <= row["claims"].items()


def run_orders(
    wanted: Sequence[Order],
    root: Path,
    ledger: Path,
    *,
    workers: int = 1,
    minutes: float = math.inf,
    cluster: str = "",
    progress: bool = True,
) -> list[str]:
    """Carry out the orders that are not done yet, `workers` at a time; returns what failed, in words.

    Every finished run is in the ledger at once, and the same call goes on after a kill. No run is started after
    `minutes`. `cluster` is the address of a Dask scheduler that runs them instead: what is not timed, for there nobody
    can tell what else a worker's machine does. Raises ValueError for one whose workers' devices differ.
    """
    until = time.monotonic() + 60 * minutes
    rows, open_orders = latest(row for scale in scales(wanted) for row in read_rows(scale, ledger)), []
    device = device_there(wanted[0], cluster) if wanted and cluster else ""
    left_out = 0
    for whole in wanted:
        row = rows.get((whole.experiment.key, device) if cluster else place_of(whole))
        order = whole.untimed if cluster else whole
        left_out += order is not whole and not is_done(whole, row) and (whole.is_timed or timed_in(row))
        if row is None:
            open_orders.append(order)
        elif order.lacks(row):  # what the row has is measured again if the run has to be trained again
            if not (cluster and timed_in(row)):
                open_orders.append(order.together(row["measures"], row["claims"]))
        elif not is_done(order, row):
            append_row(row | {"claims": row["claims"] | order.claims}, ledger)
    with tqdm(unit="step", smoothing=0, disable=not (progress and open_orders)) as bar:
        if not cluster:
            return run_here(open_orders, root, ledger, workers, until, bar)
        things = [(order, rows.get((order.experiment.key, device))) for order in open_orders]
        failed = run_on_cluster(things, root, ledger, device, cluster, until, bar)
    if left_out:
        print(f"{left_out} runs have figures of a clock: run these without --cluster, on a machine with {device}")
    return failed


def run_here(
    open_orders: Sequence[Order], root: Path, ledger: Path, workers: int, until: float, bar: tqdm
) -> list[str]:
    """Run in processes of this machine, each with one thread; of several, what is timed is measured last, alone."""
    root = root_of(open_orders[0], root) if open_orders else root  # the orders of a call are for one device
    by_key = {order.experiment.key: order for order in open_orders}
    jobs = [Job(order.experiment, look_up(order.experiment, root)[1]) for order in open_orders]
    bar.reset(total=sum(job.experiment.recipe.fit.steps - job.done for job in jobs))
    failed: dict[str, str] = {}

    def run_some(jobs: Sequence[Job], at_once: int, without_timed: bool) -> None:
        task = partial(carry_out_here, by_key, ledger, without_timed)
        for count, outcome in enumerate(run_jobs(jobs, root, at_once, False, bar, task, until), start=1):
            bar.set_description(f"{count} of {len(jobs)} runs{'' if without_timed or workers < 2 else ' timed'}")
            if outcome.error:
                failed[outcome.experiment.key] = f"{outcome.experiment.name}: {outcome.error}"

    run_some(jobs, max(1, workers), without_timed=workers > 1)
    if workers > 1:
        timed = [order.experiment for key, order in by_key.items() if order.is_timed and key not in failed]
        run_some([Job(experiment, look_up(experiment, root)[1]) for experiment in timed], 1, without_timed=False)
    return list(failed.values())


def run_on_cluster(
    things: Sequence[tuple[Order, dict | None]],
    root: Path,
    ledger: Path,
    device: str,
    address: str,
    until: float,
    bar: tqdm,
) -> list[str]:
    """Run orders, each with its row, on a Dask cluster, whose workers need the course and one thread each.

    Rows are written here. Raises as `on_cluster`: a run's random numbers are its process's.
    """
    bar.unit = "run"
    bar.reset(total=len(things))
    in_time = takewhile(lambda _: time.monotonic() < until, things)
    named, failed = ((thing[0].experiment.name, thing) for thing in in_time), []
    for name, done in on_cluster(partial(carry_out_there, root=root), named, {"address": address}):
        if isinstance(done, BaseException):
            failed.append(f"{name}: {done}")
        elif done["device"] != device:  # of a worker that came later
            failed.append(
                f"{name}: it ran on {done['device']}, and the others on {device}: pairs must be of one device"
            )
        else:
            append_row(done, ledger)
        bar.update()
    return failed


def carry_out_here(
    by_key: dict[str, Order], ledger: Path, without_timed: bool, experiment: Experiment, root: Path, **options: Any
) -> None:
    """Carry out the order of an experiment, in a process of its own."""
    fill_in(by_key[experiment.key], root, ledger, without_timed, **options)


def fill_in(order: Order, root: Path, ledger: Path, without_timed: bool = False, **options: Any) -> None:
    """Carry out an order and write its row, unless the ledger has its figures already. Options as in `carry_out`.

    With `without_timed` nothing is done where that would lose figures: of a run whose row is timed and whose training
    is gone. Another process with the same order waits for this one.
    """
    with lock(Path(root) / f"{order.experiment.name}.lock"):
        row = latest(read_rows(order.experiment.recipe.scale, ledger)).get(place_of(order))
        if is_done(order.untimed if without_timed else order, row):
            return
        if without_timed and timed_in(row) and not is_kept(order, root, row):
            return
        append_row(carry_out(order, root, row, without_timed, **options), ledger)


def lock(path: Path) -> FileLock:
    """A lock between processes, in a folder that need not be there yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path)


def timed_in(row: dict | None) -> bool:
    """Whether a row has figures of a clock."""
    return row is not None and any(MEASURES[name].timed for names in row["measures"].values() for name in names)


def is_kept(order: Order, root: Path, row: dict) -> bool:
    """Whether the training that a row is of is kept under `root`."""
    found = look_up(order.experiment, root)[0]
    return found is not None and found.summary["finished"] == row["finished"]


def carry_out_there(thing: tuple[Order, dict | None], root: Path) -> dict:
    """Carry out an order, but for what is timed, on the worker that calls this; returns the row."""
    order, row = thing
    return carry_out(order, root_of(order, root), row, without_timed=True)


def carry_out(
    order: Order,
    root: Path,
    row: dict | None = None,
    without_timed: bool = False,
    *,
    on_log: Callable[[dict], None] | None = None,
    **options: Any,
) -> dict:
    """Train (resume, read back) the run of an order and measure it; returns its row. Options as in `run`.

    `row` is what the ledger has of it. If that is of the same training only what it lacks is measured; the new row is
    laid over it. Raises ValueError where a row or a kept run is of other versions: a row is of one, and so is a pair.
    """
    torch.set_num_threads(1)
    if row is not None:
        check_versions(row["versions"], "its row in the ledger")
        order = order.together(row["measures"], row["claims"])
    experiment = order.experiment
    folder, half = Path(root) / experiment.name, experiment.recipe.fit.steps // 2
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / COMMIT).exists():
        write_atomically(folder / COMMIT, commit_of_code())
        write_atomically(folder / VERSIONS, json.dumps(versions_here()))
    if (folder / VERSIONS).exists():
        check_versions(json.loads((folder / VERSIONS).read_text()), f"the run that is kept in {folder}")
    keep_half(folder, half)

    def log(row: dict) -> None:
        if row["step"] == half:
            keep_half(folder, half)
        if on_log is not None:
            on_log(row)

    trained = run(experiment, root, on_log=log, **{"progress": False, "wait": True} | options)
    check_versions(trained.summary["versions"], f"the run that is kept in {folder}")
    if row is not None and row["finished"] == trained.summary["finished"]:
        order = order.lacking(row)
    order = order.untimed if without_timed else order
    begun = time.monotonic()
    with lock(cache_dir() / "timing.lock") if order.is_timed else nullcontext():
        figures = {when: measure_at(when, names, experiment, trained, folder) for when, names in order.wanted.items()}
    summary = trained.summary
    return {
        "key": experiment.key,
        "name": experiment.name,
        "arm": order.arm,
        "data": order.data,
        "scale": experiment.recipe.scale,
        "seed": experiment.recipe.fit.seed,
        "claims": order.claims,
        "figures": figures,
        "measures": {
            when: {name: measure_version(name) for name in sorted(names)} for when, names in order.wanted.items()
        },
        "curve": [[row["step"], rounded(row["knn"])] for row in trained.rows if "knn" in row],
        "steps": summary["steps"],
        "seconds": summary["seconds"],
        "seconds_measuring": round(time.monotonic() - begun, 1),
        "alarms": summary["alarms"],
        "device": device_name(next(trained.method.parameters()).device),
        "precision": summary["precision"],
        "threads": summary["threads"],
        "versions": summary["versions"],
        "images": trained.images.fingerprint(),
        "commit": (folder / COMMIT).read_text(),
        "finished": summary["finished"],
    }


def check_versions(versions: Mapping[str, str], what: str) -> None:
    """Raise ValueError unless the versions are those of this process."""
    if versions != (here := versions_here()):
        raise ValueError(
            f"{what} is of {versions}, and here is {here}. A row is of one version: measure it there, or take another "
            "--ledger and --runs"
        )


def measure_at(when: str, names: set[str], experiment: Experiment, trained: Trained, folder: Path) -> dict:
    """The figures of a run at one time: of the measures named, and (not at the start) of its log."""
    step = {"start": 0, "half": experiment.recipe.fit.steps // 2, "full": experiment.recipe.fit.steps}[when]
    rows = [row for row in trained.rows if row["step"] == step]
    figures = {f"log.{name}": value for row in rows for name, value in row.items() if isinstance(value, float)}
    figures |= {name: figures[f"log.{name}"] for name in names if f"log.{name}" in figures}  # kNN was measured then
    if names := sorted(names - figures.keys()):
        method = trained.method if when == "full" else method_at(when, experiment, folder)
        method.to(next(trained.method.parameters()).device).eval()
        for name in names:
            figures |= measured(name, method, trained.images)
    return {name: rounded(value) for name, value in figures.items()}


def method_at(when: str, experiment: Experiment, folder: Path) -> Method:
    """The method of a run before its first step ("start") or half way."""
    method = experiment.build(experiment.recipe)
    if when == "half":
        method.load_state_dict(torch.load(folder / HALF, map_location="cpu", weights_only=True))
    return method


def keep_half(folder: Path, half: int) -> None:
    """Keep the weights half way, if the newest checkpoint is that one: later steps delete it."""
    if (folder / HALF).exists() or (state := load_checkpoint(folder)) is None or state["step"] != half:
        return
    buffer = io.BytesIO()
    torch.save(state["method"], buffer)
    write_atomically(folder / HALF, buffer.getvalue())


def place_of(order: Order) -> tuple[str, str]:
    """The run's key and the device on which it would run here."""
    return order.experiment.key, device_name(pick_device(order.experiment.recipe.fit.device))


def device_there(order: Order, cluster: str) -> str:
    """The device on which an order would run on the workers of a cluster; ValueError for none, or several."""
    places = on_every_worker(place_of, order, {"address": cluster})
    devices = sorted({device for _, device in places})
    if len(devices) != 1:
        raise ValueError(
            f"pairs must be of one device; the workers have {'; '.join(devices) or 'none: there are none'}"
        )
    return devices[0]


def root_of(order: Order, root: Path) -> Path:
    """Where runs of the order's device are kept: one that was begun on another is never read back or resumed."""
    return root_on(place_of(order)[1], root)


def root_on(device: str, root: Path) -> Path:
    """The folder of a device's runs.

    >>> root_on("x86_64, AVX2", Path("runs")).name
    'x86_64_AVX2'
    """
    return Path(root) / re.sub(r"\W+", "_", device)


def scales(wanted: Iterable[Order]) -> set[str]:
    """The scales of some orders."""
    return {order.experiment.recipe.scale for order in wanted}


def rounded(value: float) -> float | None:
    """A figure with as many digits as the ledger keeps; None for one that is not finite.

    >>> rounded(0.123456789), rounded(math.nan)
    (0.123457, None)
    """
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None


def commit_of_code() -> str:
    """The commit of the package's checkout, with a + if its code (not its ledger) was changed; "" if it is in none."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=Path(__file__).parent.parent, capture_output=True, text=True)
        return done.stdout.strip()

    try:
        if not git("ls-files", "cli.py"):  # installed into a folder of somebody else's repository
            return ""
        changed = git("status", "--porcelain", "--", ".", ":!claims/ledger")
        return git("rev-parse", "--short=12", "HEAD") + "+" * bool(changed)
    except OSError:
        return ""
