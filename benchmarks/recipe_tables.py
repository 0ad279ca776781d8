"""The figures of the recipes as a table of Markdown, written between its marks in benchmarks/README.md.

    python benchmarks/recipe_tables.py

They come from the record of `recipes.py`: the runs of each recipe as it stands, every seed that there is.
"""

from __future__ import annotations

import statistics

from recipes import HERE, SHOWN, read_record, shown_recipe, was_made_by

from sslcourse.files import write_atomically
from sslcourse.pages import between_marks

PAGE = HERE / "README.md"
MARKS = ("<!-- recipes -->", "<!-- end of recipes -->")
NAMES = {
    "simclr": "SimCLR",
    "byol": "BYOL",
    "dino": "DINO",
    "ibot": "iBOT",
    "logo": "LoGo",
    "reconstruction": "pixels alone",
}
COLUMNS = (
    *("method", "steps", "kNN, by seed", "untrained", "gap"),
    *("linear probe", "untrained", "attention on the object (blindly .50)"),
)
WITHOUT_GAP = ("simclr", "reconstruction")  # it is the other end; it is judged by the linear probe


def runs_of_recipes(record: list[dict], seeds: range = range(10)) -> dict[str, list[dict]]:
    """The recorded runs of every recipe as it stands, by seed."""
    runs = {}
    for name in SHOWN:
        recipes = [shown_recipe(name, seed) for seed in seeds]
        runs[name] = [row for recipe in recipes for row in record if was_made_by(row, recipe)]
    return runs


def table(runs: dict[str, list[dict]]) -> str:
    """One row a recipe. *Gap* is how much of the way from the untrained encoder to SimCLR's mean a run went."""
    simclr = statistics.mean(row["knn"] for row in runs["simclr"])
    lines = [row_of(COLUMNS), row_of(["---"] * len(COLUMNS))]
    for name, rows in runs.items():
        gaps = [(row["knn"] - row["knn_untrained"]) / (simclr - row["knn_untrained"]) for row in rows]
        lines.append(
            row_of(
                [
                    NAMES.get(name, name),
                    str(rows[0]["steps"]) if rows else "",
                    figures(rows, "knn"),
                    figures(rows, "knn_untrained"),
                    "" if name in WITHOUT_GAP else ", ".join(f"{gap:.0%}" for gap in gaps),
                    figures(rows, "linear_probe"),
                    figures(rows, "linear_probe_untrained"),
                    figures(rows, "attention_recall", digits=2),
                ]
            )
        )
    return "\n".join(lines)


def row_of(cells: list[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |"


def figures(rows: list[dict], name: str, digits: int = 3) -> str:
    """One figure of every run, as .921; runs older than the figure are left out."""
    return ", ".join(f"{row[name]:.{digits}f}".removeprefix("0") for row in rows if row.get(name) is not None)


def filled(page: str, table: str) -> str:
    """The page with the table between the marks; ValueError where they are not there once."""
    return between_marks(page, *MARKS, table)


def main() -> None:
    text = table(runs_of_recipes(read_record(HERE / "recipes.jsonl")))
    write_atomically(PAGE, filled(PAGE.read_text(encoding="utf-8"), text))
    print(text)


if __name__ == "__main__":
    main()
