"""`load`: folders and zips of every shape, the public sets' formats and failures, the cache."""

import io
import os
import pickle
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sslcourse.data import public
from sslcourse.data.datasets import load
from sslcourse.data.folders import list_images
from sslcourse.data.splits import hold_out, pick

CIFAR = os.environ.get("SSLCOURSE_CIFAR")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SSLCOURSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def picture(value: int, width=12, height=12, kind="PNG") -> bytes:
    """A file of one colour, `value` in every channel."""
    data = io.BytesIO()
    Image.new("RGB", (width, height), (value,) * 3).save(data, kind)
    return data.getvalue()


def tree(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def pets(count=20, splits=("",)) -> dict[str, bytes]:
    """Cats of even, dogs of odd grey levels, each picture with a level of its own."""
    files = {}
    for number, split in enumerate(splits):
        for index in range(count):
            for offset, name in enumerate(("cat", "dog")):
                files[f"{split}{name}/{index:03d}.png"] = picture(80 * number + 2 * index + offset)
    return files


def levels(images) -> list[int]:
    return images.images[:, 0, 0, 0].tolist()


@pytest.mark.parametrize("as_zip", [False, True])
def test_a_tree_and_its_zip_are_the_same_set(tmp_path, as_zip):
    files = pets(splits=("train/", "val/", "test/")) | {"README.txt": b"hello", "train/cat/Thumbs.db": b"x"}
    files |= {"__MACOSX/train/cat/._000.png": b"x", "train/dog/.hidden.png": b"x"}
    where = zipped(tmp_path / "set.zip", files) if as_zip else tree(tmp_path / "set", files)
    before = sorted(path.name for path in tmp_path.iterdir())
    seen = {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for number, split in enumerate(("train", "val", "test")):
            got = seen[split] = load(f"folder:{where}", split)
            assert got.images.shape == (40, 3, 12, 12) and got.classes == ("cat", "dog") and got.name == "set"
            assert sorted(levels(got)) == list(range(80 * number, 80 * number + 40))
            assert [level % 2 for level in levels(got)] == got.labels.tolist()
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "cache") == before  # nothing was extracted
    assert load(str(where)).images.equal(seen["train"].images)  # a path that exists needs no prefix


@pytest.mark.parametrize("layout", ["plain", "wrapped", "synonyms", "nested"])
def test_layouts(tmp_path, layout):
    files = {
        "plain": pets(),
        "wrapped": {f"my-set/{name}": data for name, data in pets(splits=("train/", "test/")).items()},
        "synonyms": pets(splits=("Training/", "validation/")),
        "nested": {name.replace("/", "/deeper/", 1): data for name, data in pets().items()},
    }[layout]
    listing = list_images(tree(tmp_path / "set", files))
    assert listing.classes == ("cat", "dog") and not listing.notes and len(listing.files) == len(files)
    assert listing.splits == {"wrapped": ("test", "train"), "synonyms": ("train", "val")}.get(layout, ())


def test_splits_are_dealt_disjoint_and_fixed(tmp_path):
    where = tree(tmp_path / "set", pets(20))
    parts = {split: load(f"folder:{where}", split) for split in ("train", "val", "test")}
    assert [len(part) for part in parts.values()] == [32, 4, 4]
    assert sorted(level for part in parts.values() for level in levels(part)) == list(range(40))
    assert all(part.labels.bincount().tolist() == [len(part) // 2] * 2 for part in parts.values())
    copy = zipped(tmp_path / "copy.zip", pets(20))  # the names decide, not the place or the time
    assert levels(load(f"folder:{copy}", "val")) == levels(parts["val"])


def test_only_what_is_missing_is_held_out_of_train(tmp_path):
    where = tree(tmp_path / "set", pets(20, splits=("train/", "test/")))
    train, val, test = (load(f"folder:{where}", split) for split in ("train", "val", "test"))
    assert (len(train), len(val), len(test)) == (36, 4, 40)
    assert not set(levels(train)) & set(levels(val)) and min(levels(test)) == 80


def test_no_train_images_is_said(tmp_path):
    where = tree(tmp_path / "set", pets(4, splits=("test/",)))
    assert len(load(f"folder:{where}", "test")) == 8
    with pytest.raises(ValueError, match="test images but no train images"):
        load(f"folder:{where}", "train")


@pytest.mark.parametrize("as_zip", [False, True])
@pytest.mark.parametrize("inside", ["", "all/", "all/photos/", "set/images/"])
def test_images_without_labels_are_dealt_too(tmp_path, inside, as_zip):
    files = {f"{inside}{index:02d}.png": picture(index) for index in range(30)}
    where = zipped(tmp_path / "set.zip", files) if as_zip else tree(tmp_path / "set", files)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parts = {split: load(f"folder:{where}", split) for split in ("train", "val", "test")}
        assert levels(load(f"folder:{where}", "val")) == levels(parts["val"])
        assert len(load(f"folder:{where}", count=5)) == 5
    assert [len(part) for part in parts.values()] == [24, 3, 3]
    assert sorted(level for part in parts.values() for level in levels(part)) == list(range(30))
    for part in parts.values():
        assert not part.labelled and part.classes == () and part.labels.dtype == torch.int64
        assert (part.labels == -1).all()


def test_sizes(tmp_path):
    wide = Image.new("RGB", (60, 20))
    wide.paste((200, 0, 0), (20, 0, 40, 20))  # the centre square is red
    data = io.BytesIO()
    wide.save(data, "PNG")
    where = tree(tmp_path / "set", {"a/wide.png": data.getvalue(), "b/tall.png": picture(7, 10, 30)})
    got = load(f"folder:{where}", size=10)
    assert got.images.shape == (2, 3, 10, 10)
    assert (got.images[0, 0, :, 1:-1] == 200).all()  # the edge columns mix with what was cut away
    with pytest.raises(ValueError, match="not squares of one size.*size=64"):
        load(f"folder:{where}")


def test_a_photograph_lying_on_its_side_is_turned(tmp_path):
    upright = Image.new("RGB", (16, 16))
    upright.paste((255, 255, 255), (0, 0, 16, 8))  # white above
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    data = io.BytesIO()
    upright.transpose(Image.Transpose.ROTATE_90).save(data, "JPEG", exif=exif)
    got = load(f"folder:{tree(tmp_path / 'set', {'a/photo.jpg': data.getvalue()})}")
    assert got.images[0, 0, 2].float().mean() > 240 and got.images[0, 0, 13].float().mean() < 15


def test_count_picks_evenly_and_by_seed(tmp_path):
    where = f"folder:{tree(tmp_path / 'set', pets(20))}"
    some = load(where, count=8, seed=1)
    assert some.labels.tolist() == [0] * 4 + [1] * 4
    assert levels(load(where, count=8, seed=1)) == levels(some) != levels(load(where, count=8, seed=2))
    with pytest.raises(ValueError, match=r"has 32 images; count=33"):
        load(where, count=33)


def test_damaged_images_are_named_each_time_and_left_out(tmp_path):
    files = pets(4) | {"cat/cut.png": picture(9, 64, 64)[:60], "dog/text.jpg": b"no image"}
    where = f"folder:{tree(tmp_path / 'set', files)}"
    for _ in range(2):  # also from the cache
        with pytest.warns(UserWarning, match="damaged") as caught:
            parts = [load(where, split) for split in ("train", "val", "test")]
        assert sum(len(part) for part in parts) == 8
        said = " ".join(str(warning.message) for warning in caught)
        assert "cat/cut.png" in said and "dog/text.jpg" in said and "not an image" in said


def test_a_damaged_entry_of_a_zip_is_named(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    data = io.BytesIO()
    Image.fromarray(noise).save(data, "BMP")
    files = {f"{part}/a/{index}.bmp": data.getvalue() for part in ("train", "val", "test") for index in range(2)}
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        start = archive.getinfo("train/a/1.bmp").header_offset
    broken = bytearray((tmp_path / "set.zip").read_bytes())
    broken[start + 100 : start + 400] = bytes(300)
    (tmp_path / "set.zip").write_bytes(broken)
    with pytest.warns(UserWarning, match="1 damaged images .* train/a/1.bmp"):
        assert len(load(f"folder:{tmp_path / 'set.zip'}")) == 1


def test_nothing_readable_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"none of the 1 images .* can be read: a/bad.png"):
        load(f"folder:{tree(tmp_path / 'set', {'a/bad.png': b'nonsense'})}")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "it is empty"),
        ({"notes.txt": b"", "more/table.csv": b""}, r"found 2 files and no image.*1 x \.txt"),
        ({"train.zip": b"PK", "test.zip": b"PK"}, r"archives in it \(2 x .zip\): unpack them first"),
    ],
)
def test_what_is_no_image_folder_is_described(tmp_path, files, said):
    (tmp_path / "set").mkdir()
    with pytest.raises(ValueError, match=said):
        load(f"folder:{tree(tmp_path / 'set', files)}")
    with pytest.raises(ValueError, match=said):
        load(f"folder:{zipped(tmp_path / 'set.zip', files)}")


def test_a_missing_path_lists_what_is_beside_it(tmp_path):
    tree(tmp_path / "pictures", pets(1))
    with pytest.raises(FileNotFoundError, match="beside it:.*pictures"):
        load(f"folder:{tmp_path / 'picture'}")
    (tmp_path / "half.zip").write_bytes(zipped(tmp_path / "whole.zip", pets(2)).read_bytes()[:200])
    with pytest.raises(ValueError, match="neither a folder nor a readable .zip"):
        load(f"folder:{tmp_path / 'half.zip'}")


def test_folders_that_may_not_be_read_are_named(tmp_path, monkeypatch):
    where = tree(tmp_path / "set", pets(4) | {"locked/000.png": picture(1)})
    real = os.scandir

    def scandir(folder):  # as for a user without the permission; the tests may run as one who has them all
        if str(folder).startswith(str(where / locked)):
            raise PermissionError(13, "Permission denied", str(folder))
        return real(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    locked = "locked"
    with pytest.warns(UserWarning, match="lack of permission to read them: locked"):
        assert load(f"folder:{where}").classes == ("cat", "dog")
    locked = ""
    with pytest.raises(ValueError, match="no permission to read"):
        load(f"folder:{where}")


def test_images_outside_the_classes_are_mentioned(tmp_path):
    where = tree(tmp_path / "set", pets(4) | {"cover.png": picture(1)})
    with pytest.warns(UserWarning, match="outside the class folders left out: cover.png"):
        assert len(load(f"folder:{where}")) == 4


def test_a_bomb_is_left_out_unopened(tmp_path, monkeypatch):
    monkeypatch.setattr("sslcourse.data.filetree.LARGEST_FILE", 2000)
    monkeypatch.setattr("sslcourse.data.decoding.LARGEST_IMAGE", 10_000)
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("train/a/fine.png", "train/a/fine2.png", "val/a/fine.png", "test/a/fine.png"):
            archive.writestr(name, picture(5))
        archive.writestr("train/a/long.png", bytes(5000))
        archive.writestr("train/a/huge.png", picture(1, 200, 100))
    with pytest.warns(UserWarning) as caught:
        got = load(f"folder:{tmp_path / 'set.zip'}", count=4)
    said = " ".join(str(warning.message) for warning in caught)
    assert len(got) == 2 and "5,000 bytes, more than 2,000" in said and "200 x 100 pixels" in said


def test_a_set_too_large_for_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("sslcourse.data.decoding.LARGEST_SET", 1000)
    with pytest.raises(ValueError, match="GiB.*smaller size, or a count"):
        load(f"folder:{tree(tmp_path / 'set', pets(4))}", size=64)


def test_the_cache_follows_the_files_and_survives_damage(tmp_path, cache):
    root = tree(tmp_path / "set", pets(4))
    first = load(f"folder:{root}")
    (kept,) = (cache / "converted").iterdir()
    stamp = kept.stat().st_mtime_ns
    assert load(f"folder:{root}").images.equal(first.images) and kept.stat().st_mtime_ns == stamp
    kept.write_bytes(kept.read_bytes()[:-50])
    with pytest.warns(UserWarning, match="damaged cache file"):
        assert load(f"folder:{root}").images.equal(first.images)
    assert load(f"folder:{root}").images.equal(first.images)  # mended, and silent
    (root / "cat" / "000.png").write_bytes(picture(250))
    os.utime(root / "cat" / "000.png", ns=(1, 1))
    everything = [level for split in ("train", "val", "test") for level in levels(load(f"folder:{root}", split))]
    assert 250 in everything and 0 not in everything


def test_an_unwritable_cache_only_warns(tmp_path, monkeypatch):
    (tmp_path / "blocked").write_text("a file where the folder should be")
    monkeypatch.setenv("SSLCOURSE_CACHE", str(tmp_path / "blocked"))
    with pytest.warns(UserWarning, match="not cached"):
        assert len(load(f"folder:{tree(tmp_path / 'set', pets(4))}")) == 4


def test_hold_out_and_pick_do_not_depend_on_other_classes():
    alone = hold_out([0] * 30, [f"a{i}" for i in range(30)], parts=2)
    both = hold_out([0] * 30 + [1] * 30, [f"{c}{i}" for c in "ab" for i in range(30)], parts=2)
    assert alone == both[:30] and sorted(alone).count(1) == sorted(alone).count(2) == 3
    assert hold_out([0], ["only"]) == [0]
    assert pick([0, 0, 1], ["a", "b", "c"], 3) == [0, 1, 2]


def test_wrong_arguments_are_refused(tmp_path):
    with pytest.raises(ValueError, match="split must be one of train, val, test"):
        load("cifar10", "dev")
    with pytest.raises(ValueError, match="no data set 'mnist'; there are objects, cifar10"):
        load("mnist")
    with pytest.raises(ValueError, match="size"):
        load("cifar10", size=0)
    with pytest.raises(ValueError, match="count"):
        load("cifar10", count=0)
    with pytest.raises(TypeError, match="only 'objects'"):
        load("cifar10", difficulty="default")


# The public sets, in folders of their formats that are made here.


@pytest.mark.parametrize("name", list(public.SETS))
def test_an_absent_set_says_where_it_looked_and_what_to_do(name, tmp_path, cache):
    with pytest.raises(FileNotFoundError, match="download=True") as caught:
        load(name)
    assert str(cache / "downloads") in str(caught.value) and "objects" in str(caught.value)
    with pytest.raises(FileNotFoundError, match=str(tmp_path / "mine")):
        load(name, root=tmp_path / "mine")


@pytest.mark.parametrize("name", list(public.SETS))
def test_a_failed_download_leaves_nothing_that_passes_for_the_set(name, tmp_path, monkeypatch):
    def offline(url, root=None, download_root=None, **named):
        root = Path(root or download_root)
        (root / "images").mkdir(parents=True, exist_ok=True)
        (root / "half.tar.gz").write_bytes(b"half an archive")
        raise OSError("the network is unreachable")

    for module in ("cifar", "stl10", "imagenette", "oxford_iiit_pet"):
        monkeypatch.setattr(f"torchvision.datasets.{module}.download_and_extract_archive", offline)
    with pytest.raises(ConnectionError, match="network is unreachable.*Nothing incomplete was kept"):
        load(name, root=tmp_path / "data", download=True)
    assert list((tmp_path / "data").iterdir()) == []
    with pytest.raises(FileNotFoundError):
        load(name, root=tmp_path / "data")


def cifar_folder(root: Path, monkeypatch, each=20) -> Path:
    """CIFAR-10's own layout, small; the checksums are those of the files made."""
    from torchvision.datasets import CIFAR10

    folder = root / CIFAR10.base_folder
    folder.mkdir(parents=True)
    classes = ["truck", "bird", "ship"]  # not sorted, as a trap
    files = {}
    for number, name in enumerate([*(entry[0] for entry in CIFAR10.train_list), "test_batch"]):
        labels = [index % 3 for index in range(each)]
        data = np.zeros((each, 3072), np.uint8)
        data[:, :1024], data[:, 1024] = np.array(labels)[:, None] * 10, 40 * number + np.arange(each)
        files[name] = pickle.dumps({"data": data, "labels": labels})
    files["batches.meta"] = pickle.dumps({"label_names": classes})
    tree(folder, files)
    for table in ("train_list", "test_list"):
        monkeypatch.setattr(CIFAR10, table, [[name, None] for name, _ in getattr(CIFAR10, table)])
    monkeypatch.setattr(CIFAR10, "meta", CIFAR10.meta | {"md5": None})
    return root


def test_cifar10(tmp_path, monkeypatch):
    root = cifar_folder(tmp_path / "data", monkeypatch)
    train, val, test = (load("cifar10", split, root=root) for split in ("train", "val", "test"))
    assert train.classes == ("bird", "ship", "truck") and train.images.shape[1:] == (3, 32, 32)
    assert len(train) + len(val) == 100 and len(test) == 20
    assert sorted(val.labels.bincount().tolist()) == [3, 4, 4]  # of 30, 35 and 35
    marks = [set(part.images[:, 1, 0, 0].tolist()) for part in (train, val, test)]
    assert not marks[0] & marks[1] and len(marks[0]) + len(marks[1]) == 100
    old = {"truck": 0, "bird": 1, "ship": 2}
    for part in (train, val, test):
        assert part.images[:, 0, 0, 0].tolist() == [10 * old[part.classes[label]] for label in part.labels.tolist()]
    assert load("cifar10", root=root, size=16, count=6).images.shape == (6, 3, 16, 16)


def test_a_damaged_public_set_is_said(tmp_path, monkeypatch):
    root = cifar_folder(tmp_path / "data", monkeypatch)
    (root / "cifar-10-batches-py" / "data_batch_3").unlink()
    with pytest.raises(ValueError, match="damaged or incomplete.*delete .*cifar-10-batches-py"):
        load("cifar10", root=root)


def test_stl10(tmp_path, monkeypatch):
    from torchvision.datasets import STL10

    folder = tmp_path / STL10.base_folder
    pixels = np.zeros((20, 3, 96, 96), np.uint8)
    pixels[:, :, 0, 5] = 9  # stored column by column: this is row 5, column 0
    labels = (np.arange(20) % 2 + 1).astype(np.uint8)
    names = ("train_X.bin", "test_X.bin", "unlabeled_X.bin")
    files = {name: pixels.tobytes() for name in names} | {
        "train_y.bin": labels.tobytes(),
        "test_y.bin": labels.tobytes(),
    }
    tree(folder, files | {"class_names.txt": b"bird\ncar\n"})
    for table in ("train_list", "test_list"):
        monkeypatch.setattr(STL10, table, [[name, None] for name, _ in getattr(STL10, table)])
    train, val, test = (load("stl10", split, root=tmp_path) for split in ("train", "val", "test"))
    assert (len(train), len(val), len(test)) == (18, 2, 20) and train.classes == ("bird", "car")
    assert test.labels.tolist() == [0, 1] * 10 and (test.images[:, :, 5, 0] == 9).all()


def test_imagenette(tmp_path, monkeypatch):
    monkeypatch.setitem(public.SETS, "imagenette", replace(public.SETS["imagenette"], counts=(20, 4)))
    files = {}
    for wnid, level in (("n01440764", 50), ("n03888257", 200)):
        files |= {f"train/{wnid}/{index}.JPEG": picture(level, 170 + index, 160, "JPEG") for index in range(10)}
        files |= {f"val/{wnid}/{index}.JPEG": picture(level, 160, 180, "JPEG") for index in range(2)}
    files = {name.replace(".JPEG", ".jpeg"): data for name, data in files.items()}
    root = tree(tmp_path / "imagenette2-160", files).parent
    train, val, test = (load("imagenette", split, root=root) for split in ("train", "val", "test"))
    assert (len(train), len(val), len(test)) == (18, 2, 4) and train.classes == ("parachute", "tench")
    assert train.images.shape[1:] == (3, 128, 128)
    assert ((test.images[:, 0, 60, 60] > 100) == (test.labels == 0)).all()
    next((root / "imagenette2-160" / "train" / "n01440764").iterdir()).unlink()
    with pytest.raises(ValueError, match="incomplete: 19 of 20 images"):
        load("imagenette", root=root)


def test_pets_carry_their_trimaps_in_the_geometry_of_the_image(tmp_path, monkeypatch):
    monkeypatch.setitem(public.SETS, "pets", replace(public.SETS["pets"], counts=None))
    folder = tmp_path / "oxford-iiit-pet"
    files, lines = {}, []
    for index in range(4):
        for number, name in enumerate(("Abyssinian", "beagle"), start=1):
            image, trimap = Image.new("RGB", (90, 60)), Image.new("L", (90, 60), 2)
            box = (20 + 5 * index, 10, 50 + 5 * index, 40)
            image.paste((255, 255, 255), box)
            trimap.paste(1, box)
            trimap.putpixel((45, 59), 3)
            for where, one in (
                (f"images/{name}_{index}.jpg", image),
                (f"annotations/trimaps/{name}_{index}.png", trimap),
            ):
                data = io.BytesIO()
                one.save(
                    data, "JPEG" if where.endswith("jpg") else "PNG", **({"quality": 95} if "jpg" in where else {})
                )
                files[where] = data.getvalue()
            lines.append(f"{name}_{index} {number} {number} 1")
    files |= {f"annotations/{part}.txt": "\n".join(lines).encode() + b"\n" for part in ("trainval", "test")}
    tree(folder, files)
    test = load("pets", "test", root=tmp_path, size=30)
    assert test.classes == ("Abyssinian", "Beagle") and len(test) == 8
    assert test.extras["trimap"].unique().tolist() in ([1, 2], [1, 2, 3]) and test.extras["mask"].dtype == torch.bool
    white = test.images.float().mean(1) > 127
    assert (white == test.extras["mask"]).float().mean() > 0.98
    again = load("pets", "test", root=tmp_path, size=30)
    assert again.extras["mask"].equal(test.extras["mask"])


@pytest.mark.photos
@pytest.mark.skipif(not CIFAR, reason="environment variable SSLCOURSE_CIFAR names no zip of photographs")
def test_real_photographs():
    val = load(f"folder:{CIFAR}", "val")
    assert val.images.shape == (2000, 3, 32, 32) and val.labels.bincount().tolist() == [200] * 10
    assert 100 < val.images.float().mean() < 140  # pictures, not noise or black
    some = load(f"folder:{CIFAR}", count=50, size=24)
    assert some.images.shape == (50, 3, 24, 24) and some.labels.bincount().tolist() == [5] * 10
