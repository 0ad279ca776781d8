"""Image files of odd kinds: scaled by what their type can hold, laid on one ground, or named with the reason."""

import io
import os
import warnings
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image, features

from sslcourse.data import load
from sslcourse.data.decoding import GROUND, open_image

RAMP = np.tile(np.linspace(0, 1, 16), (16, 1))
GREY = (RAMP * 255).round().astype(np.uint8)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SSLCOURSE_CACHE", str(tmp_path / "cache"))


def encoded(picture, kind="PNG", **options) -> bytes:
    data = io.BytesIO()
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(data, kind, **options)
    return data.getvalue()


def pixels(data: bytes) -> np.ndarray:
    return np.array(open_image(data)).astype(int)


def palette(colours=16) -> Image.Image:
    return Image.fromarray(GREY).convert("P", palette=Image.Palette.ADAPTIVE, colors=colours)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (encoded((RAMP * 65535).round().astype(np.uint16)), 1),
        (encoded((RAMP * 65535).round().astype(np.uint16), "TIFF"), 1),
        (encoded((RAMP * 65535).round().astype(np.uint16), "PPM"), 1),
        (encoded(RAMP.astype(np.float32), "TIFF"), 1),
        (encoded(palette()), 9),
        (encoded(palette(), "GIF"), 9),
        (encoded(Image.fromarray(GREY).convert("LA")), 0),
        (encoded(Image.fromarray(GREY).convert("CMYK"), "TIFF"), 1),
        (encoded(GREY, "JPEG", quality=95), 6),
        (encoded(GREY, "WEBP", lossless=True), 1),
        (encoded(GREY, "BMP"), 0),
    ],
)
def test_a_ramp_from_black_to_white_stays_one(data, error):
    assert np.abs(pixels(data) - GREY[:, :, None]).max() <= error


def test_one_bit_is_black_and_white():
    got = pixels(encoded(Image.fromarray(RAMP > 0.5)))
    assert (got == (RAMP > 0.5)[:, :, None] * 255).all()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((RAMP * 1e6).astype(np.int32), "32-bit integers"),
        ((RAMP * 300).astype(np.float32), "from 0 to 300"),
        (np.full((4, 4), np.nan, np.float32), "from nan to nan"),
    ],
)
def test_numbers_of_no_known_range_are_named(values, said):
    with pytest.raises(ValueError, match=said):
        open_image(encoded(values, "TIFF"))


def cut_out(mode: str) -> bytes:
    """A black square on a clear ground, under which there is noise."""
    rgba = np.random.default_rng(0).integers(0, 256, (16, 16, 4), np.uint8)
    rgba[:, :, 3] = 0
    rgba[4:12, 4:12] = (0, 0, 0, 255)
    picture = Image.fromarray(rgba)
    if mode == "LA":
        return encoded(picture.convert("LA"))
    if mode == "P":  # the palette's first colour is clear
        indices = np.ones((16, 16), np.uint8)
        indices[:4] = indices[12:] = indices[:, :4] = indices[:, 12:] = 0
        picture = Image.fromarray(indices).convert("P")
        picture.putpalette([255, 0, 255, 0, 0, 0])
        return encoded(picture, transparency=0)
    if mode == "RGB":  # one colour stands for clear
        picture = Image.new("RGB", (16, 16), (255, 0, 255))
        picture.paste((0, 0, 0), (4, 4, 12, 12))
        return encoded(picture, transparency=(255, 0, 255))
    return encoded(picture, mode)


@pytest.mark.parametrize("mode", ["PNG", "TIFF", "LA", "P", "RGB"])
def test_a_black_icon_on_a_clear_ground_stays_visible_and_nothing_hidden_leaks(mode):
    got = pixels(cut_out(mode))
    assert (got[4:12, 4:12] == 0).all()
    got[4:12, 4:12] = GROUND
    assert (got == GROUND).all()


def test_endings_that_are_read(tmp_path):
    kinds = {".gif": "GIF", ".jfif": "JPEG", ".jpe": "JPEG", ".JPG": "JPEG", "": "PNG", ".img": "BMP", ".tif": "TIFF"}
    if features.check("avif"):
        kinds[".avif"] = "AVIF"
    for label in ("cat", "dog"):
        (tmp_path / "set" / label).mkdir(parents=True)
        for suffix, kind in kinds.items():
            colour = Image.new("RGB", (8, 8), (len(label + suffix) * 9, 0, 90 if label == "cat" else 0))
            (tmp_path / "set" / label / f"one{suffix}").write_bytes(encoded(colour, kind))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(load(f"folder:{tmp_path / 'set'}", "train")) == 2 * (len(kinds) - 2)


def test_files_that_are_no_images_are_counted_with_their_endings(tmp_path):
    files = {f"{label}/{index}.png": encoded(GREY) for label in ("cat", "dog") for index in range(2)}
    files |= {"cat/a.heic": b"ftypheic", "cat/b.heic": b"ftypheic", "dog/c.svg": b"<svg/>", "dog/nothing": b"nothing"}
    files |= {"README": b"", "cat/notes.txt": b"", "cat/Thumbs.db": b"", ".DS_Store": b"", "cat/._0.png": b"x"}
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for name, data in files.items():
            archive.writestr(name.replace("/", "\\"), data)  # as some Windows programs write them
    with pytest.warns(UserWarning) as caught:
        assert load(f"folder:{tmp_path / 'set.zip'}").classes == ("cat", "dog")
    said = [str(warning.message) for warning in caught if "kind" in str(warning.message)]
    assert len(said) == 1 and "4 files that are not images" in said[0]
    assert all(kind in said[0] for kind in ("2 x .heic", "1 x .svg", "1 x no suffix"))


def test_an_encrypted_zip_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("cat/0.png", encoded(GREY))
    data = bytearray((tmp_path / "set.zip").read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.find(signature) + flags] |= 1
    (tmp_path / "set.zip").write_bytes(data)
    with pytest.raises(ValueError, match="encrypted: unpack it with its password"):
        load(f"folder:{tmp_path / 'set.zip'}")


def test_a_photograph_of_108_megapixels_loads_without_a_word(tmp_path):
    (tmp_path / "set").mkdir()
    Image.new("L", (12000, 9000), 77).save(tmp_path / "set" / "phone.jpg")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = load(f"folder:{tmp_path / 'set'}", size=16)
    assert got.images.unique().tolist() == [77]


def test_what_pillow_takes_for_a_bomb_is_named_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "large.png").write_bytes(encoded(GREY))
    with pytest.raises(ValueError, match="large.png .more than 200 pixels: shrink it first"):
        load(f"folder:{tmp_path / 'set'}", size=16)


def test_images_at_their_own_size_are_counted_at_it(tmp_path, monkeypatch):
    monkeypatch.setattr("sslcourse.data.decoding.LARGEST_SET", 20 * 3 * 16**2)
    (tmp_path / "set").mkdir()
    for index in range(30):
        (tmp_path / "set" / f"{index}.png").write_bytes(encoded(GREY))
    with pytest.raises(ValueError, match="24 images of 16 x 16 pixels need .* GiB"):
        load(f"folder:{tmp_path / 'set'}")
    assert len(load(f"folder:{tmp_path / 'set'}", count=20)) == 20


@pytest.mark.skipif(os.name != "posix", reason="file names are bytes only on POSIX")
def test_names_that_are_not_utf_8_become_printable_and_stay_apart(tmp_path):
    for label in (b"caf\xe9", b"caf\xe8", "سگ".encode()):
        folder = os.fsdecode(os.fsencode(tmp_path / "set") + b"/" + label)
        os.makedirs(folder)
        for index in range(3):
            with open(f"{folder}/{index}.png", "wb") as file:
                file.write(encoded(Image.new("RGB", (8, 8), (index, len(label), label[-1]))))
    got = load(f"folder:{tmp_path / 'set'}")
    assert got.classes == ("caf\\xe8", "caf\\xe9", "سگ") and got.labels.unique().tolist() == [0, 1, 2]
    "".join(got.classes).encode("utf-8")


def test_images_in_train_and_in_a_held_out_part_are_counted(tmp_path):
    rng = np.random.default_rng(0)
    for split, count in (("train", 20), ("val", 10), ("test", 5)):
        for label in ("cat", "dog"):
            folder = tmp_path / "set" / split / label
            folder.mkdir(parents=True)
            for index in range(count):
                (folder / f"{index}.png").write_bytes(encoded(rng.integers(0, 256, (8, 8, 3), np.uint8)))
    same = Image.open(tmp_path / "set/train/cat/3.png")
    same.save(tmp_path / "set/val/dog/copy.bmp")  # another format and class, the same pixels
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train = load(f"folder:{tmp_path / 'set'}")
        load(f"folder:{tmp_path / 'set'}", "test")
    with pytest.warns(UserWarning, match="1 of the 21 images of val are in train, too, pixel for pixel") as caught:
        val = load(f"folder:{tmp_path / 'set'}", "val")
    assert len(caught) == 1
    assert sum(bool((one == train.images).flatten(1).all(1).any()) for one in val.images) == 1
    assert val.images.dtype == torch.uint8


@pytest.mark.skipif(os.name != "posix", reason="links need rights elsewhere")
def test_links_to_nowhere_are_named_and_links_back_are_not_followed(tmp_path):
    for index in range(4):
        for label in ("cat", "dog"):
            (tmp_path / "set" / label).mkdir(parents=True, exist_ok=True)
            (tmp_path / "set" / label / f"{index}.png").write_bytes(encoded(GREY))
    (tmp_path / "set" / "cat" / "up").symlink_to(tmp_path / "set")
    (tmp_path / "set" / "cat" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.warns(UserWarning) as caught:
        parts = [load(f"folder:{tmp_path / 'set'}", split) for split in ("train", "val", "test")]
    assert sum(map(len, parts)) == 8
    assert sum("cat/gone.png" in str(warning.message) for warning in caught) == 1
