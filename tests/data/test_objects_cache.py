"""The cache: made once, read again, rebuilt and said when damaged, never half written."""

import os
import warnings
from pathlib import Path

import pytest
import torch

from sslcourse.data import cache
from sslcourse.data.cache import cache_dir, read_tensors, write_tensors
from sslcourse.data.objects import CLASSES, Variant, load_objects, render


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SSLCOURSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def small(**options):
    return load_objects("test", **({"count": 20, "size": 32} | options))


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.exists() else []


def count_renders(monkeypatch) -> list:
    calls = []
    real = render
    monkeypatch.setattr("sslcourse.data.objects.load.render", lambda *a, **k: calls.append(1) or real(*a, **k))
    return calls


def test_the_set_is_what_render_gives():
    images, scene = small(), render(torch.arange(20), split="test", size=32)
    assert torch.equal(images.images, scene.images) and torch.equal(images.labels, scene.labels)
    assert images.classes == CLASSES and images.name == "objects"
    assert torch.equal(images.extras["mask"], scene.mask) and images.extras["mask"].dtype == torch.bool
    assert torch.equal(images.extras["parts"], scene.parts)
    for name, value in scene.factors.items():
        assert torch.equal(images.extras[name], value), name


def test_made_once(own_cache, monkeypatch):
    calls = count_renders(monkeypatch)
    first, second = small(), small()
    assert len(calls) == 1 and len(files(own_cache)) == 1
    assert torch.equal(first.images, second.images)
    assert set(first.extras) == set(second.extras)
    assert all(torch.equal(first.extras[name], second.extras[name]) for name in first.extras)


def test_other_settings_other_file(own_cache):
    small()
    for options in (
        {"seed": 1},
        {"count": 21},
        {"size": 33},
        {"difficulty": "easy"},
        {"variant": Variant(camouflage=True)},
    ):
        small(**options)
    assert len(files(own_cache)) == 6


@pytest.mark.parametrize("damage", ["truncated", "emptied", "one byte", "another file"])
def test_a_damaged_file_is_made_again_and_said(own_cache, damage):
    first = small()
    path = files(own_cache)[0]
    data = bytearray(path.read_bytes())
    if damage == "truncated":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "emptied":
        path.write_bytes(b"")
    elif damage == "one byte":
        place = data.find(first.images.numpy().tobytes())
        data[place + 5000] ^= 1
        path.write_bytes(data)
    else:
        write_tensors(path, {"images": torch.zeros(3, dtype=torch.uint8)})
    with pytest.warns(UserWarning, match="made again"):
        again = small()
    assert torch.equal(first.images, again.images)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small()


def test_without_cache_nothing_is_written(own_cache):
    small(cache=False)
    assert not files(own_cache)


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SSLCOURSE_CACHE", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="not cached"):
        assert len(small()) == 20


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "set.safetensors"
    write_tensors(path, {"a": torch.arange(3)})

    def fail(*arguments):
        Path(arguments[1]).write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(cache, "save_file", fail)
    with pytest.raises(OSError, match="disk full"):
        write_tensors(path, {"a": torch.arange(4)})
    assert torch.equal(read_tensors(path)[0]["a"], torch.arange(3))
    assert files(tmp_path) == [path]


def test_where_the_cache_is(monkeypatch, tmp_path):
    assert cache_dir() == tmp_path / "cache"
    monkeypatch.delenv("SSLCOURSE_CACHE")
    if os.name == "posix" and "darwin" not in os.sys.platform:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_dir().name == "sslcourse"


def test_refusals():
    with pytest.raises(ValueError, match="at least 1"):
        small(count=0)
    with pytest.raises(ValueError, match="unknown difficulty"):
        small(difficulty="impossible")


@pytest.mark.skipif(os.name != "posix", reason="elsewhere a home folder is found by other means")
def test_without_a_home_folder_a_temporary_one_is_used_and_that_is_said_once(monkeypatch, tmp_path):
    import pwd

    def nobody(uid):
        raise KeyError(uid)

    for name in ("SSLCOURSE_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)  # as for a container's user without an entry
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    cache._temporary.cache_clear()
    with pytest.warns(UserWarning, match="no home folder.*SSLCOURSE_CACHE") as caught:
        assert cache_dir() == cache_dir() and cache_dir().parent == tmp_path
    assert len(caught) == 1
    cache._temporary.cache_clear()
