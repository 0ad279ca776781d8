"""Image folders, from a directory or straight out of a .zip: which images there are, of which class and split."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sslcourse.data.class_names import some
from sslcourse.data.filetree import FileTree, list_tree, printable, readers
from sslcourse.data.layouts import find_layout

IMAGE_SUFFIXES = (
    *(".avif", ".bmp", ".dib", ".gif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg"),
    *(".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp"),
)
TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
EXPECTED_SUFFIXES = (  # beside images nobody wonders about these
    *TEXT_SUFFIXES,
    *(".db", ".doc", ".docx", ".htm", ".html", ".ini", ".ipynb", ".json", ".lnk", ".log", ".mat", ".md", ".md5"),
    *(".pdf", ".pkl", ".py", ".rst", ".sha256", ".toml", ".url", ".xls", ".xlsx", ".xml", ".yaml", ".yml"),
)
EXPECTED_NAMES = {"license", "licence", "readme", "copying", "makefile", "version"}
# How files of images begin that a name does not tell: JPEG, PNG, GIF, BMP, TIFF
SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"BM", b"II*\0", b"MM\0*")


@dataclass(frozen=True)
class Listing:
    """The images of a folder or zip: `files` as (split or None, class, path inside).

    The class is "" throughout where the images have no labels. `notes` are sentences about what is odd or left out.
    """

    path: Path
    files: tuple[tuple[str | None, str, str], ...]
    notes: tuple[str, ...]
    fingerprint: str  # changes when a file is added, removed or written

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(sorted({name for _, name, _ in self.files if name}))

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(sorted({split for split, _, _ in self.files if split}))


def list_images(path: Path) -> Listing:
    """Find the images below `path`, a directory or a .zip, without decoding or extracting any.

    `layouts.find_layout` says which layouts are known. Raises FileNotFoundError when there is nothing there, and
    ValueError, with what was found, when there are no images or classes and splits cannot be told apart.
    """
    tree = list_tree(path)
    images = [name for name in tree.names if name.lower().endswith(IMAGE_SUFFIXES)]
    others = [name for name in tree.names if not name.lower().endswith((*IMAGE_SUFFIXES, *EXPECTED_SUFFIXES))]
    recognised = {name for name, read in readers(path, others, first=16) if _is_image(read)}
    others = [name for name in others if name not in recognised]
    others = [name for name in others if PurePosixPath(name).name.lower() not in EXPECTED_NAMES]
    images += recognised
    if not images:
        raise ValueError(f"{path} holds no images; {_describe(tree)}")
    texts = [name for name in tree.names if name.lower().endswith(TEXT_SUFFIXES)]

    def read_text(name: str) -> str:
        try:
            return next(read() for _, read in readers(path, [name])).decode("utf-8", "replace")
        except Exception:  # noqa: BLE001 - too large or damaged, so no text of labels
            return ""

    try:
        files, notes = find_layout(images, texts, read_text)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if others:
        notes.append(f"{len(others)} files that are not images of a known kind left out ({_kinds(others)})")
    notes += _about_empty(tree, files)
    if tree.unreadable:
        notes.append(f"left out for lack of permission to read them: {some(list(tree.unreadable))}")
    return Listing(path, tuple(sorted(files, key=lambda file: file[2])), tuple(notes), tree.fingerprint)


def _is_image(read) -> bool:
    try:
        start = read()
    except Exception:  # noqa: BLE001 - a damaged entry of a zip; it stays among the other files
        return False
    return start.startswith(SIGNATURES) or start[8:12] == b"WEBP" or start[4:12] in (b"ftypavif", b"ftypavis")


def _about_empty(tree: FileTree, files: list[tuple[str | None, str, str]]) -> list[str]:
    """A note on the empty folders that lie where the class folders lie."""
    beside = {str(parent.parent) for _, label, name in files if label for parent in PurePosixPath(name).parents[:-1]}
    empty = [printable(name) for name in tree.empty if str(PurePosixPath(name).parent) in beside]
    return [f"class folders without an image ({len(empty)}): {', '.join(empty[:3])}"] if empty else []


def _describe(tree: FileTree) -> str:
    """What was found instead of images, in one sentence."""
    if tree.unreadable:
        return f"there is no permission to read {some(list(tree.unreadable))}"
    if not tree.names:
        return "it is empty"
    if any(name.lower().endswith((".zip", ".tar", ".gz", ".tgz", ".rar", ".7z")) for name in tree.names):
        return f"found archives in it ({_kinds(tree.names)}): unpack them first"
    return (
        f"found {len(tree.names)} files and no image among them ({_kinds(tree.names)}); "
        f"images end in {' '.join(IMAGE_SUFFIXES)}"
    )


def _kinds(names) -> str:
    kinds = Counter(PurePosixPath(name).suffix.lower() or "no suffix" for name in names).most_common(4)
    return ", ".join(f"{count} x {printable(suffix)}" for suffix, count in kinds)
