"""The documents point to files that are there, and the route through the package is an afternoon long."""

import re
from pathlib import Path

from every_lab import SOURCES

from sslcourse.authoring.source import read_source
from sslcourse.exercises import LABS

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "docs/reading.md", "benchmarks/README.md")


def links(page: Path) -> list[Path]:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    return [(page.parent / target).resolve() for target in targets if "://" not in target]


def test_every_link_of_a_document_leads_to_a_file():
    missing = [f"{name}: {target}" for name in PAGES for target in links(ROOT / name) if not target.exists()]
    assert not missing, "\n".join(missing)


def test_the_route_is_about_4500_lines_and_names_every_file_once():
    files = [path for path in links(ROOT / "docs/reading.md") if path.suffix == ".py"]
    assert len(files) == len(set(files))
    assert 4000 < sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files) < 5000


def test_the_table_of_labs_says_what_the_labs_say():
    """Question, points, waiting, and every written question with the stage in which it is asked."""
    rows = re.findall(r"^\| \d \[.*\|$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) == len(LABS) == 8
    for row, (name, lab) in zip(rows, LABS.items(), strict=True):
        title, question, points, waiting, written = (cell.strip() for cell in row.strip("|").split("|"))
        file = SOURCES[name]
        assert title == f"{lab.number} [{lab.title}](labs/{file.stem}.ipynb)"
        by_hand = sum(each.points for each in lab.written.values())
        assert points == f"{lab.points:g}" + (f" + {by_hand:g}" if by_hand else "")
        text = " ".join(line.removeprefix("# ") for line in file.read_text(encoding="utf-8").splitlines())
        assert f"**{question}**" in text
        smoke, cpu = re.search(r"\| waiting \| ([^|(]*?) (?:\(.*?\) )?\| ([^|(]*?) (?:\(.*?\) )?\|", text).groups()
        assert waiting == f"{smoke}, {cpu}"
        assert re.findall(r"\?\s\((\d)\)", written) == stages_of_answers(file)


def stages_of_answers(file: Path) -> list[str]:
    """The number of the stage in which each written question of a lab is asked."""
    stage, found = "", []
    for cell in read_source(file).cells:
        if heading := re.search(r"^## (\d+)\.", cell.text, re.MULTILINE):
            stage = heading[1]
        if cell.kind == "answer":
            found.append(stage)
    return found
