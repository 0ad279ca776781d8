"""The first lines of every lab's setup cell: they find the package `sslcourse`, or install it on Colab."""

from sslcourse.authoring.address import Address

# Kept short, since every student reads it. A clone beside the notebook, as the folder "sslcourse", imports as an
# empty namespace: so `sslcourse.notebook` is asked for, and that namespace forgotten before the import is tried again.
_PROBE = """\
# @title Run this cell first
# It finds the course's package `sslcourse`, or installs it on Colab; torch stays as it is.
import os
import sys

if os.path.exists("../sslcourse/__init__.py"):
    sys.path.insert(0, os.path.abspath(".."))  # a checkout: labs/ lies beside sslcourse/
try:
    import sslcourse.notebook
except ModuleNotFoundError:
"""

# importlib.metadata reads versions from disk: it sees what pip has just done.
_INSTALL = """\
    import importlib.metadata
    import subprocess

    before = importlib.metadata.version("torch")
    address = "{address}"
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", address], check=True)
    sys.modules.pop("sslcourse", None)
    importlib.invalidate_caches()
    after = importlib.metadata.version("torch")
    print("sslcourse is installed; torch", f"{{after}} as before" if after == before else f"is now {{after}}: restart!")
"""

# No address has been set: installing whatever lies at a made-up one would be worse than a sentence.
_NO_ADDRESS = """\
    print("The package sslcourse is not installed: open this notebook in a checkout of the course, or install it.")
    raise  # (instructors: `sslcourse build --repo OWNER/NAME` lets Colab install it)
"""


def setup_text(address: Address, imports: str) -> str:
    """The whole setup cell: the probe, then the lab's own `imports`.

    >>> setup_text(Address("ada/sslcourse"), "import torch").splitlines()[-1]
    'import torch'
    """
    install = _INSTALL.format(address=address.install) if address.is_set else _NO_ADDRESS
    return f"{_PROBE}{install}\n{imports}"
