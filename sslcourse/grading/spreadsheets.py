"""Tables as CSV, to and from spreadsheets.

What is written is UTF-8, with the mark by which Excel knows it, and no cell is a formula; what is read may be as any of
them writes it.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

MARK = "\ufeff"  # the first character of a file that Excel is to read as UTF-8
# A spreadsheet would run a cell that begins like a formula, and students choose their file names. In half of the world
# it takes a semicolon for the end of a cell.
_BEGINS = r"'*\s*[=+\-@\t\uff1d\uff0b\uff0d\uff20]"
_FORMULA = re.compile(rf"(?:^|(?<=;))(?={_BEGINS})")
_HARMLESS = re.compile(rf"(?:^|(?<=;))'(?={_BEGINS})")


def as_csv(rows: Iterable[Sequence[object]], keeps_lines: bool = False) -> str:
    """Rows as CSV, every cell harmless and, unless `keeps_lines`, on one line.

    >>> as_csv([["=1+1", 0.5, "a,b"]])
    '\\'=1+1,0.5,"a,b"\\n'
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_cell(each, keeps_lines) for each in row] for row in rows)
    return text.getvalue()


def _cell(value: object, keeps_lines: bool) -> str:
    text = _FORMULA.sub("'", f"{value:g}" if isinstance(value, float) else str(value))
    return text if keeps_lines else text.replace("\r", " ").replace("\n", " ")


def plain(cell: str) -> str:
    """The cell as it was before it was made harmless.

    >>> plain("'=1+1"), plain("it's -1")
    ('=1+1', "it's -1")
    """
    return _HARMLESS.sub("", cell)


def read_rows(path: Path) -> list[tuple[int, list[str]]]:
    """The rows of a table that are not empty, each with the number of its line; cells are split by comma, semicolon or
    tab, whichever the first row has most of.

    Raises ValueError where it cannot be read, is in another encoding than UTF-8 and UTF-16, or is no table.
    """
    try:
        content = path.read_bytes()
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ValueError(
            f"{path} is not in UTF-8, so it cannot be read with certainty. In Excel, save it as 'CSV UTF-8'; in"
            " LibreOffice, choose the character set Unicode (UTF-8)"
        ) from None
    if text[:4].lower() == "sep=":  # Excel's own first line
        text = text.partition("\n")[2]
    head = next((line for line in text.splitlines() if line.strip()), "")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count))
    try:
        return [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise ValueError(f"{path} is not a table: {error}") from None
