"""`sslcourse train`: one method on one data set, from images to a report page. The same command resumes a stopped run.

On several GPUs: `torchrun --nproc-per-node N -m sslcourse train ...`; batch_size counts the images of all of them.
"""

import argparse
import shlex
import sys
from pathlib import Path

EPILOG = """
METHOD is one of {methods}. --set changes a setting of the recipe by name, and can be repeated:
  --set steps=500 --set learning_rate=5e-4     the loop
  --set temperature=0.1 --set local_crops=6    the method and its views
  --set encoder=vit_192x6_p8 --set count=1000  the encoder and the images
If a name fits several settings, write more of it: local_crop.scale=0.1,0.4. --list prints all settings of the recipe.
"""
METHODS = "simclr, byol, dino, ibot, logo, combined"  # without importing torch; a test compares


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `sslcourse train`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG.format(methods=METHODS)
    parser.add_argument("method", metavar="METHOD", help=METHODS)
    parser.add_argument(
        "--data", default="objects", help="objects, cifar10, stl10, imagenette, pets or folder:PATH (default: objects)"
    )
    parser.add_argument("--scale", default="cpu", help="smoke (half a minute), cpu (ten minutes) or gpu (default: cpu)")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="the run's folder (default: runs/METHOD-DATA-SCALE-SEED)"
    )
    parser.add_argument("--seed", type=int, help="seed of the weights, the order and the views (default: 0)")
    parser.add_argument("--steps", type=int, help="how many steps to train, in place of the recipe's")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="change a setting of the recipe"
    )
    parser.add_argument("--download", action="store_true", help="fetch a public data set that is not there yet")
    parser.add_argument("--list", action="store_true", help="print the recipe's settings and stop")


def main(arguments: argparse.Namespace) -> int:
    """Train and report. 0: done; 1: training failed; 2: it could not begin; 3: trained, but no report; 130: Ctrl-C."""
    from sslcourse.training.distributed import is_first, process_group
    from sslcourse.training.meters import NonFiniteLoss

    try:
        recipe = recipe_of(arguments)
        if arguments.list:
            print(listing(recipe))
            return 0
        out = arguments.out or default_folder(recipe)
        with process_group(recipe.fit.device):
            return run(recipe, out, arguments.download, is_first())
    except NonFiniteLoss as error:
        return refuse(error, status=1)
    except (ValueError, TypeError, OSError) as error:
        return refuse(error, status=2)
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and "memory" not in str(error):
            raise
        advice = "Try a smaller batch_size, count or image_size"
        return refuse(f"there is too little memory ({str(error).splitlines()[0]}). {advice}", status=1)
    except KeyboardInterrupt:
        advice = "The same command continues from the last checkpoint; to start again, delete the folder."
        print(f"\nStopped. {advice}", file=sys.stderr)
        return 130


def recipe_of(arguments: argparse.Namespace):
    """The recipe of the command line; raises ValueError and says what is allowed."""
    from sslcourse.settings import parse_changes
    from sslcourse.training.recipes import find_recipe, with_changes

    changes = parse_changes(arguments.set)
    for name in ("steps", "seed"):
        if (value := getattr(arguments, name)) is not None:
            if name in changes or f"fit.{name}" in changes:
                raise ValueError(f"{name} is given twice, by --{name} and by --set")
            changes[f"fit.{name}"] = value
    return with_changes(find_recipe(arguments.method, arguments.data, arguments.scale), changes)


def run(recipe, out: Path, download: bool, first: bool) -> int:
    """Train in the folder `out`; the first process prints how it went and writes the report."""
    from sslcourse.training.experiment import train_recipe
    from sslcourse.training.report import write_report

    if first:
        print(
            f"{recipe.kind} on {recipe.data.name}, scale {recipe.scale}: {recipe.fit.steps} steps of "
            f"{recipe.fit.batch_size} images, in {out}"
        )
    trained = train_recipe(recipe, out, download=download)
    if not first:
        return 0
    summary, images = trained.summary, trained.images
    knn = f"kNN accuracy {summary['knn']:.3f} (untrained {summary['knn_untrained']:.3f})" if images.labelled else "Done"
    print(f"{knn} after {summary['seconds']:.0f} s")
    for name in summary["alarms"]:
        print(f"Alarm at the end: {name} (the report says more)")
    try:
        page = write_report(trained, recipe, out / "report.html", command=shlex.join(["sslcourse", *sys.argv[1:]]))
    except Exception as error:  # noqa: BLE001 (the run is finished, whatever goes wrong in drawing a page)
        kept = f"the run is finished and kept in {out}, but its report could not be made"
        return refuse(f"{kept}: {type(error).__name__}: {error}. The same command tries again", status=3)
    print(f"Open {page.resolve()}")
    return 0


def default_folder(recipe) -> Path:
    """`runs/METHOD-DATA-SCALE-SEED`, in the working directory."""
    data = Path(recipe.data.name.removeprefix("folder:")).stem
    return Path("runs") / f"{recipe.kind}-{data}-{recipe.scale}-{recipe.fit.seed}"


def listing(recipe) -> str:
    """Every setting of the recipe on a line of its own, in the form of --set."""
    from sslcourse.settings import setting_lines
    from sslcourse.training.recipes import FIXED

    return "\n".join(setting_lines(recipe, fixed=FIXED))


def refuse(error: Exception | str, status: int) -> int:
    """Print what is wrong, without a traceback."""
    print(f"sslcourse train: {error}", file=sys.stderr)
    return status
