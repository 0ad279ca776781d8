"""environment.yml (conda) and pyproject.toml (pip) name the same packages with the same lower bounds."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONDA_NAMES = {"torch": "pytorch"}


def conda_packages() -> set[str]:
    lines = (ROOT / "environment.yml").read_text().splitlines()
    return {match[1].strip() for line in lines if (match := re.match(r"  - ([^:#]+)$", line))}


def pip_packages(extras: tuple[str, ...]) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = list(project["dependencies"])
    for extra in extras:
        wanted += [entry for entry in project["optional-dependencies"][extra] if not entry.startswith("sslcourse")]
    return set(wanted)


def in_conda_words(requirement: str) -> str:
    name = re.match(r"[A-Za-z0-9_-]+", requirement)[0]
    return CONDA_NAMES.get(name, name) + requirement[len(name) :]


def test_conda_installs_what_pip_installs():
    wanted = {in_conda_words(requirement) for requirement in pip_packages(("lab", "grade"))}
    missing = wanted - conda_packages()
    assert not missing, f"environment.yml lacks {sorted(missing)}"


def test_conda_names_nothing_that_pip_does_not_know():
    known = {in_conda_words(requirement) for requirement in pip_packages(("lab", "grade", "dev"))}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    known |= {"python" + project["requires-python"], "pip", "conda-forge"}
    assert conda_packages() <= known, f"pyproject.toml lacks {sorted(conda_packages() - known)}"


def test_torch_is_never_pinned():
    for requirement in pip_packages(("lab", "grade", "dev")):
        assert not re.search(r"==|<|~=", requirement), f"{requirement}: lower bounds only"
