"""Find the answers that a student wrote in words: everything up to the lab's next cell counts."""

import base64
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from sslcourse.grading.cells import Cell, grade_id, text_id

BLANKS = ("", "*write your answer here.*", "write your answer here", "your answer here", "*your answer here*")
LAB_TAGS = {"predict", "experiment", "widget", "question"}  # of cells that the lab hands out
MAX_PICTURES = 4  # of one answer
MAX_PICTURE = 4 * 2**20  # bytes: a photograph of a page
MAX_PIXELS = 50_000_000
_SECTION = re.compile(r"#{1,2} ")


@dataclass(frozen=True)
class Part:
    """A piece of a written answer: `kind` is text, code, picture (a data URI) or note (what cannot be shown)."""

    kind: str
    content: str


def find_written(cells: Sequence[Cell], questions: Mapping[str, str]) -> dict[str, tuple[Part, ...]]:
    """The parts of each answer, none where nothing was written; `questions` holds the text of each question by id.

    An answer begins in the cell with nbgrader's mark, or else below the question.
    """
    return {id: tuple(_answer(cells, id, question)) for id, question in questions.items()}


def is_blank(source: str) -> bool:
    """Whether a cell for a written answer was left as it was handed out."""
    return source.strip().lower() in BLANKS


def _answer(cells: Sequence[Cell], id: str, question: str) -> Iterator[Part]:
    asked = next((at for at, cell in enumerate(cells) if _words(question) in _words(cell.source)), None)
    is_students = _is_students(cells, id.split(".")[0])
    marked = [at for at, cell in enumerate(cells) if cell.grade_id == grade_id(id)]
    answers = [[cells[at], *takewhile(is_students, cells[at + 1 :])] for at in marked]
    if asked is not None and not marked:
        answers = [list(takewhile(is_students, cells[asked + 1 :]))]
    if asked is not None and (rest := cells[asked].source.partition(question)[2].strip()):
        yield Part("text", rest)  # written into the question's own cell
    written = [answer for answer in answers if any(cell.pictures or not is_blank(cell.source) for cell in answer)]
    for cell in written[-1] if written else []:  # of copies of the cell, the last
        if not is_blank(cell.source):
            yield Part("code" if cell.kind == "code" else "text", cell.source)
        yield from map(_picture, cell.pictures[:MAX_PICTURES])
        if len(cell.pictures) > MAX_PICTURES:
            yield Part("note", f"{len(cell.pictures) - MAX_PICTURES} more pictures are not shown.")


def _is_students(cells: Sequence[Cell], lab: str) -> Callable[[Cell], bool]:
    """Tells a cell that the student added from one of the lab's: marked, tagged, or with its text unchanged.

    Where the cells have lost their ids, a heading begins the lab's next section; without marks, code is the lab's, too.
    """

    def is_unchanged(cell: Cell) -> bool:
        return cell.id.split("-")[0] == text_id(lab, cell.kind, cell.source)

    has_ids = any(map(is_unchanged, cells))
    has_marks = any(cell.grade_id for cell in cells)

    def is_students(cell: Cell) -> bool:
        if cell.grade_id or LAB_TAGS.intersection(cell.tags):
            return False
        if has_ids:
            return not is_unchanged(cell)
        return has_marks if cell.kind == "code" else _SECTION.match(cell.source) is None

    return is_students


def _picture(encoded: str) -> Part:
    from PIL import Image

    if len(encoded) > MAX_PICTURE * 4 / 3:
        return Part("note", f"A picture of more than {MAX_PICTURE >> 20} MiB is not shown.")
    try:
        content = base64.b64decode(encoded)
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as picture:
            kind = str(picture.format).lower()
            if picture.width * picture.height > MAX_PIXELS:
                return Part("note", f"A picture of {picture.width} x {picture.height} pixels is too large to be shown.")
            picture.load()  # all of it, so that half a picture is none
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 (a damaged picture fails in many ways)
        return Part("note", "An attachment is not shown, because it is not a whole PNG or JPEG picture.")
    return Part("picture", f"data:image/{kind};base64,{base64.b64encode(content).decode()}")


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))
