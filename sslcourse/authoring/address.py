"""The one place that knows where the course's repository lives: `address.json`, set by `sslcourse build --repo`."""

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

import sslcourse
from sslcourse.files import write_atomically

ADDRESS_FILE = Path(__file__).with_name("address.json")
PROJECT_FILE = Path(sslcourse.__file__).parents[1] / "pyproject.toml"
PLACEHOLDER = "OWNER/NAME"


@dataclass(frozen=True)
class Address:
    """A repository on GitHub and the branch or tag that students get.

    >>> Address("ada/sslcourse").badge("labs/01_contrastive.ipynb").split("](")[-1]
    'https://colab.research.google.com/github/ada/sslcourse/blob/main/labs/01_contrastive.ipynb)'
    """

    repository: str
    ref: str = "main"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+", self.repository):
            raise ValueError(f"a repository is written OWNER/NAME, as in ada/sslcourse; got {self.repository!r}")
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]*", self.ref):
            raise ValueError(f"a branch or tag holds letters, digits and ._/- only; got {self.ref!r}")

    @property
    def is_set(self) -> bool:
        """False while nobody has said where the repository is."""
        return self.repository != PLACEHOLDER

    @property
    def urls(self) -> str:
        """The table `[project.urls]` of pyproject.toml."""
        page = f"https://github.com/{self.repository}"
        return (
            f'[project.urls]\nRepository = "{page}"\nIssues = "{page}/issues"\n'
            f'Changelog = "{page}/blob/{self.ref}/CHANGELOG.md"\n'
        )

    @property
    def install(self) -> str:
        """What pip is given on Colab."""
        return f"git+https://github.com/{self.repository}@{self.ref}"

    def badge(self, path: str) -> str:
        """Markdown of the "Open in Colab" badge for the file at `path` in the repository."""
        target = f"https://colab.research.google.com/github/{self.repository}/blob/{self.ref}/{path}"
        return f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({target})"


def read_address(file: Path = ADDRESS_FILE) -> Address:
    """The address that the built notebooks carry."""
    return Address(**json.loads(file.read_text(encoding="utf-8")))


def write_address(address: Address, file: Path = ADDRESS_FILE, project: Path = PROJECT_FILE) -> None:
    """Keep `address` as the one that every later build uses, and in a checkout as the project's URLs."""
    write_atomically(file, json.dumps(asdict(address), indent=2) + "\n")
    if project.exists():
        text = re.sub(r"\[project\.urls\]\n(?:[^\[\n]+\n)*\n?", "", project.read_text(encoding="utf-8"))
        write_atomically(project, text.replace("[project.scripts]", f"{address.urls}\n[project.scripts]", 1))
