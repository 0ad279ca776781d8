"""Read a submitted file, whatever it is, into cells; say what had to be repaired, or why it cannot be read.

Nothing here runs student code, and nothing here knows what is asked for.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MAX_FILE = 64 * 2**20
MAX_CELLS = 3_000
MAX_SOURCE = 200_000  # characters of one cell
MAX_OUTPUTS, MAX_PRINTED = 50, 5_000  # of a cell, and characters of one
MAX_TOTAL = 2_000_000  # and of all cells together: a syntax tree takes a hundred times the room of its source

# Colab keeps a pasted picture in the text itself.
_PASTED_PICTURE = re.compile(r"data:image/[a-z+.-]{1,20};base64,([A-Za-z0-9+/=]*)")
# Also what a browser or a mail program makes of it: lab.ipynb.txt, lab.ipynb (1).
NOTEBOOK_ENDING = re.compile(r"\.ipynb([ .]?(txt|json|download|\(\d{1,3}\)))*$", re.IGNORECASE)


class Unreadable(ValueError):
    """The file cannot be graded at all; the message tells the student why and what to do."""


@dataclass(frozen=True)
class Cell:
    """One cell as submitted.

    `kind` is code, markdown or raw; `grade_id` is nbgrader's, or "" where there is none; `pictures` are those attached
    to it or pasted into its text, as base64; `printed` is what its outputs say in plain text.
    """

    number: int
    kind: str
    source: str
    grade_id: str = ""
    id: str = ""
    tags: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    printed: tuple[str, ...] = ()


def grade_id(identifier: str) -> str:
    """The mark that the cell of a task or question carries in nbgrader's metadata."""
    return identifier.replace(".", "-")


def text_id(lab: str, kind: str, source: str) -> str:
    """The id of a cell that a lab hands out and that has no other name: it tells whether somebody changed the text."""
    return hashlib.sha256(f"{lab}\n{kind}\n{source}".encode()).hexdigest()[:12]


def read_cells(content: bytes) -> tuple[list[Cell], list[str]]:
    """The cells of a notebook of any version, and what was repaired.

    Raises Unreadable, and nothing else but MemoryError.
    """
    repairs: list[str] = []
    try:
        notebook = json.loads(_decoded(content, repairs))
    except (ValueError, RecursionError) as error:
        if isinstance(error, Unreadable):
            raise
        place = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise Unreadable(
            f"The file is not valid JSON{place}, so it cannot be read as a notebook. Open it in Jupyter, save it again "
            "(or download it again from Colab as .ipynb) and hand that in."
        ) from None
    if not isinstance(notebook, dict):
        raise Unreadable("The file is JSON but not a notebook. Hand in the .ipynb file of the lab.")
    found = notebook.get("cells")
    if not isinstance(found, list) and isinstance(notebook.get("worksheets"), list):
        sheets = [sheet.get("cells") for sheet in notebook["worksheets"] if isinstance(sheet, dict)]
        found = [cell for cells in sheets if isinstance(cells, list) for cell in cells]
        repairs.append("The notebook is in the old format 3; it was read all the same.")
    if not isinstance(found, list):
        raise Unreadable("The file has no cells, so it is not a notebook. Hand in the .ipynb file of the lab.")
    kept, total = [], 0
    for number, raw in enumerate(found[:MAX_CELLS], start=1):
        cell = _cell(number, raw)
        total += 0 if cell is None else len(cell.source)
        if cell is not None and total <= MAX_TOTAL:
            kept.append(cell)
    if len(kept) < len(found):
        repairs.append(f"{len(found) - len(kept)} damaged or surplus cells were left out.")
    return kept, repairs


def too_large() -> str:
    """What to say of a file over the limit."""
    return (
        f"The file is larger than {MAX_FILE >> 20} MiB. Clear the outputs (in Jupyter: Edit, Clear Outputs of All"
        " Cells), save it and hand it in again."
    )


def _decoded(content: bytes, repairs: list[str]) -> str:
    if not content.strip():
        raise Unreadable("The file is empty. Save the notebook in Jupyter or Colab and hand it in again.")
    encoding = json.detect_encoding(content)  # by its first bytes: one of the Unicode encodings
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        pass
    if not content.lstrip().startswith((b"{", b"\xef\xbb\xbf{")) or b"\0" in content:
        raise Unreadable(
            "The file is not text, so it is not a notebook. Hand in the .ipynb file itself, not an archive or a PDF."
        )
    text = content.decode("utf-8-sig", "replace")
    damaged = text.count("\N{REPLACEMENT CHARACTER}")
    if sum(1 for character in text if character > "\x7f") - damaged > damaged:
        repairs.append(f"{damaged} characters of the file were damaged; they are shown as \N{REPLACEMENT CHARACTER}.")
        return text
    repairs.append(
        "The file is not in UTF-8, as notebooks are; it was read as Latin-1, so letters with accents and other"
        " alphabets may look wrong. Save it again in Jupyter."
    )
    try:
        return content.decode("cp1252")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _cell(number: int, raw: Any) -> Cell | None:
    if not isinstance(raw, dict):
        return None
    kind = raw.get("cell_type")
    source = raw.get("source", raw.get("input", ""))
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    if kind not in ("code", "markdown", "raw", "heading") or not isinstance(source, str):
        return None
    pictures = _attached(raw.get("attachments"))
    if kind != "code" and "data:image/" in source:
        pictures += _PASTED_PICTURE.findall(source)
        source = _PASTED_PICTURE.sub("picture", source)
    if len(source) > MAX_SOURCE:
        return None
    metadata = raw.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    marks, tags = metadata.get("nbgrader"), metadata.get("tags")
    mark = marks.get("grade_id") if isinstance(marks, dict) else None
    ids = (raw.get("id"), metadata.get("id"))  # Colab moves the cell's id into its metadata
    # Lone surrogates and NULs are valid in JSON and in nothing that comes after.
    source = source.encode("utf-8", "replace").decode().replace("\0", "")
    return Cell(
        number,
        "markdown" if kind == "heading" else kind,
        source.replace("\r\n", "\n").replace("\r", "\n"),
        mark if isinstance(mark, str) else "",
        next((each for each in ids if isinstance(each, str)), ""),
        tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
        tuple(pictures),
        tuple(_printed(raw.get("outputs"))),
    )


def _printed(outputs: Any) -> Iterator[str]:
    """The plain text of a cell's first outputs, each as far as it is of a size to be read."""
    for output in outputs[:MAX_OUTPUTS] if isinstance(outputs, list) else ():
        data = output.get("data") if isinstance(output, dict) else None
        text = data.get("text/plain") if isinstance(data, dict) else None
        if isinstance(text, list):
            text = "".join(line for line in text if isinstance(line, str))
        if isinstance(text, str):
            yield text[:MAX_PRINTED].encode("utf-8", "replace").decode()


def _attached(attachments: Any) -> list[str]:
    """The pictures attached to a cell, each in the first of its formats, as base64."""
    bundles = attachments.values() if isinstance(attachments, dict) else ()
    formats = [value for bundle in bundles if isinstance(bundle, dict) for value in list(bundle.values())[:1]]
    return ["".join(part for part in each if isinstance(part, str)) for each in formats if isinstance(each, str | list)]
