"""Settings by name: what a name means, how a value is read, and what is said when either is wrong."""

from dataclasses import dataclass, field

import pytest

from sslcourse.settings import (
    assign,
    field_paths,
    lasting,
    lasting_text,
    later,
    nearest,
    read_value,
    setting_lines,
)


@dataclass(frozen=True)
class Crop:
    size: int = 32
    scale: tuple[float, float] = (0.2, 1.0)


@dataclass(frozen=True)
class Model:
    name: str = "vit"
    flags: bool | str = False


@dataclass(frozen=True)
class Inner:
    large: Crop = field(default_factory=Crop)
    small: Crop = field(default_factory=lambda: Crop(16))
    other: Crop | None = None
    mode: str = "none"
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self):
        if self.low > self.high:
            raise ValueError(f"low must not be above high; got {self.low} and {self.high}")


@dataclass(frozen=True)
class Outer:
    kind: str = "toy"
    inner: Inner = field(default_factory=Inner)
    model: Model = field(default_factory=Model)
    clip: float | None = 1.0


def test_a_name_is_a_path_or_the_end_of_one():
    for name in ("inner.large.size", "large.size"):
        changed = assign(Outer(), {name: "48"})
        assert changed.inner.large.size == 48 and changed.inner.small.size == 16
    assert assign(Outer(), {"mode": "fast"}).inner.mode == "fast"


def test_the_settings_given_are_left_as_they_were():
    before = Outer()
    assign(before, {"clip": "3"})
    assert before == Outer()


def test_a_group_with_a_name_is_meant_by_its_own():
    assert assign(Outer(), {"model": "cnn"}).model.name == "cnn"


def test_a_group_that_is_none_begins_with_its_defaults():
    changed = assign(Outer(), {"other.size": "7"})
    assert changed.inner.other == Crop(size=7) and changed.inner.large == Crop()
    assert assign(changed, {"inner.other.scale": "0.5,1"}).inner.other == Crop(7, (0.5, 1.0))
    with pytest.raises(ValueError, match="may mean inner.large.size, inner.small.size"):
        assign(Outer(), {"size": "7"})  # not what is not there


def test_changes_that_need_each_other_are_made_at_once():
    assert assign(Outer(), {"low": "5", "high": "6"}).inner.low == 5.0
    with pytest.raises(ValueError, match="low must not be above high"):
        assign(Outer(), {"low": "5"})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("size", "may mean inner.large.size, inner.small.size"),
        ("moode", "nearest: inner.mode$"),
        ("inner.medium.size", "no setting"),
        ("other.sise", "no setting"),
        ("ize", "no setting 'ize'"),
        ("quorum", "no setting 'quorum'. There are kind, size, scale"),
    ],
)
def test_a_wrong_name_is_told_what_there_is(name, message):
    with pytest.raises(ValueError, match=message):
        assign(Outer(), {name: "1"})


def test_a_fixed_field_is_not_there():
    with pytest.raises(ValueError, match="no setting 'kind'"):
        assign(Outer(), {"kind": "x"}, fixed=("kind",))


def test_the_same_field_twice_is_refused():
    with pytest.raises(ValueError, match="inner.mode is set twice"):
        assign(Outer(), {"mode": "a", "inner.mode": "b"})


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("7", int, 7),
        ("1e-3", float, 1e-3),
        ("TRUE", bool, True),
        ("off", bool, False),
        ("none", str, "none"),
        ("None", float | None, None),
        ("none", str | None, None),
        ("2", float | None, 2.0),
        ("auto", bool | str, "auto"),
        ("true", bool | str, True),
        ("0.2, 1", tuple[float, float], (0.2, 1.0)),
        ("(0.2,1)", tuple[float, float], (0.2, 1.0)),
    ],
)
def test_values_are_read_as_their_fields_type(text, kind, value):
    read = read_value(text, kind, "x")
    assert read == value and type(read) is type(value)


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("1.5", int, "a whole number"),
        ("much", float, "a number"),
        ("maybe", bool, "true or false"),
        ("0.2", tuple[float, float], "2 numbers with commas"),
        ("x", float | None, "none or a number"),
        ("x", Crop | None, "none or set field by field"),
    ],
)
def test_a_wrong_value_is_told_what_is_wanted(text, kind, words):
    with pytest.raises(ValueError, match=f"lr is {words}.*; got '{text}'"):
        read_value(text, kind, "lr")


def test_what_is_listed_can_be_assigned():
    lines = setting_lines(Outer())
    assert [line.split("=")[0] for line in lines] == list(field_paths(Outer()))
    assert assign(Outer(), dict(line.split("=", 1) for line in lines)) == Outer()


def test_names_near_and_far():
    assert nearest("scale", "cpu", ("cpu", "gpu")) == "cpu"
    with pytest.raises(ValueError, match="did you mean 'gpu'"):
        nearest("scale", "GPUs", ("cpu", "gpu"))
    with pytest.raises(ValueError, match="no scale 'zzz'; there are cpu, gpu"):
        nearest("scale", "zzz", ("cpu", "gpu"))


def test_a_setting_that_came_later_does_not_show_until_it_is_used():
    @dataclass(frozen=True)
    class Grown:
        model: Model = field(default_factory=Model)
        crop: Crop | None = None
        clip: float = later(1.0)

    assert lasting(Grown()) == {"model": {"name": "vit", "flags": False}, "crop": None}
    assert lasting(Grown(clip=2.0))["clip"] == 2.0 and lasting_text(Grown(clip=2.0)) == repr(Grown(clip=2.0))
    assert lasting_text(Grown()).endswith("Grown(model=Model(name='vit', flags=False), crop=None)")
