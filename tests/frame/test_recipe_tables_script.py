"""benchmarks/recipe_tables.py: the figures in its README are those of the record, run by run."""

import dataclasses
import json

import pytest
from benchmark_scripts import BENCHMARKS, load_script


@pytest.fixture
def script(monkeypatch):
    return load_script("recipe_tables", monkeypatch)


def test_the_readme_shows_what_the_record_holds(script):
    table = script.table(script.runs_of_recipes(script.read_record(BENCHMARKS / "recipes.jsonl")))
    page = script.PAGE.read_text(encoding="utf-8")
    assert script.filled(page, table) == page, f"`python benchmarks/recipe_tables.py` would change {script.PAGE}"


def test_every_recipe_has_three_seeds_in_the_record(script):
    runs = script.runs_of_recipes(script.read_record(BENCHMARKS / "recipes.jsonl"))
    assert {name: [row["seed"] for row in rows][:3] for name, rows in runs.items()} == dict.fromkeys(
        script.SHOWN, [0, 1, 2]
    )


def test_a_gap_is_the_part_of_the_way_to_simclrs_mean(script):
    def row(knn, seed):
        return {"knn": knn, "knn_untrained": 0.2, "steps": 7, "seed": seed, "attention_recall": None}

    runs = {"simclr": [row(0.9, 0), row(0.7, 1)], "dino": [row(0.5, 0), row(0.2, 1)], "ibot": []}
    simclr, dino, ibot = script.table(runs).splitlines()[2:]
    assert simclr == "| SimCLR | 7 | .900, .700 | .200, .200 |  |  |  |  |"
    assert dino == "| DINO | 7 | .500, .200 | .200, .200 | 50%, 0% |  |  |  |"
    assert ibot == "| iBOT |  |  |  |  |  |  |  |"


def test_runs_of_other_settings_and_superseded_ones_are_not_shown(script):
    recipe = script.shown_recipe("dino", 1, {"momentum": "0.5"})
    row = {"recipe": json.loads(json.dumps(dataclasses.asdict(recipe))), "knn": 0.5}
    shown = script.runs_of_recipes([row, row | {"superseded": "for the test"}])
    assert not any(shown.values())


def test_a_line_that_is_older_than_a_setting_had_its_default(script):
    recipe = script.shown_recipe("byol", 1)
    tree = json.loads(json.dumps(dataclasses.asdict(recipe)))
    assert script.was_made_by({"recipe": tree}, recipe)
    del tree["method"]["negatives"]  # its default is the recipe's
    assert script.was_made_by({"recipe": tree}, recipe)
    del tree["method"]["momentum"]  # the recipe's is another
    assert not script.was_made_by({"recipe": tree}, recipe)


@pytest.mark.parametrize(
    "page", ["nothing", "<!-- end of recipes --> <!-- recipes -->", "<!-- recipes --><!-- end of recipes -->" * 2]
)
def test_a_page_without_its_marks_is_refused(script, page):
    with pytest.raises(ValueError, match="one <!-- recipes --> before one"):
        script.filled(page, "table")
