"""Lab 5, exercise `speed`: the operations of a whole step, with and without removal."""

HINTS = (
    "Count one block for each kind of crop: whole, kept, local. Who sees which of them, how often, and does it go "
    "backward too? Only one of these numbers changes with `keep`.",
    "step(s) = 2 T + 3 (2 s + L l), with T one block on 1 + patches tokens (the teacher's, forward only), l one on 1 + "
    "local_patches, L local crops, and s what the student's global crops cost. The answer is step(T) / step(kept).",
    "`def block(tokens): return 24 * tokens * dim**2 + 4 * tokens**2 * dim`; `whole = block(1 + patches)`, kept and "
    "local alike; `before = 2 * whole + 3 * (2 * whole + local_crops * local)`; in `after` the second whole is kept.",
)


def speed_up(keep, patches, dim, local_crops, local_patches):
    def block(tokens):
        return 24 * tokens * dim**2 + 4 * tokens**2 * dim

    teacher = 2 * block(1 + patches)
    local = local_crops * block(1 + local_patches)
    before = teacher + 3 * (2 * block(1 + patches) + local)
    after = teacher + 3 * (2 * block(1 + keep) + local)
    return before / after


def by_a_list_of_crops(keep, patches, dim, local_crops, local_patches):
    def cost(crops):
        return sum(times * (6 * dim + n + 1) * (n + 1) for times, n in crops)

    student, local = [(3, patches)] * 2, [(3, local_patches)] * local_crops
    teacher = [(1, patches)] * 2
    return cost(teacher + student + local) / cost(teacher + [(3, keep)] * 2 + local)


def by_what_is_saved(keep, patches, dim, local_crops, local_patches):
    tokens = {"whole": patches + 1, "kept": keep + 1, "local": local_patches + 1}
    cost = {name: 4 * dim * n * (n + 6 * dim) for name, n in tokens.items()}
    total = 8 * cost["whole"] + 3 * local_crops * cost["local"]
    return 1 / (1 - 6 * (cost["whole"] - cost["kept"]) / total)


def _ratio(keep, patches, dim, local_crops, local_patches, teacher=1, student=3, prefix=1, local_keep=None):
    """The speed-up with other counts than those that are asked for."""

    def block(tokens):
        return (24 * dim + 4 * (prefix + tokens)) * (prefix + tokens)

    whole, kept = 2 * block(patches), 2 * block(keep)
    local = local_crops * block(local_patches)
    local_after = local if local_keep is None else local_crops * block(local_keep)
    return (teacher * whole + student * (whole + local)) / (teacher * whole + student * (kept + local_after))


def forgets_the_teacher(keep, patches, dim, local_crops, local_patches):
    """The teacher is missing: in every step it looks at both global crops, whole, once forward. It costs the same with
    removal and without, and so keeps the saving small."""
    return _ratio(keep, patches, dim, local_crops, local_patches, teacher=0)


def removes_from_the_teacher_too(keep, patches, dim, local_crops, local_patches):
    """You remove patches from what the teacher sees. It sees everything: it is the teacher who says which patches
    go."""
    whole, kept = ((24 * dim + 4 * n) * n for n in (patches + 1, keep + 1))
    local = 3 * local_crops * (24 * dim + 4 * (local_patches + 1)) * (local_patches + 1)
    return (8 * whole + local) / (8 * kept + local)


def counts_teacher_and_student_alike(keep, patches, dim, local_crops, local_patches):
    """A global crop costs as much in your student as in your teacher. The teacher goes forward only; the student also
    goes backward, which costs twice a forward pass: 1 for the teacher, 3 for the student."""
    return _ratio(keep, patches, dim, local_crops, local_patches, student=1)


def counts_the_backward_pass_once(keep, patches, dim, local_crops, local_patches):
    """You count the backward pass like one forward pass. It costs two: a product for the gradient of the input and one
    for that of the weights, so that the student's crops count three times."""
    return _ratio(keep, patches, dim, local_crops, local_patches, student=2)


def removes_from_the_local_crops_too(keep, patches, dim, local_crops, local_patches):
    """You remove patches from the local crops as well. They lose none: only the global crops do."""
    share = keep / patches
    return _ratio(keep, patches, dim, local_crops, local_patches, local_keep=share * local_patches)


def sends_the_local_crops_forward_only(keep, patches, dim, local_crops, local_patches):
    """You count a local crop once. It is the student who sees it, forward and backward: three times a forward pass."""
    return _ratio(keep, patches, dim, local_crops / 3, local_patches)


def shows_the_local_crops_to_the_teacher(keep, patches, dim, local_crops, local_patches):
    """You count a local crop four times, as if the teacher saw it, too. Only the student does, three times a forward
    pass."""
    return _ratio(keep, patches, dim, local_crops * 4 / 3, local_patches)


def counts_one_global_crop(keep, patches, dim, local_crops, local_patches):
    """You count one global crop for the teacher and one for the student. Both see two."""
    return _ratio(keep, patches, dim, 2 * local_crops, local_patches)


def forgets_the_local_crops(keep, patches, dim, local_crops, local_patches):
    """The local crops are missing. The student sees them too, forward and backward, with or without removal."""
    return _ratio(keep, patches, dim, 0, local_patches)


def forgets_the_class_token(keep, patches, dim, local_crops, local_patches):
    """The class token is missing: a crop of n patches has n + 1 tokens."""
    return _ratio(keep, patches, dim, local_crops, local_patches, prefix=0)


def leaves_the_attention_out(keep, patches, dim, local_crops, local_patches):
    """You count 24 T D^2 only. The attention itself, 4 T^2 D, grows with the *square* of the tokens, and so saves more
    than the rest."""
    whole, kept, local = 2 * (patches + 1), 2 * (keep + 1), local_crops * (local_patches + 1)
    return (4 * whole + 3 * local) / (whole + 3 * (kept + local))


def returns_the_share_of_the_time(keep, patches, dim, local_crops, local_patches):
    """That is upside down: the share of the operations that is left. How many times faster the step gets is the whole
    step divided by the shorter one, a number above 1."""
    return 1 / speed_up(keep, patches, dim, local_crops, local_patches)
