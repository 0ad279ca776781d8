"""The documents point to files that are there, and the route through the package is an afternoon long."""

import re
from pathlib import Path

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
