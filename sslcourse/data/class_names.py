"""The classes of a val or test part beside those of train: looked up in a text, matched by their spelling."""

import re
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from sslcourse.data.filetree import printable

Labelled = tuple[str, str]  # class ("" where there is none) and whole name


def look_up(
    files: list[Labelled], classes: set[str], texts: Sequence[str], read_text: Callable[[str], str]
) -> list[Labelled]:
    """The files, those of no known class labelled from the lines `image<tab>class` of a text beside or above them."""
    unknown = [PurePosixPath(name) for label, name in files if label not in classes]
    if not unknown:
        return files
    missing = {key: str(path) for path in unknown for key in (path.stem, path.name)}
    labels = {}
    for text in texts:
        above = PurePosixPath(text).parent
        for line in read_text(text).splitlines():
            separator = next((mark for mark in "\t,;" if mark in line), " ")
            image, label = [*(cell.strip() for cell in line.split(separator)), ""][:2]
            label = next((known for known in (printable(label), label.split(" ")[0]) if known in classes), None)
            name = missing.get(image)
            if name and label and above in PurePosixPath(name).parents:
                labels[name] = label
    if not labels:
        return files
    return [(label if label in classes else labels.get(name, ""), name) for label, name in files]


def match_classes(split: str, files: list[Labelled], classes: set[str]) -> tuple[list[Labelled], list[str]]:
    """The files with the classes of train, matched by spelling where need be, and what was done.

    Raises ValueError where several classes are found and none of them is among those of train.
    """
    found = {label for label, _ in files if label}
    unknown = sorted(found - classes)
    by_key: dict[str, list[str]] = {}
    for label in classes:
        by_key.setdefault(_key(label), []).append(label)
    same = {label: by_key[_key(label)][0] for label in unknown if len(by_key.get(_key(label), [])) == 1}
    unknown = [label for label in unknown if label not in same]
    notes = []
    if same:
        listed = some([f"{label!r} for {known!r}" for label, known in same.items()])
        notes.append(f"{split} spells classes otherwise than train; taken as the same: {listed}")
    if unknown and len(unknown) == len(found):
        if len(found) > 1:
            raise ValueError(
                f"{split} has the class folders {some(unknown)} and train {some(sorted(classes))}: none in common. "
                "Give both the same names, or remove one of the two"
            )
        return [("", name) for _, name in files], notes  # test/unknown/image: one folder of images without labels
    if unknown:
        notes.append(f"{split} has classes that train does not have: {some(unknown)}")
    return [(same.get(label, label), name) for label, name in files], notes


def about_spelling(classes: set[str]) -> list[str]:
    """A note on classes whose names differ only in case, spaces or punctuation."""
    groups: dict[str, list[str]] = {}
    for label in sorted(classes):
        groups.setdefault(_key(label), []).append(label)
    alike = [" and ".join(map(repr, group)) for group in groups.values() if len(group) > 1]
    return [f"classes that differ only in spelling are kept apart: {some(alike)}"] if alike else []


def some(names: list[str], most: int = 3) -> str:
    """The first `most` of some names, and how many more there are."""
    listed = ", ".join(map(printable, names[:most]))
    return listed + (f" and {len(names) - most} more" if len(names) > most else "")


def _key(label: str) -> str:
    return re.sub(r"[\W_]+", "", label.casefold()) or label
