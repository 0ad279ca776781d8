"""The measurements of `gpu.py`, part by part: each prints its rows as lines of JSON, one as soon as it is known."""

from __future__ import annotations

import gc
import json
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from step import Ours, Shape, Theirs, make_method
from torch.utils.flop_counter import FlopCounterMode

from sslcourse.data.augment import Augmentation, augment
from sslcourse.data.imageset import ImageSet
from sslcourse.data.objects.render import render
from sslcourse.data.views import MultiCrop
from sslcourse.evaluation.throughput import turns
from sslcourse.methods import SimCLR, SimCLRSettings
from sslcourse.models import build_encoder
from sslcourse.training.fit import fit
from sslcourse.training.graph import GraphedSteps, RecordableSteps, unrecordable
from sslcourse.training.images import knn_of, load_images
from sslcourse.training.recipes import METHODS, DataSettings, build_method, find_recipe
from sslcourse.training.runtime import device_name, make_runtime, pick_device
from sslcourse.training.settings import FitSettings
from sslcourse.training.state import TrainingState

CUDA = torch.cuda.is_available()
HALF = make_runtime("auto", "auto").precision if CUDA else "fp32"  # without tensor cores fp32 is what there is
SHAPES = {
    "192x6, 64 px, 2+6 crops, batch 256": Shape(batch=256),
    "192x6, 64 px, 2+6 crops, batch 64": Shape(batch=64),
    "ViT-S/16, 224 px, 2+8 crops, batch 64": Shape("vit_small_patch16_224", 8, 64, size=224, local_size=96),
}
DRY_SHAPES = {"64x2, 32 px, 2+2 crops, batch 4": Shape("vit_64x2_p8", 2, 4, size=32, local_size=16)}


class Steps(GraphedSteps if CUDA else RecordableSteps):
    """Whole steps as a graph, or on given views (`views`), or views alone (`learns=False`); without CUDA one by one."""

    def __init__(self, run: TrainingState, views=None, learns: bool = True) -> None:
        super().__init__(run)
        self.given, self.learns = views, learns

    def compute(self):
        """Views and metrics."""
        views = self.run.make_views(self.batch) if self.given is None else self.given
        return views, self.run.learn(views) if self.learns else {"none": self.batch[0]}

    def __call__(self):
        """A step; its views."""
        if CUDA:
            views = super().__call__()
        else:
            self.prepare()
            views, metrics = self.compute()
            self.finish(metrics)
        self.run.window.clear()
        return views

    def check(self) -> None:
        """Raise RuntimeError if the step was to be recorded and could not be."""
        if CUDA and self.graph is None:
            raise RuntimeError("the step could not be recorded: what was measured is launched kernel by kernel")


def seconds_of(step: Callable[[], object], dry: bool, steps: int = 5) -> float:
    """Median seconds of a step, of five rounds of so many steps, after what comes first (a graph records itself)."""
    for _ in range(1 if dry and not CUDA else 6):
        step()
    if isinstance(step, Steps):
        step.check()
    rounds = turns({"it": lambda: [step() for _ in range(1 if dry else steps)]}, 1 if dry else 5)["it"]
    return sorted(rounds)[len(rounds) // 2] / (1 if dry else steps)


@contextmanager
def attempt(row: dict[str, object]) -> Iterator[dict[str, object]]:
    """Emit the row with what was measured, its peak memory and seconds, or with what went wrong."""
    gc.collect()
    if CUDA:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    try:
        yield row
    except Exception as error:  # noqa: BLE001  the rows that follow do not depend on this one
        row["failed"] = f"{type(error).__name__}: {error}"[:300]
    if CUDA:
        row["peak_mib"] = round(torch.cuda.max_memory_allocated() / 2**20)
    row["took_s"] = round(time.perf_counter() - start, 1)
    print(json.dumps(row), flush=True)


def speed(row: dict[str, object], seconds: float, images: int, flops: float | None = None) -> None:
    """Write milliseconds, images a second and, where the operations were counted, TFLOP/s into the row."""
    row |= {"ms": round(1000 * seconds, 3), "images_per_second": round(images / seconds, 1)}
    if flops is not None:
        row["tflops"] = round(flops / seconds / 1e12, 2)


def flops_of(step: Callable[[], object]) -> float:
    """Floating-point operations of matrix products, convolutions and attention in a step, forward and backward."""
    with FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops()


def environment(dry: bool) -> None:
    """The machine, and what a large matrix product reaches on it: the peak that the other parts are shares of."""
    with attempt({"name": "machine", "device": device_name(pick_device()), "half": HALF}) as row:
        size, dtype = (256, torch.float32) if dry else (8192, torch.bfloat16 if HALF == "bf16" else torch.float16)
        matrix = torch.randn(size, size, device=pick_device()).to(dtype)
        row["tflops"] = round(2 * size**3 / seconds_of(lambda: matrix @ matrix, dry) / 1e12, 3)


def steps(dry: bool) -> None:
    """A DINO step on given views beside lightly's, as is, in half precision, recorded, and with removal."""
    for name, shape in (DRY_SHAPES if dry else SHAPES).items():
        for precision in ("fp32", HALF):
            for kind, keep in (("eager", 1.0), ("graph", 1.0), ("eager", 0.5), ("graph", 0.5)):
                with attempt({"name": name, "side": "ours", "precision": precision, "kind": kind, "keep": keep}) as row:
                    ours = Ours(shape, make_method(shape, keep), precision, False)
                    flops = flops_of(ours)
                    if kind == "graph" and (reason := unrecordable(ours.run)):
                        raise RuntimeError(reason)
                    step = Steps(ours.run, ours.views) if kind == "graph" else ours
                    speed(row, seconds_of(step, dry), shape.batch, flops)
                ours = step = None
            with attempt({"name": name, "side": "lightly", "precision": precision, "kind": "eager"}) as row:
                speed(row, seconds_of(lightly_step(shape, precision), dry), shape.batch)


def lightly_step(shape: Shape, precision: str, compile: bool = False) -> Callable[[], object]:
    """The step of lightly's example, under autocast in half precision."""
    runtime = make_runtime("auto", precision)
    ours = Ours(shape, make_method(shape), "fp32", False)
    theirs = Theirs(make_method(shape).to(runtime.device), MultiCrop(*ours.views[:2]))
    for part in (theirs.student_backbone, theirs.teacher_backbone) if compile else ():
        part.compile()

    def step() -> object:
        with runtime.autocast():
            return theirs()

    return step


def make_run(kind: str, dry: bool, precision: str, **changes) -> TrainingState:
    """The state of a run of a method's recipe for GPUs, on noise."""
    batch = 4 if dry else 256
    small = {"encoder": "vit_64x2_p8"} if dry else {}
    recipe = find_recipe(kind, scale="gpu", batch_size=batch, **small, **changes)
    method = build_method(recipe)
    images = torch.randint(0, 256, (2 * batch, 3, 64, 64), dtype=torch.uint8)
    images = ImageSet(images, torch.zeros(len(images), dtype=torch.int64), ("any",), "noise")
    run = TrainingState(method, images, recipe.fit, make_runtime("auto", precision))
    run.step = recipe.fit.steps // 2  # where most of the run is
    return run


def methods(dry: bool) -> None:
    """Whole steps of all methods' recipes for GPUs, eager and recorded, and their views alone."""
    for kind in METHODS:
        for name in ("eager", "views", "graph", "views in a graph"):
            with attempt({"name": kind, "kind": name, "precision": HALF}) as row:
                run = make_run(kind, dry, HALF)
                if "graph" in name and (reason := unrecordable(run)):
                    raise RuntimeError(reason)
                ways = {"eager": run.step_once, "views": run.draw_views}
                flops = None if "views" in name else flops_of(run.step_once)
                step = ways[name] if name in ways else Steps(run, learns=name == "graph")
                speed(row, seconds_of(step, dry), run.settings.batch_size, flops)
            run = step = ways = None


def compiled(dry: bool) -> None:
    """Where compiling pays: each method and size with and without, in seconds to compile and a step."""
    for kind in ("simclr",) if dry else METHODS:
        for size in (64,) if dry else (32, 64, 96):
            run = make_run(kind, dry, HALF, image_size=size)
            with attempt({"name": f"{kind}, {size} px", "kind": "compiled, graph" if CUDA else "compiled"}) as row:
                run.forward = replace(run.runtime, compile=not dry).compiled(run.method)
                start = time.perf_counter()
                run.step_once()
                row["compile_s"] = round(time.perf_counter() - start, 1)
                speed(
                    row,
                    seconds_of(Steps(run) if unrecordable(run) is None else run.step_once, dry),
                    run.settings.batch_size,
                )
            run = None
    for side in () if dry else ("ours", "lightly"):
        shape = next(iter(SHAPES.values()))
        with attempt({"name": next(iter(SHAPES)), "side": side, "precision": HALF, "kind": "compiled"}) as row:
            step = Ours(shape, make_method(shape), HALF, True) if side == "ours" else lightly_step(shape, HALF, True)
            speed(row, seconds_of(step, dry), shape.batch)


def augmentation(dry: bool) -> None:
    """Views a second of one batch, beside kornia's transforms with the same settings on the same device."""
    for size, batch in ((16, 4),) if dry else ((32, 256), (64, 256), (224, 256)):
        device, settings = pick_device(), Augmentation(size)
        images = torch.randint(0, 256, (batch, 3, size, size), dtype=torch.uint8).to(device)
        generator = torch.Generator(device).manual_seed(0)
        with attempt({"name": f"{size} px, batch {batch}", "side": "ours"}) as row:
            speed(row, seconds_of(partial(augment, images, settings, generator), dry), batch)
        with attempt({"name": f"{size} px, batch {batch}", "side": "kornia"}) as row:
            speed(row, seconds_of(partial(kornia_transform(settings), images.float() / 255), dry), batch)


def kornia_transform(settings: Augmentation) -> Callable[[torch.Tensor], torch.Tensor]:
    """SimCLR's transforms from kornia's; raises ImportError where it is not installed."""
    from kornia import augmentation as library

    side = (settings.size, settings.size)
    kernel = 2 * min(round(3 * settings.blur_sigma[1]), (settings.size - 1) // 2) + 1
    jitter = (settings.brightness, settings.contrast, settings.saturation, settings.hue)
    return library.AugmentationSequential(
        library.RandomResizedCrop(side, settings.scale, settings.ratio),
        library.RandomHorizontalFlip(p=settings.flip),
        library.ColorJitter(*jitter, p=settings.color),
        library.RandomGrayscale(p=settings.grayscale),
        library.RandomGaussianBlur((kernel, kernel), settings.blur_sigma, p=settings.blur),
    )


def drawing(dry: bool) -> None:
    """Pictures of the embedded objects drawn a second."""
    for size in (32,) if dry else (64, 224):
        indices = torch.arange(8 if dry else 512)
        with attempt({"name": f"{size} px"}) as row:
            speed(
                row, seconds_of(partial(render, indices, size=size, device=pick_device()), dry, steps=1), len(indices)
            )


def two_views(dry: bool) -> None:
    """SimCLR's step of ViT-S/16 on two views of 224 px, batch 256, views included."""
    size, batch, name = (32, 4, "vit_64x2_p8") if dry else (224, 256, "vit_small_patch16_224")
    for kind in ("eager", "graph"):
        with attempt({"name": f"{name}, {size} px, batch {batch}", "kind": kind, "precision": HALF}) as row:
            method = SimCLR(build_encoder(name, size), SimCLRSettings(augmentation=Augmentation(size)))
            images = torch.randint(0, 256, (2 * batch, 3, size, size), dtype=torch.uint8)
            images = ImageSet(images, torch.zeros(len(images), dtype=torch.int64), ("any",), "noise")
            run = TrainingState(method, images, FitSettings(10_000, batch), make_runtime("auto", HALF))
            if kind == "graph" and (reason := unrecordable(run)):
                raise RuntimeError(reason)
            flops = flops_of(run.step_once)
            speed(row, seconds_of(Steps(run) if kind == "graph" else run.step_once, dry), batch, flops)
        run = method = None


def lab(dry: bool) -> None:
    """Lab 1's solution executed, with the seconds of each cell."""
    import nbformat

    from sslcourse.authoring.outputs import execute

    notebook = nbformat.read(Path(__file__).parents[1] / "solutions" / "01_contrastive.ipynb", as_version=4)
    if dry:
        notebook.cells = [cell for cell in notebook.cells if cell.cell_type == "code"][:2]
    cells, times = [cell for cell in notebook.cells if cell.cell_type == "code"], [time.perf_counter()]

    def on_cell() -> None:
        times.append(time.perf_counter())
        first = next((line for line in cells[len(times) - 2].source.splitlines() if line and line[0] != "#"), "")
        print(json.dumps({"name": first[:70], "seconds": round(times[-1] - times[-2], 1)}), flush=True)

    with attempt({"name": "all cells"}), tempfile.TemporaryDirectory() as folder:
        execute(notebook, Path(folder), scale="smoke" if dry else "gpu", on_cell=on_cell)


def training(dry: bool, seconds: float) -> None:
    """Each method's recipe trained for so many seconds altogether, at most one minute each, with kNN."""
    data = DataSettings(count=32, bank=32, held_out=16) if dry else DataSettings()
    start, seconds = time.perf_counter(), seconds - 20  # for what comes after the last step
    images = load_images(data)
    for number, kind in enumerate(METHODS):
        left = (seconds - (time.perf_counter() - start)) / (len(METHODS) - number)
        with attempt({"name": kind}) as row:
            run = make_run(kind, dry, "auto")
            one = seconds_of(run.step_once if unrecordable(run) or not CUDA else Steps(run), dry)
            count = 2 if dry else max(20, int(0.8 * min(60, left) / one))
            recipe = find_recipe(kind, scale="gpu", steps=count, **({"encoder": "vit_64x2_p8"} if dry else {}))
            settings = replace(recipe.fit, batch_size=run.settings.batch_size, log_every=max(1, count // 10))
            run, method = None, build_method(recipe)
            rows = fit(method, images.train, settings, progress=False)
            row |= {"steps": count, "seconds": round(rows[-1]["seconds"], 1), **knn_of(method, images)}
            row["images_per_second"] = round(rows[-1]["images_per_second"], 1)


# The parts in their order, with the seconds that each may take; training takes what is left.
PARTS = {
    "environment": (environment, 20), "methods": (methods, 80), "steps": (steps, 120), "two_views": (two_views, 40),
    "augmentation": (augmentation, 30), "drawing": (drawing, 20), "lab": (lab, 120),
}  # fmt: skip
ASKED = {"compile": (compiled, 900)}  # only when named


def run_part(part: str, seconds: float, dry: bool) -> None:
    """Run a part in this process; it prints its rows."""
    warnings.filterwarnings("ignore")
    if part == "training":
        training(dry, seconds)
    else:
        {**PARTS, **ASKED}[part][0](dry)
