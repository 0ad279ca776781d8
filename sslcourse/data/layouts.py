"""From the names in a tree of images to classes and splits, in the layouts in which public data sets come."""

import re
from collections.abc import Callable, Collection, Sequence
from pathlib import PurePosixPath

from sslcourse.data.class_names import Labelled, about_spelling, look_up, match_classes, some
from sslcourse.data.filetree import printable

Placed = tuple[tuple[str, ...], str]  # the folders that still say something about an image, and its whole name

SPLIT_WORDS = {
    "train": ("train", "training", "trainset", "trainval", "trn"),
    "val": ("val", "valid", "validation", "valset", "dev", "eval", "evaluation"),
    "test": ("test", "testing", "testset", "tst"),
}
SPLIT_OF = {word: split for split, words in SPLIT_WORDS.items() for word in words}
FILLER_WORDS = {"set", "data", "dataset", "image", "images", "img", "imgs", "split", "folder", "files", "photos"}
IMAGE_FOLDERS = {"image", "images", "img", "imgs", "jpegimages"}  # letters of a folder's name that is no class
BESIDE_IMAGES = re.compile(r"(masks?|annotations?|labels?|segment.*|trimaps?|ground.?truth|gt)", re.IGNORECASE)


def find_layout(
    names: Sequence[str], texts: Sequence[str], read_text: Callable[[str], str]
) -> tuple[list[tuple[str | None, str, str]], list[str]]:
    """(split or None, class, name) of each image that is used, and a sentence about everything odd that was found.

    The layouts are `class/image` and `image`, either with `train`, `val` and `test` folders (or what they are often
    called) around them or, for classes, inside them. Folders around everything are looked through, and a folder called
    `images` is no class. Where there is only one folder of images, or none, the images have no labels and their class
    is "". Labels of a val or test part without class folders are looked up in the `texts` beside it (lines of name and
    class). Raises ValueError where splits and classes cannot be told apart.

    >>> find_layout(["train/cat/1.jpg", "train/dog/2.jpg", "val/cat/3.jpg"], [], str)[0][2]
    ('val', 'cat', 'val/cat/3.jpg')
    """
    placed = unwrap([(PurePosixPath(name).parts[:-1], name) for name in names], keep_splits=True)
    stray: list[str] = []
    placed = without_companions(placed, stray, keep_splits=True)
    by_split = split_folders(placed, stray)
    parts: dict[str | None, list[Labelled]] = {}
    classes: set[str] = set()  # those of train, or of everything where there is no train
    for split in sorted(by_split, key=lambda split: split not in (None, "train")):
        parts[split] = class_folders(unwrap(by_split[split], keep=classes), stray)
        if split in (None, "train"):
            classes = {label for label, _ in parts[split] if label}
    every = {label for files in parts.values() for label, _ in files if label}
    if not {None, "train"} & parts.keys():
        classes = every
    if len(classes) < 2:
        notes = (
            ["the train images lie in fewer than two class folders, so no labels are used"] if len(every) > 1 else []
        )
        files = [(split, "", name) for split, files in parts.items() for _, name in files]
        return files, notes + _about_stray(stray)
    refuse_splits_as_classes(classes)
    notes = about_spelling(classes) + _about_same_folders(placed if None in parts else [])
    files = []
    for split, found in parts.items():
        if split in (None, "train"):
            stray += [name for label, name in found if not label]
        else:
            found, said = match_classes(split, look_up(found, classes, texts, read_text), classes)
            notes += said + _about_unlabelled(split, found)
        files += [(split, label, name) for label, name in found if label]
    return files, notes + _about_stray(stray)


def split_of(folder: str) -> tuple[str, str] | None:
    """The split that a folder's name speaks of, and what else it says.

    >>> split_of("training_set"), split_of("seg_test"), split_of("Val2017"), split_of("terrain")
    (('train', ''), ('test', 'seg'), ('val', ''), None)
    """
    words = re.findall(r"[^\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", folder).lower())
    if "".join(words) in SPLIT_OF:
        return SPLIT_OF["".join(words)], ""
    splits = [SPLIT_OF[word] for word in words if word in SPLIT_OF]
    if len(splits) != 1:
        return None
    return splits[0], " ".join(word for word in words if word not in SPLIT_OF and word not in FILLER_WORDS)


def unwrap(images: list[Placed], keep_splits: bool = False, keep: Collection[str] = ()) -> list[Placed]:
    """The images without the folders that lie around all of them (as in a zip of one folder), down to the only class.

    Folders whose names are in `keep` stay, and so does an image beside a folder that goes.
    """
    while any(len(folders) >= 2 for folders, _ in images):
        shared = {folders[0] for folders, _ in images if folders}
        if len(shared) > 1 or any(len(folders) == 1 for folders, _ in images) or printable(min(shared)) in keep:
            break
        inside = {folders[1] for folders, _ in images if len(folders) > 1}
        if keep_splits and split_of(min(shared)) and not any(map(split_of, inside)):
            break
        images = [(folders[1:], name) for folders, name in images]
    return images


def split_folders(images: list[Placed], stray: list[str]) -> dict[str | None, list[Placed]]:
    """The images of each split, or of None where there are no splits; those in no split are added to `stray`."""
    if all(len(folders) >= 2 and is_split(folders[1]) and not split_of(folders[0]) for folders, _ in images):
        images = [((folders[1], folders[0], *folders[2:]), name) for folders, name in images]  # class/train/image
    inside: dict[str, set] = {}
    for folders, _ in images:
        if folders:
            inside.setdefault(folders[0], set()).update(folders[1:2])
    splits = _recognised(inside)
    if not splits:
        return {None: images}
    parts: dict[str | None, list[Placed]] = {}
    for folders, name in images:
        if folders and folders[0] in splits:
            parts.setdefault(splits[folders[0]], []).append((folders[1:], name))
        else:
            stray.append(name)
    return parts


def is_split(folder: str) -> bool:
    """Whether a folder's name says its split and nothing else."""
    return (split_of(folder) or ("", "other"))[1] == ""


def _recognised(inside: dict[str, set]) -> dict[str, str]:
    """Which of some neighbouring folders are splits, given the folders in each: `train` may be a class of vehicles."""
    found = {folder: split_of(folder) for folder in inside if split_of(folder)}
    kinds: dict[str, dict[str, str]] = {}  # what the names say besides the split -> folders that say it
    for folder, (split, rest) in found.items():
        kinds.setdefault(rest, {})[folder] = split
    several = [folders for folders in kinds.values() if len(set(folders.values())) > 1]
    if len(several) == 1:
        return several[0]
    alone = kinds.get("", {})
    if len(alone) == len(inside) or any(len(inside[folder]) > 1 for folder in alone):
        return alone
    return {}


def class_folders(images: list[Placed], stray: list[str]) -> list[Labelled]:
    """Each image with its class, the outermost folder, or "". What lies beside a folder `images` goes to `stray`."""
    return [(printable(folders[0]) if folders else "", name) for folders, name in without_companions(images, stray)]


def without_companions(images: list[Placed], stray: list[str], keep_splits: bool = False) -> list[Placed]:
    """What lies in a folder called `images`, where there is one; what lies beside it (masks, say) is added to `stray`.

    Where two classes or more lie beside it, it is left out instead.
    """
    folders = {folders[0] for folders, _ in images if folders}
    of_images = {folder for folder in folders if re.sub(r"[\W\d_]", "", folder).lower() in IMAGE_FOLDERS}
    if not of_images:
        return images
    classes = {folder for folder in folders - of_images if not BESIDE_IMAGES.fullmatch(folder)}
    chosen = classes if len(classes) > 1 else of_images
    stray += [name for folders, name in images if not folders or folders[0] not in chosen]
    images = [(folders, name) for folders, name in images if folders and folders[0] in chosen]
    if chosen is classes:
        return images
    return without_companions(
        unwrap([(folders[1:], name) for folders, name in images], keep_splits), stray, keep_splits
    )


def refuse_splits_as_classes(classes: set[str]) -> None:
    """Raise ValueError where every class speaks of a split, and not all of the same."""
    splits = {(split_of(label) or (None,))[0] for label in classes}
    if None not in splits and len(splits) > 1:
        raise ValueError(
            f"the folders {some(sorted(classes))} look like splits, but not which classes they hold: "
            "arrange the images as train/CLASS/image, val/CLASS/image and test/CLASS/image"
        )


def _about_same_folders(placed: list[Placed]) -> list[str]:
    """A note where all class folders hold the same folders: those may be the classes, and these splits or variants."""
    inside: dict[str, set] = {}
    for folders, _ in placed:
        if folders:
            inside.setdefault(folders[0], set()).update(folders[1:2])
    shared = sorted(set.intersection(*inside.values())) if len(inside) > 1 else []
    if len(shared) < 2:
        return []
    return [
        f"{some(sorted(inside))} are taken for the classes, but each holds the folders {some(shared)}: "
        "if those are the classes, give one of the outer folders, or call them train, val and test"
    ]


def _about_unlabelled(split: str, files: list[Labelled]) -> list[str]:
    unlabelled = [name for label, name in files if not label]
    if not unlabelled:
        return []
    instead = f", and {split} is held out of train instead" if len(unlabelled) == len(files) else ""
    return [f"{len(unlabelled)} images of {split} without labels left out{instead}: {some(unlabelled)}"]


def _about_stray(stray: list[str]) -> list[str]:
    return [f"{len(stray)} images outside the class folders left out: {some(sorted(stray))}"] if stray else []
