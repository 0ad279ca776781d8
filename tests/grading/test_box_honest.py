"""What honest students hand in, right and wrong, graded in the box."""

import pytest
import toy_lab


def test_a_right_answer_has_all_its_points(grade):
    result = grade(toy_lab.RIGHT["toy.double"])
    assert (result.status, result.points) == ("passed", 2.0)


def test_a_known_mistake_gets_its_hint(grade):
    result = grade("def double(x):\n    return x")
    assert (result.status, result.points, result.hint) == ("failed", 0.0, "You gave `x` back as it came.")


def test_an_answer_right_in_one_case_keeps_that_case(grade):
    result = grade("def double(x):\n    return 2 * x if len(x) == 3 else x * x")
    assert (result.status, result.points) == ("failed", 1.0)
    assert [case.points for case in result.cases] == [1.0, 0.0]


@pytest.mark.parametrize("body", ["raise NotImplementedError", "pass", "return ..."])
def test_an_unsolved_exercise_is_missing(grade, body):
    result = grade(f"def double(x):\n    {body}")
    assert (result.status, result.points) == ("missing", 0.0)


def test_a_syntax_error_is_named_with_its_line(grade):
    result = grade("import torch\ndef double(x:\n    return x")
    assert (result.status, result.points) == ("error", 0.0)
    assert "SyntaxError" in result.message
    assert "line 2" in result.message


def test_an_exception_is_named(grade):
    result = grade("def double(x):\n    y = x * 2\n    return y[100]")
    assert result.status == "error"
    assert "IndexError" in result.message


def test_a_cell_that_fails_after_the_definition_still_counts(grade):
    result = grade("def double(x):\n    return 2 * x\n\ndouble(undefined)")
    assert result.status == "passed"


def test_a_function_of_another_name_is_missing(grade):
    result = grade("def twice(x):\n    return 2 * x")
    assert result.status == "missing"
    assert "`double`" in result.message


def test_warnings_on_stderr_cost_nothing(grade):
    source = (
        "import sys, warnings\ndef double(x):\n    warnings.warn('old')\n    print('progress', file=sys.stderr)\n   "
        " return 2 * x"
    )
    result = grade(source)
    assert (result.status, result.points) == ("passed", 2.0)
    assert "progress" in result.output


def test_the_notebooks_own_calls_are_harmless(grade):
    source = (
        "from sslcourse.notebook import check, mine_or_reference\ndef double(x):\n    return 2 * x\ncheck('toy.double',"
        " double)"
    )
    assert grade(source).status == "passed"


def test_magics_are_understood(grade):
    assert grade("%%time\ndef double(x):\n    return 2 * x").status == "passed"


def test_helpers_run_first_and_a_failing_one_is_named_when_it_matters(grade):
    source = "def double(x):\n    return scale(x)"
    assert grade(source, helpers=["import torch", "def scale(x): return 2 * x"]).status == "passed"
    result = grade("def double(x):\n    return antigravity_pro.scale(x)", helpers=["import antigravity_pro"])
    assert result.status == "error"
    assert "antigravity_pro" in result.message and "library" in result.look


def test_an_in_place_change_is_seen(grade):
    assert grade("def double(x):\n    return x.mul_(2)").status == "failed"


def test_an_answer_may_leave_threads_behind(grade):
    source = (
        "import threading, time\ndef double(x):\n    threading.Thread(target=time.sleep, args=(60,)).start()\n   "
        " return 2 * x"
    )
    result = grade(source)
    assert result.status == "passed"


@pytest.mark.parametrize(
    ("value", "status"),
    [("{1, 2}", "failed"), ("x.detach().numpy()", "failed"), ("torch.nn.Parameter(2 * x.detach())", "failed")],
)
def test_unlisted_types_are_wrong_types(grade, value, status):
    result = grade(f"import torch\ndef double(x):\n    return {value}")
    assert (result.status, result.points) == (status, 0.0)
