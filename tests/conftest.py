"""Puts this folder on the path, for `harness`, which tests of several folders share."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
