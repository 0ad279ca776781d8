"""What a notebook's outputs say of predictions and measurements; nothing is run."""

import json

from toy_lab import notebook, text

from sslcourse.grading.cells import read_cells
from sslcourse.grading.outputs import find_findings


def ran(source, *printed):
    outputs = [{"output_type": "display_data", "data": {"text/plain": each}, "metadata": {}} for each in printed]
    return {"cell_type": "code", "source": source, "metadata": {}, "outputs": outputs, "execution_count": 1}


ASK = 'predict("toy.size", "How large?", a="small", b="large")'
ASK_AGAIN = 'predict("toy.sign", "Which sign?", choice="a", a="plus", b="minus")'
CHART = "Line chart of loss against step. loss: from 6.2 to 5.6."
HELD = "✓ Measured: as you predicted\n  size 3 (ordinary:\n  2 to 4)\n  You predicted: small."
FAILED = "• Measured: minus\n  the sign is -1\n  You predicted: plus (made afterwards)."


def findings(*cells):
    return find_findings(read_cells(notebook(*cells).encode())[0])


def test_predictions_are_set_beside_what_was_measured():
    first, second = findings(ran(ASK), text("t"), ran("lab.a()", CHART, HELD), ran(ASK_AGAIN), ran("lab.b()", FAILED))
    assert (first.id, first.question, first.text) == ("toy.size", "How large?", "size 3 (ordinary: 2 to 4)")
    assert (first.predicted, first.came_out, first.charts) == ("small", "small", (CHART,))
    assert (second.id, second.predicted, second.came_out) == ("toy.sign", "plus", "minus")
    assert second.options == (("a", "plus"), ("b", "minus"))


def test_two_questions_before_two_measurements_are_matched_in_order():
    assert [each.id for each in findings(ran(ASK), ran(ASK_AGAIN), ran("lab.a()", HELD, FAILED))] == [
        "toy.size",
        "toy.sign",
    ]


def test_where_an_experiment_did_not_run_no_question_is_claimed():
    [only] = findings(ran(ASK), ran(ASK_AGAIN), ran("lab.a()", FAILED))
    assert (only.id, only.text) == ("", "the sign is -1")


def test_what_nobody_predicted_and_what_smoke_measures():
    alone = "… Measured: small\n  size 3\n  You made no prediction before; the cell above still takes one."
    smoke = "… Measured\n  size 3\n  At scale `smoke` nothing learns, so nothing is judged: `cpu` or `gpu` gives\n  it."
    for card, judged in ((alone, True), (smoke, False)):
        [only] = findings(ran(ASK), ran("lab.a()", card))
        assert (only.text, only.predicted, only.is_judged) == ("size 3", "", judged)


def test_outputs_of_any_form_are_survived():
    odd = [7, None, {"data": 3}, {"data": {"text/plain": 7}}, {"data": {"text/plain": ["… Measured\n", "  x", 3]}}]
    cell = ran("lab.a()") | {"outputs": odd}
    assert [each.text for each in findings(cell)] == ["x"]
    assert (
        findings(ran("predict(f(x), 3, **{})"), ran("predict('a', 'b', a=1)"), cell | {"outputs": json.dumps(odd)})
        == []
    )
