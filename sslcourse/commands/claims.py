"""`sslcourse claims`: what the course claims, measured. Runs are kept in a folder and their figures in the ledger."""

import argparse
import math
import re
import sys
from pathlib import Path

EPILOG = """
list      the claims, their arms, and how much is measured
run       make the runs that are missing: the first pair of every claim, then the second, ...; after a kill, go on.
          With several workers what is timed (claims 5, 6 and 11) comes last, alone; on a cluster it is left out
report    write the page with all verdicts; --readme puts the table into README.md, too
verify    repeat three runs of the ledger, drawn by lot, and compare their figures

Photographs are no part of the course: claims on them are left out until SSLCOURSE_CIFAR is the path of a folder or zip;
those that need masks also need SSLCOURSE_COCO, the path of coco-objects.npz. At --scale gpu the claims on photographs
can be run on public sets, too: --data cifar10, stl10 or imagenette. That scale is untried; list says how long it takes.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `sslcourse claims`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("action", choices=("list", "run", "report", "verify"))
    parser.add_argument(
        "claims", nargs="*", metavar="CLAIM", help="numbers, ranges such as 14-18, or names; all if none"
    )
    parser.add_argument(
        "--scale", default="cpu", choices=("smoke", "cpu", "gpu"), help="size of the runs (default: cpu)"
    )
    parser.add_argument("--seeds", default="1-6", help="seeds of the pairs, from 1: 1-6, or 9,10 (default: 1-6)")
    parser.add_argument("--data", nargs="+", default=[], metavar="SET", help="these sets of pictures only")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda (default: auto)")
    parser.add_argument("--workers", type=int, default=1, help="runs at a time (default: 1)")
    parser.add_argument("--minutes", type=float, default=math.inf, help="start no run after so many minutes")
    parser.add_argument(
        "--cluster", default="", metavar="ADDRESS", help="run on the Dask cluster of this scheduler, but nothing timed"
    )
    parser.add_argument("--runs", type=Path, default=Path("build/claims"), metavar="DIR", help="where runs are kept")
    parser.add_argument("--ledger", type=Path, metavar="DIR", help="another ledger than the course's")
    parser.add_argument(
        "--out", type=Path, default=Path("build/claims.html"), metavar="FILE", help="the page of report"
    )
    parser.add_argument("--readme", type=Path, metavar="FILE", help="report: put the table of verdicts into this file")
    parser.add_argument("--draw", type=int, help="verify: the seed of the lot (default: another each time)")
    parser.add_argument("--rows", type=int, default=3, help="verify: how many runs (default: 3)")


def main(arguments: argparse.Namespace) -> int:
    """0: done; 1: a run failed, or verify found a difference; 2: it could not begin; 130: Ctrl-C."""
    from sslcourse.claims.catalogue import CLAIMS

    actions = {"list": show_list, "run": run, "report": report, "verify": verify}
    try:
        if arguments.action in ("report", "verify") and (arguments.data or arguments.seeds != "1-6"):
            raise ValueError(f"--data and --seeds are for list and run; {arguments.action} takes all that was measured")
        chosen = [CLAIMS[name] for name in pick_claims(arguments.claims, {c.id: c.number for c in CLAIMS.values()})]
        return actions[arguments.action](arguments, chosen)
    except (ValueError, OSError, ImportError) as error:
        print(f"sslcourse claims: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on; finished runs are in the ledger.", file=sys.stderr)
        return 130


def pick_claims(words: list[str], numbers: dict[str, int]) -> list[str]:
    """The names of the claims meant by numbers, ranges and names, in the order given; all of them for no word.

    >>> pick_claims(["3", "b"], {"a": 1, "b": 2, "c": 3}), pick_claims(["1-2"], {"a": 1, "b": 2, "c": 3})
    (['c', 'b'], ['a', 'b'])
    """
    found: list[str] = []
    for word in words or list(numbers):
        wanted = [word] if word in numbers else []
        if not wanted and word[:1].isdigit():
            among = set(whole_numbers(word))
            wanted = [name for name, number in numbers.items() if number in among]
            wanted *= among.issubset(numbers.values())
        if not wanted:
            there = ", ".join(f"{number} {name}" for name, number in numbers.items())
            raise ValueError(f"there is no claim {word!r}; there are {there}")
        found += [name for name in wanted if name not in found]
    return found


def whole_numbers(text: str) -> list[int]:
    """Numbers and ranges with commas between them.

    >>> whole_numbers("1-3,7")
    [1, 2, 3, 7]
    """
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        if not re.fullmatch("[0-9]+(-[0-9]+)?", part):
            raise ValueError(f"write numbers such as 1-6 or 9,10; got {text!r}")
        if int(last or first) < int(first):
            raise ValueError(f"a range goes from the smaller number to the larger; got {text!r}")
        found += range(int(first), int(last or first) + 1)
    return found


def ledger_of(arguments: argparse.Namespace) -> Path:
    """The folder of the ledger; ValueError for one that should be read and is not there."""
    from sslcourse.claims.rows import LEDGER

    folder = arguments.ledger or LEDGER
    if arguments.action != "run" and not folder.is_dir():
        raise ValueError(f"--ledger {folder}: there is no such folder")
    return folder


def show_list(arguments: argparse.Namespace, claims: list) -> int:
    """Print each claim with its arms and how many pairs are measured; at scale gpu also how long runs may take."""
    from sslcourse.claims.expected import expected_hours
    from sslcourse.claims.pictures import PICTURES
    from sslcourse.claims.rows import latest, read_rows
    from sslcourse.claims.runner import orders
    from sslcourse.claims.verdict import decisive, find_all
    from sslcourse.settings import nearest

    rows = list(latest(read_rows(arguments.scale, ledger_of(arguments))).values())
    for name in arguments.data:
        nearest("set of pictures", name, PICTURES)
    for claim in claims:
        print(f"{claim.number:2d}  {claim.id}: {claim.sentence}")
        print(f"      arms: {', '.join(arm.name for arm in claim.arms)}")
        sets = dict.fromkeys((*claim.data, *(row["data"] for row in rows if claim.id in row["claims"])))
        for data in (name for name in sets if name in arguments.data or not arguments.data):
            finding = decisive(claim, find_all(claim, [data], arguments.scale, rows), data)
            print(f"      {data}: {len(finding.figures or {})} pairs, {finding.word}")
    if arguments.scale == "gpu":
        done = {row["key"] for row in rows}
        wanted = orders(claims, "gpu", whole_numbers(arguments.seeds), arguments.data)
        open_ones = [order.experiment for order in wanted if order.experiment.key not in done]
        state = f"{len(open_ones)} of {len(wanted)} runs are not made yet."
        if len(open_ones) == len(wanted):
            state = f"Untried: nobody has made these {len(wanted)} runs."
        print(
            f"{state} By the speed of single steps (benchmarks/README.md) they train for about "
            f"{expected_hours(open_ones):,.0f} hours on one H100, and what is measured comes on top."
        )
    return 0


def run(arguments: argparse.Namespace, claims: list) -> int:
    """Make the runs that are missing."""
    from sslcourse.claims.measures import missing
    from sslcourse.claims.runner import orders, run_orders

    seeds = whole_numbers(arguments.seeds)
    wanted = orders(claims, arguments.scale, seeds, arguments.data, arguments.device)
    if not wanted:
        sets = sorted({name for claim in claims for name in claim.data})
        raise ValueError(f"no claim chosen is measured on {', '.join(arguments.data)}; they are on {', '.join(sets)}")
    lacks = [missing(order.data, order.measures) for order in wanted]
    if away := [pictures for pictures in lacks if pictures]:
        print(f"{len(away)} runs are left out, because these pictures are not here: {'; '.join(sorted(set(away)))}.")
    wanted = [order for order, pictures in zip(wanted, lacks, strict=True) if not pictures]
    options = {"workers": arguments.workers, "minutes": arguments.minutes, "cluster": arguments.cluster}
    failed = run_orders(wanted, arguments.runs, ledger_of(arguments), **options)
    for line in failed:
        print(f"Failed: {line}", file=sys.stderr)
    if math.isfinite(arguments.minutes):
        print(f"No run was started after {arguments.minutes:g} minutes; the same command goes on with what is left.")
    return 1 if failed else 0


def report(arguments: argparse.Namespace, claims: list) -> int:
    """Write the page, and the table into the README."""
    from sslcourse.claims.report import write_page
    from sslcourse.claims.rows import read_rows
    from sslcourse.claims.table import write_table

    if arguments.readme and arguments.claims:
        raise ValueError("--readme writes the table of all claims: leave out the claims' names")
    rows = read_rows(arguments.scale, ledger_of(arguments))
    write_page(arguments.out, claims, arguments.scale, rows)
    if arguments.readme:
        write_table(arguments.readme, claims, arguments.scale, rows)
    print(f"Open {arguments.out.resolve()}")
    return 0


def verify(arguments: argparse.Namespace, claims: list) -> int:
    """Repeat runs of the ledger and print every figure that differs."""
    from sslcourse.claims.verify import verify

    repeated = verify(
        claims, arguments.scale, ledger_of(arguments), draw=arguments.draw, count=arguments.rows,
        workers=arguments.workers, device=arguments.device,
    )  # fmt: skip
    for each in repeated:
        print(each)
    return 0 if repeated and all(each.agrees for each in repeated) else 1
