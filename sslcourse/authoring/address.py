"""The one place that knows where the course's repository lives: `address.json`, set by `sslcourse build --repo`."""

from __future__ import annotations

import json
import os
import re
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

ADDRESS_FILE = Path(__file__).with_name("address.json")
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


def write_address(address: Address, file: Path = ADDRESS_FILE) -> None:
    """Keep `address` as the one that every later build uses."""
    write_text(file, json.dumps(asdict(address), indent=2) + "\n")


def write_text(file: Path, text: str) -> None:
    """Write `text` whole or not at all: to a temporary name beside `file`, then renamed."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        os.chmod(name, 0o644)
        os.replace(name, file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
