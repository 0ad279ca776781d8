"""The layouts in which public data sets come, by their file names alone: classes, splits, and what is said."""

import pytest

from sslcourse.data.layouts import find_layout, split_of


def found(names, texts=None):
    """{split: {class: number of images}} and what was said."""
    texts = texts or {}
    files, notes = find_layout(names, list(texts), texts.get)
    table = {}
    for split, label, name in files:
        assert name in names
        classes = table.setdefault(split, {})
        classes[label] = classes.get(label, 0) + 1
    return table, " | ".join(notes)


def images(*folders, count=3):
    return [f"{folder}/{index}.jpg" if folder else f"{index}.jpg" for folder in folders for index in range(count)]


BOTH = {"cat": 3, "dog": 3}


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        # Kaggle's cats and dogs, Intel's scenes (with a third, unlabelled part), COCO's years, a folder around all
        (["training_set/cat", "training_set/dog", "test_set/cat", "test_set/dog"], {"train": BOTH, "test": BOTH}),
        (["seg_train/seg_train/cat", "seg_train/seg_train/dog", "seg_test/seg_test/cat", "seg_pred/seg_pred"],
         {"train": BOTH, "test": {"cat": 3}}),
        (["TrainSet/cat", "TrainSet/dog", "ValidSet/dog"], {"train": BOTH, "val": {"dog": 3}}),
        (["train2017/cat", "train2017/dog", "val2017/cat"], {"train": BOTH, "val": {"cat": 3}}),
        (["my_test/train/cat", "my_test/train/dog", "my_test/val/cat"], {"train": BOTH, "val": {"cat": 3}}),
        (["train/images/cat", "train/images/dog", "val/images/cat"], {"train": BOTH, "val": {"cat": 3}}),
        # the split below the class
        (["cat/train", "dog/train", "cat/test", "dog/test"], {"train": BOTH, "test": BOTH}),
        (["set/cat/train/good", "set/dog/train/good", "set/cat/test/bad"], {"train": BOTH, "test": {"cat": 3}}),
        # a folder of images that is no class
        (["cat/images", "dog/images"], {None: BOTH}),
        (["Images/cat", "Images/dog", "Annotations/trimaps"], {None: BOTH}),
        (["images/train", "images/val", "masks/train", "masks/val"], {"train": {"": 3}, "val": {"": 3}}),
        (["images", "masks"], {None: {"": 3}}),
        (["JPEGImages", "SegmentationClass", "SegmentationObject"], {None: {"": 3}}),
        # classes whose names sound like splits or like annotations
        (["car", "bus", "train"], {None: {"car": 3, "bus": 3, "train": 3}}),
        (["bus/a", "train/a", "test_tube/a"], {None: {"bus": 3, "train": 3, "test_tube": 3}}),
        (["positive_test", "negative_test"], {None: {"positive_test": 3, "negative_test": 3}}),
        (["with_mask", "without_mask"], {None: {"with_mask": 3, "without_mask": 3}}),
        (["terrain", "evaluate"], {None: {"terrain": 3, "evaluate": 3}}),
        # no labels
        ([""], {None: {"": 3}}),
        (["a/b/photos"], {None: {"": 3}}),
        (["", "more"], {None: {"": 6}}),
        (["train", "test"], {"train": {"": 3}, "test": {"": 3}}),
        (["cars_train/cars_train", "cars_test/cars_test"], {"train": {"": 3}, "test": {"": 3}}),
    ],
)  # fmt: skip
def test_layouts_as_they_are_distributed(folders, expected):
    assert found(images(*folders))[0] == expected


def test_tiny_imagenet_takes_the_labels_of_val_from_its_annotations():
    names = images("t/train/n1/images", "t/train/n2/images", "t/val/images", "t/test/images")
    lines = "0.jpg\tn2\t0\t0\t62\t62\n1.jpg\tn1\t5\t5\t9\t9\n2.jpg\tn2\t1\t1\t2\t2\n"
    table, said = found(names, {"t/val/val_annotations.txt": lines, "t/words.txt": "n1\tgoldfish\n"})
    assert table == {"train": {"n1": 3, "n2": 3}, "val": {"n2": 2, "n1": 1}}
    assert "3 images of test without labels left out" in said and "val" not in said
    files, _ = find_layout(names, ["t/val/val_annotations.txt"], lambda name: lines)
    assert ("val", "n1", "t/val/images/1.jpg") in files
    table, said = found(names, {"t/val/val_annotations.txt": lines.split("\n")[0]})
    assert table["val"] == {"n2": 1} and "2 images of val without labels" in said
    table, _ = found(names, {"t/val_solution.csv": "ImageId,Prediction\n1,n1 3 4 5 6\n"})
    assert table["val"] == {"n1": 1}


@pytest.mark.parametrize("folder", ["test", "test/unknown", "test/images"])
def test_a_part_without_labels_is_left_out_and_said(folder):
    table, said = found(images("train/cat", "train/dog", folder))
    assert table == {"train": BOTH}
    assert "3 images of test without labels left out, and test is held out of train instead" in said


def test_classes_spelt_otherwise_are_matched_and_said():
    table, said = found(images("train/cat", "train/sea lion", "val/Cat", "val/sea_lion"))
    assert table["val"] == {"cat": 3, "sea lion": 3}
    assert "'Cat' for 'cat'" in said and "'sea_lion' for 'sea lion'" in said
    assert "differ only in spelling" in found(images("cat", "Cat", "dog"))[1]


def test_classes_that_train_does_not_have_are_said_or_refused():
    assert "classes that train does not have: owl" in found(images("train/cat", "train/dog", "val/cat", "val/owl"))[1]
    with pytest.raises(ValueError, match=r"val has the class folders chat, chien and train cat, dog: none in common"):
        found(images("train/cat", "train/dog", "val/chat", "val/chien"))


def test_splits_are_never_taken_for_classes_in_silence():
    with pytest.raises(ValueError, match="cats_test, cats_train, dogs_test and 1 more look like splits"):
        found(images("cats_train", "cats_test", "dogs_train", "dogs_test"))
    _, said = found(images("learn/cat", "learn/dog", "check/cat", "check/dog"))
    assert "check, learn are taken for the classes, but each holds the folders cat, dog" in said


def test_what_lies_beside_splits_and_classes_is_said():
    names = images("train/cat", "train/dog", "extra") + ["cover.jpg", "train/logo.jpg"]
    table, said = found(names)
    assert table == {"train": BOTH} and "5 images outside the class folders left out: cover.jpg" in said
    table, said = found(images("train", "test/cat", "test/dog"))
    assert table == {"train": {"": 3}, "test": {"": 6}} and "no labels are used" in said


def test_words_that_are_no_split():
    for folder in ("train_test_split", "contest", "trainer", "valley", "development", "گربه", "2017"):
        assert split_of(folder) is None, folder
