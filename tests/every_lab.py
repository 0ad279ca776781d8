"""The labs there are, for the tests that take each of them: sources, and the notebooks that are built from them."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = {file.stem[3:]: file for file in sorted((ROOT / "solutions").glob("[0-9][0-9]_*.py"))}
STEMS = [file.stem for file in SOURCES.values()]
