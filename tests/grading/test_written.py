"""All that a student wrote for a question is found, and nothing of the lab is taken for it."""

import base64
import io
import json
from pathlib import Path

import pytest
from PIL import Image
from toy_lab import QUESTION, RIGHT, code, notebook, text

from sslcourse.exercises import LABS
from sslcourse.grading import written
from sslcourse.grading.cells import read_cells, text_id
from sslcourse.grading.written import MAX_PICTURES, find_written, is_blank

BLANK = "*Write your answer here.*"
LAB_NOTEBOOK = Path(__file__).parents[2] / "labs/01_contrastive.ipynb"


def handed_out(source, kind="markdown"):
    """A cell of the lab itself, as the build makes it."""
    return (text(source) if kind == "markdown" else code(source)) | {"id": text_id("toy", kind, source)}


def picture(format="PNG", size=(3, 2)):
    packed = io.BytesIO()
    Image.new("RGB", size).save(packed, format)
    return base64.b64encode(packed.getvalue()).decode()


def found(*cells):
    """The parts of the toy question's answer as (kind, content)."""
    question = text(f"**Question** (2 points). {QUESTION.question}", "question-toy.why")
    around = [code(RIGHT["toy.double"], "toy.double"), question, *cells, handed_out("## 2. More\n\nText of the lab.")]
    after = [handed_out("lab.show()", "code"), text("My own notes on the rest.")]
    read, _ = read_cells(notebook(*around, *after).encode())
    parts = find_written(read, {QUESTION.id: QUESTION.question})[QUESTION.id]
    return [(part.kind, part.content) for part in parts]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([text(BLANK, QUESTION.id)], []),
        ([text("Because.", QUESTION.id)], [("text", "Because.")]),
        ([text(BLANK, QUESTION.id), text("Below.")], [("text", "Below.")]),
        ([text("One.", QUESTION.id), text("## My second part"), text("Three.")],
         [("text", "One."), ("text", "## My second part"), ("text", "Three.")]),
        ([code("# negatives push apart", QUESTION.id)], [("code", "# negatives push apart")]),
        ([text(BLANK, QUESTION.id), code("2 * 3  # so it is linear")], [("code", "2 * 3  # so it is linear")]),
        ([text("Kept.", QUESTION.id), text(BLANK, QUESTION.id)], [("text", "Kept.")]),
        ([text("The marked cell is gone.")], [("text", "The marked cell is gone.")]),
        ([], []),
    ],
)  # fmt: skip
def test_all_up_to_the_lab_s_next_cell_is_the_answer(cells, expected):
    assert found(*cells) == expected


def test_an_answer_in_the_question_s_own_cell_is_found():
    cell = text(f"**Question**. {QUESTION.question}\n\nBecause it is linear.", "question-toy.why")
    parts = find_written(read_cells(notebook(cell).encode())[0], {QUESTION.id: QUESTION.question})
    assert [part.content for part in parts[QUESTION.id]] == ["Because it is linear."]


def test_without_ids_a_heading_ends_the_answer():
    cells = [text(BLANK, QUESTION.id), text("### Part\nBelow."), code("1 + 1"), text("## 2. More"), text("The lab's.")]
    parts = find_written(read_cells(notebook(*cells).encode())[0], {QUESTION.id: QUESTION.question})
    assert [part.content for part in parts[QUESTION.id]] == ["### Part\nBelow.", "1 + 1"]


def test_pictures_are_shown_only_when_they_are_pictures(monkeypatch):
    def attached(content, kind="image/png"):
        return text("![it](attachment:a)", QUESTION.id) | {"attachments": {"a": {kind: content}}}

    for format in ("PNG", "JPEG"):
        *_, (kind, shown) = found(attached(picture(format), "image/svg+xml"))
        assert (kind, shown[:22]) == ("picture", f"data:image/{format.lower()};base64,"[:22])
    whole = base64.b64decode(picture(size=(300, 200)))
    svg = base64.b64encode(b"<svg onload='alert(1)'/>").decode()
    for bad in (
        "iVBORw0KGgo=",
        "!!",
        svg,
        base64.b64encode(whole[: len(whole) // 2]).decode(),
        picture("GIF"),
        7,
        None,
    ):
        assert [kind for kind, _ in found(attached(bad))] in (["text", "note"], ["text"])
    assert "MiB" in found(attached("A" * 6 * 2**20))[-1][1]
    monkeypatch.setattr(written, "MAX_PIXELS", 5)
    assert "3 x 2 pixels" in found(attached(picture()))[-1][1]


def test_pasted_pictures_are_shown_and_counted():
    pasted = " ".join(f"![{n}](data:image/png;base64,{picture()})" for n in range(MAX_PICTURES + 2))
    kinds = [kind for kind, _ in found(text(pasted, QUESTION.id))]
    assert kinds == ["text", *["picture"] * MAX_PICTURES, "note"]


def test_blank_answers_are_known():
    assert is_blank(" *Write your answer here.* \n")
    assert not is_blank("Because.")


def test_the_built_lab_is_known_for_its_own():
    """Every text and plain code cell of the notebook that students get; otherwise it would be shown as an answer."""
    if not LAB_NOTEBOOK.exists():
        pytest.skip("the lab is not built: run `sslcourse build`")
    cells = json.loads(LAB_NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    plain = [cell for cell in cells if not cell["metadata"].get("nbgrader") and not cell["id"].startswith("predict-")]
    assert len(plain) > 40
    for cell in plain:
        assert cell["id"] == text_id("contrastive", cell["cell_type"], "".join(cell["source"]))
    questions = {id: each.question for id, each in LABS["contrastive"].written.items()}
    read, _ = read_cells(LAB_NOTEBOOK.read_bytes())
    assert find_written(read, questions) == dict.fromkeys(questions, ())
