"""The first lines of every lab's setup cell: they find the package `sslcourse`, or install it on Colab."""

from __future__ import annotations

from sslcourse.authoring.address import Address

# Kept short, since every student reads it. A clone called "sslcourse" beside the notebook looks like a package without
# an origin, so the origin is asked for. importlib.metadata reads versions from disk: it sees what pip has just done.
_PROBE = """\
# Setup: run this cell first. It finds the course's package `sslcourse`, or installs it, and leaves torch as it is.
import importlib.metadata
import importlib.util
import os
import subprocess
import sys


def _have_course():
    return getattr(importlib.util.find_spec("sslcourse"), "origin", None) is not None


if not _have_course() and os.path.exists("../sslcourse/__init__.py"):
    sys.path.insert(0, os.path.abspath(".."))  # a checkout: labs/ lies beside sslcourse/
if not _have_course():  # Colab, or a notebook that was downloaded alone
{install}
"""

_INSTALL = """\
    torch_before = importlib.metadata.version("torch")
    address = "{address}"
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", address], check=True)
    importlib.invalidate_caches()
    torch_after = importlib.metadata.version("torch")
    same = torch_before == torch_after
    print(f"sslcourse installed; torch {{torch_before}}", "unchanged" if same else f"became {{torch_after}}: restart!")\
"""

# No address has been set: installing whatever lies at a made-up one would be worse than a sentence.
_NO_ADDRESS = """\
    raise ImportError("The package sslcourse is not installed. Open this notebook inside a checkout of the course, or "
                      "install it first. (Instructors: `sslcourse build --repo OWNER/NAME` lets Colab install it.)")\
"""


def setup_text(address: Address, imports: str) -> str:
    """The whole setup cell: the probe, then the lab's own `imports`."""
    install = _INSTALL.format(address=address.install) if address.is_set else _NO_ADDRESS
    return _PROBE.replace("{install}", install) + "\n" + imports
