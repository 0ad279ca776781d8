"""The training loop that all methods of the course share."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import torch
from tqdm.auto import tqdm

from sslcourse.data.imageset import ImageSet
from sslcourse.files import write_atomically
from sslcourse.methods.method import Method, Views
from sslcourse.training import distributed
from sslcourse.training.alarms import Alarm, find_alarms
from sslcourse.training.checkpoint import list_checkpoints, load_checkpoint, refuse_changes, save_checkpoint
from sslcourse.training.graph import stepper
from sslcourse.training.meters import NonFiniteLoss
from sslcourse.training.runtime import Runtime, keep_compiled, pick_compile, pick_device, pick_precision
from sslcourse.training.settings import FitSettings
from sslcourse.training.state import TrainingState, describe_run, fingerprint, say

__all__ = ["FitSettings", "NonFiniteLoss", "fit"]

Evaluate = Callable[[Method], dict[str, float]]


def fit(
    method: Method,
    image_set: ImageSet,
    settings: FitSettings,
    *,
    out: str | os.PathLike | None = None,
    evaluate: Evaluate | None = None,
    on_log: Callable[[dict], None] | None = None,
    progress: bool = True,
) -> list[dict]:
    """Train `method` in place, on the device of the settings, and return one row (a dict) for every `log_every` steps.

    `method` is one of the course's, or a `Method` of your own that defines `draw_views` and `forward`. A row holds
    `step`; the means since the last row of `loss`, `gradient_norm` and the metrics; `learning_rate`;
    `images_per_second`; `data_wait`, the share of the time spent on making views (0 in a CUDA graph, which is not timed
    by its parts); `seconds` of training so far; the `precision` of the run; what `evaluate(method)` gave; and `alarms`,
    the names of the failures that the log shows (`find_alarms`), if there are any. Each alarm is printed once.

    With `out`, the run writes `log.jsonl` and checkpoints there, and the same call continues a run that was killed, bit
    for bit on the same kind of device with the same number of threads. A finished run is not repeated; with more
    `steps` it goes on with the schedules of the new length. In a process group (`distributed.process_group`) every
    process makes the same call; the first one evaluates and writes.
    Raises TypeError if `method` is no Method, SettingsChanged if `out` holds another run, NonFiniteLoss if the loss
    becomes NaN or infinite.

    >>> from sslcourse.methods import SimCLR, SimCLRSettings
    >>> from sslcourse.data.augment import Augmentation
    >>> from sslcourse.models.convnet import ConvNet
    >>> images = torch.randint(0, 256, (32, 3, 16, 16), dtype=torch.uint8)
    >>> noise = ImageSet(images, torch.zeros(32, dtype=torch.int64), ("any",), "noise")
    >>> method = SimCLR(ConvNet(width=8), SimCLRSettings(augmentation=Augmentation(size=16)))
    >>> settings = FitSettings(steps=4, batch_size=16, log_every=2, device="cpu", precision="fp32")
    >>> [row["step"] for row in fit(method, noise, settings, progress=False)]
    [2, 4]
    """
    if not isinstance(method, Method):
        raise TypeError(
            f"fit trains a sslcourse.methods.Method; got {type(method).__name__}. Derive it from Method instead of "
            "nn.Module: it must define draw_views and forward, nothing else"
        )
    device = pick_device(settings.device)
    state, description = None, {}
    if out is not None:
        description = describe_run(method, settings) | {"images": fingerprint(image_set)}
        state = distributed.from_first(load_checkpoint(out) if distributed.is_first() else None)
        if state is not None:
            refuse_changes(state["description"], description, out, done=state["step"])
            say_new_length(state, settings)
    was_training = method.training
    run = TrainingState(method, image_set, settings, runtime_for(settings, device, state))
    # Dropout draws from torch's global generators: the run uses them in its own state and restores them afterwards.
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(settings.seed + 1009 * distributed.rank())
        if state is not None:
            run.load_state_dict(state)
        log = open_log(out, run.history) if out is not None and distributed.is_first() else None
        try:
            train(run, out, description, evaluate, on_log, log, progress)
        finally:
            run.runtime.release(method)
            method.train(was_training)
            if log is not None:
                log.close()
    return run.history


def train(run: TrainingState, out, description: dict, evaluate, on_log, log, progress: bool) -> None:
    """Take the steps that are left, with log rows, evaluations and checkpoints when they are due."""
    settings = run.settings
    first = distributed.is_first()
    quiet = not progress or not first or os.environ.get("TQDM_DISABLE", "") not in ("", "0")
    step = stepper(run)
    if run.runtime.compile:
        say(f"The first step compiles the method, which takes minutes; later runs find it in {keep_compiled()}.")
    shown: dict[str, str] = {}
    with tqdm(total=settings.steps, initial=run.step, desc=type(run.method).__name__, disable=quiet, leave=True) as bar:
        while run.step < settings.steps:
            with run.stopwatch.training():
                views = step()
                evaluates = evaluate is not None and is_due(run, settings.evaluate_every)
                logs = evaluates or is_due(run, settings.log_every)
                saves = out is not None and is_due(run, settings.checkpoint_every)
                if logs or saves:
                    run.window.read()
            if logs or saves:
                stop_if_not_finite(run, out)
            if logs:
                row = make_row(run, views)
                if evaluates:
                    figures = evaluated(run, evaluate)
                    shown |= {name: f"{value:.3f}" for name, value in figures.items()}
                    row |= figures
                run.history.append(row)
                for alarm in note_alarms(run):
                    if not quiet:
                        bar.write(f"Step {run.step}, {alarm.name}: {alarm.message}")
                if log is not None:
                    log.write(json.dumps(row) + "\n")
                    log.flush()
                bar.set_postfix(loss=f"{row['loss']:.3f}", **shown, refresh=False)
            if saves:
                state = {"description": description, **run.state_dict()}
                if first:
                    save_checkpoint(out, state, run.step)
            bar.update()
            if logs and first and on_log is not None:
                on_log(row)


def is_due(run: TrainingState, every: int) -> bool:
    """Whether something that happens every `every` steps (0: only at the end) happens after this one."""
    return run.step == run.settings.steps or (every > 0 and run.step % every == 0)


def say_new_length(state: dict, settings: FitSettings) -> None:
    """Say what it means to continue a run with another number of steps."""
    before = state["description"]["steps"]
    if before != settings.steps:
        say(
            f"This run of {before} steps continues at step {state['step']} to {settings.steps}: from here on, warm-up, "
            f"cosine and all other schedules are those of {settings.steps} steps."
        )


def make_row(run: TrainingState, views: Views) -> dict:
    """The log row of the window that ends here, the same in all processes; a new window begins."""
    seconds, views_share = run.stopwatch.read()
    row = {"step": run.step, **run.window.means(), "learning_rate": run.settings.learning_rate_at(run.step - 1)}
    with run.runtime.autocast(), run.runtime.eager():
        row |= {name: float(value) for name, value in run.method.diagnose(views).items()}
    run.seconds += seconds
    row |= {
        "images_per_second": run.stopwatch.steps * run.settings.batch_size / max(seconds, 1e-9),
        "data_wait": views_share,
        "seconds": run.seconds,
        "precision": run.runtime.precision,
    }
    run.window.clear()
    run.stopwatch.reset()
    return distributed.from_first(row)


def evaluated(run: TrainingState, evaluate: Evaluate) -> dict[str, float]:
    """What `evaluate(method)` gives in the first process."""
    figures = {}
    if distributed.is_first():
        with run.runtime.eager():
            figures = {name: float(value) for name, value in evaluate(run.method).items()}
        run.method.train()
    return distributed.from_first(figures)


def note_alarms(run: TrainingState) -> list[Alarm]:
    """Write the names of the failures that the log shows into its last row; return those that are new."""
    found = find_alarms(run.history, run.method, run.settings)
    known = {name for row in run.history for name in row.get("alarms", ())}
    if found:
        run.history[-1]["alarms"] = [alarm.name for alarm in found]
    return [alarm for alarm in found if alarm.name not in known]


def stop_if_not_finite(run: TrainingState, out: str | os.PathLike | None) -> None:
    """Raise NonFiniteLoss if a step since the last check had a loss or a gradient that is NaN or infinite.

    With a gradient scaler infinite gradients are normal: it skips those steps.
    """
    found = run.window.first_non_finite(("loss",) if run.scaler else ("loss", "gradient_norm"))
    if found is None:
        return
    index, name, value = found
    what = {"loss": "the loss", "gradient_norm": "the gradient's norm"}[name]
    step = run.step - len(run.window.values) + index + 1
    rate, precision = run.settings.learning_rate_at(step - 1), run.runtime.precision
    fp32 = "" if precision == "fp32" else "precision='fp32'; "
    good = list_checkpoints(Path(out)) if out is not None else []
    kept = f"the last good ones are in {good[0]}" if good else "start again from a new method"
    raise NonFiniteLoss(
        f"{what} was {value} at step {step} (learning rate {rate:.3g}, precision {precision}). Try, one at a time: "
        f"{fp32}a third of the learning rate ({rate / 3:.2g}) or a longer warm-up; clip_norm=1.0. Look for causes in "
        "the loss: a temperature near 0, a logarithm of 0 or a division by 0, exp without subtracting the maximum. "
        f"The weights in memory are spoilt; {kept}."
    )


def runtime_for(settings: FitSettings, device: torch.device, state: dict | None) -> Runtime:
    """The runtime of the run; a run resumed on the same kind of device keeps the precision that "auto" chose."""
    precision = settings.precision
    if state is not None and precision == "auto" and state["device"] == device.type:
        precision = state["precision"]
    # The processes of one run may be on different machines, and must compute alike.
    precision = distributed.from_first(pick_precision(device, precision))
    wanted = settings.compile
    if wanted == "auto" and settings.graph and precision != "fp16" and distributed.world_size() == 1:
        wanted = False  # a graph saves the launches; what compiling would save besides has not been measured
    return Runtime(device, precision, pick_compile(device, wanted, settings.steps))


def open_log(out: str | os.PathLike, history: list[dict]):
    """`log.jsonl` in `out`, open for appending, without the lines that a killed run wrote after its last checkpoint."""
    path = Path(out) / "log.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, "".join(json.dumps(row) + "\n" for row in history).encode())
    return open(path, "a", encoding="utf-8")
