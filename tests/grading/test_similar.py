"""Which submissions are named as much alike, and which are not."""

import inspect
import random
import re
import textwrap

from sslcourse.exercises import LABS
from sslcourse.grading.results import ExerciseResult, Grade
from sslcourse.grading.similar import handed_out, passages, similar_pairs
from sslcourse.grading.written import Part

LAB = LABS["contrastive"]
VOCABULARY = (
    "negatives positives embedding collapse rank loss pictures apart together minimum constant spread cosine kNN run "
    "measured without with because therefore number lower higher training network"
).split()


def submission(name, seed, sources=None):
    """A student with an answer to every exercise, one of those the lab knows, and a text of their own."""
    rng = random.Random(seed)
    results = []
    for exercise in LAB.exercises.values():
        known = [exercise.reference, *exercise.variants, *exercise.wrong]
        code = textwrap.dedent(inspect.getsource(rng.choice(known)))
        results.append(ExerciseResult(exercise.task.id, "", 1.0, 1.0, "passed", "", code=code))
    said = " ".join(rng.choice(VOCABULARY) for _ in range(150))
    results.append(ExerciseResult("contrastive.why", "", None, 4.0, "to_mark", "", answer=(Part("text", said),)))
    return Grade(name, "contrastive", f"{name}.ipynb", results)


def similar(grades):
    base = handed_out(LAB)
    return similar_pairs({grade.student: passages(grade) - base for grade in grades})


def own(source):
    """Code that is nobody's answer, of a student who thinks in loops."""
    return ExerciseResult("contrastive.nt_xent", "", 1.0, 1.0, "passed", "", code=source)


LOOPS = """
def nt_xent(z1, z2, temperature):
    vectors, losses = [], []
    for one in list(z1) + list(z2):
        vectors.append(one / (one * one).sum() ** 0.5)  # each to length one, by hand
    for place in range(len(vectors)):
        weights = []
        for other in range(len(vectors)):
            if other != place:
                weights.append(((vectors[place] * vectors[other]).sum() / temperature).exp())
        partner = place + len(z1) if place < len(z1) else place - len(z1)
        own = ((vectors[place] * vectors[partner]).sum() / temperature).exp()
        losses.append(-(own / sum(weights)).log())
    return sum(losses) / len(losses)
"""


def renamed(source):
    """The same with other names, other spacing and no comments."""
    names = {"vectors": "a", "losses": "b", "one": "c", "place": "i", "weights": "w", "other": "j", "partner": "k"}
    return re.sub(r"\b\w+\b", lambda word: names.get(word[0], word[0]), re.sub(r"  #.*", "", source)).replace(
        " + ", "+"
    )


def test_independent_answers_to_short_exercises_are_not_named():
    assert similar([submission(f"s{n}", n) for n in range(30)]) == []


def test_a_copy_with_other_names_is_named_and_nobody_else():
    grades = [submission(f"s{n}", n) for n in range(30)]
    grades[3].results[3], grades[17].results[3] = own(LOOPS), own(renamed(LOOPS))
    grades[3].results[-1], grades[17].results[-1] = grades[5].results[-1], grades[6].results[-1]
    grades[5].results[-1] = grades[6].results[-1] = ExerciseResult("contrastive.why", "", None, 4.0, "to_mark", "")
    named = similar(grades)
    assert [(pair.one, pair.other) for pair in named] == [("s17", "s3")]


def test_two_students_with_one_text_are_named_also_in_a_class_of_two():
    one, two = submission("one", 1), submission("two", 2)
    two.results[-1] = one.results[-1]
    [pair] = similar([one, two])
    assert pair.share > 0.9


def test_text_of_the_lab_and_what_no_parser_reads_are_survived():
    for code in ("def f(:\n  '", "x = '''\n", "", "\0", "é = 1\n\tif x:\n  y"):
        assert isinstance(passages(Grade("a", "contrastive", "", [own(code)])), set)
    question = LAB.written["contrastive.why_negatives"]
    quoted = ExerciseResult("q", "", None, 4.0, "to_mark", "", answer=(Part("text", question.question),))
    assert passages(Grade("a", "contrastive", "", [quoted])) <= handed_out(LAB)
