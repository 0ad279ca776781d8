"""Lab 3, exercise `pairs`: which crops are drawn to which, and which are kept apart."""

from itertools import combinations, combinations_with_replacement, permutations, product

HINTS = (
    "The student sees every crop, the teacher the global ones only. Which pair of a student's crop and a teacher's "
    "crop would be no task? And for the local pairs: how many are there of three crops?",
    "attracted = all (s, t) with s from 0 to global_crops + local_crops - 1, t from 0 to global_crops - 1, s != t; "
    "apart = all (i, j) with global_crops <= i < j < global_crops + local_crops.",
    "`crops = global_crops + local_crops`; `attracted = [(s, t) for s in range(crops) for t in range(global_crops) if "
    "s != t]`; `apart = list(itertools.combinations(range(global_crops, crops), 2))`.",
)


def pairs(global_crops, local_crops):
    crops = global_crops + local_crops
    attracted = [
        (student, teacher) for student in range(crops) for teacher in range(global_crops) if student != teacher
    ]
    apart = [(first, second) for second in range(global_crops, crops) for first in range(global_crops, second)]
    return attracted, apart


def by_loops(global_crops, local_crops):
    attracted, apart = [], []
    for student in range(global_crops + local_crops):
        for teacher in range(global_crops):
            if student != teacher:
                attracted.append([student, teacher])
        if student >= global_crops:
            apart += [[student, other] for other in range(student + 1, global_crops + local_crops)]
    return [attracted, apart]


def by_itertools(global_crops, local_crops):
    whole, parts = range(global_crops), range(global_crops, global_crops + local_crops)
    return [*permutations(whole, 2), *product(parts, whole)], list(combinations(parts, 2))


def keeps_a_crop_with_itself(global_crops, local_crops):
    """A global crop is paired with itself. Student and teacher would look at the very same pixels, and nothing would
    have to be learned to agree: leave student == teacher out."""
    attracted, apart = pairs(global_crops, local_crops)
    return attracted + [(crop, crop) for crop in range(global_crops)], apart


def shows_the_teacher_local_crops(global_crops, local_crops):
    """Your teacher sees local crops, too. A part cannot say what the whole is: the teacher's crops are global, 0 to
    global_crops - 1."""
    return list(permutations(range(global_crops + local_crops), 2)), pairs(global_crops, local_crops)[1]


def leaves_out_the_global_pairs(global_crops, local_crops):
    """Only local crops are drawn to global ones. The student sees the global crops as well, and each of them is drawn
    to every *other* global crop."""
    return [pair for pair in pairs(global_crops, local_crops)[0] if pair[0] >= global_crops], pairs(
        global_crops, local_crops
    )[1]


def takes_one_order_of_the_global_pairs(global_crops, local_crops):
    """Of two global crops only one is drawn to the other. Student and teacher are two networks: (0, 1) and (1, 0) are
    two pairs."""
    attracted, apart = pairs(global_crops, local_crops)
    return [pair for pair in attracted if pair[0] > pair[1]], apart


def puts_the_teacher_first(global_crops, local_crops):
    """Your pairs have the teacher's crop first. The student's comes first: (student, teacher)."""
    attracted, apart = pairs(global_crops, local_crops)
    return [(teacher, student) for student, teacher in attracted], apart


def numbers_the_local_crops_from_0(global_crops, local_crops):
    """Your local pairs begin with crop 0, which is a global one. Local crops come behind the global ones: the first is
    number global_crops."""
    return pairs(global_crops, local_crops)[0], list(combinations(range(local_crops), 2))


def takes_local_pairs_in_both_orders(global_crops, local_crops):
    """Every local pair is there twice, in both orders. Here it is the same network on both sides, so once is enough: n
    (n - 1) / 2 pairs of n crops."""
    return pairs(global_crops, local_crops)[0], list(permutations(range(global_crops, global_crops + local_crops), 2))


def keeps_global_crops_apart(global_crops, local_crops):
    """Your second list has global crops in it. It is of pairs of two *local* crops only: numbers from global_crops
    on."""
    return pairs(global_crops, local_crops)[0], list(combinations(range(global_crops + local_crops), 2))


def pairs_a_local_crop_with_itself(global_crops, local_crops):
    """A local crop is paired with itself. Two different ones make a pair: one < other."""
    parts = range(global_crops, global_crops + local_crops)
    return pairs(global_crops, local_crops)[0], list(combinations_with_replacement(parts, 2))


def swaps_the_two_lists(global_crops, local_crops):
    """The two lists are in the wrong order: first the pairs of student and teacher, then the local ones."""
    return pairs(global_crops, local_crops)[::-1]
