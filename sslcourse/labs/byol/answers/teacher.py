"""Lab 2, exercise `teacher`: the moving average, in place, of everything a network holds."""

import copy

import torch

HINTS = (
    "Go through the tensors of both networks side by side and write into the teacher's. A network holds more than its "
    "parameters: what does BatchNorm keep? And what would autograd remember of the update, if you let it?",
    "teacher <- momentum * teacher + (1 - momentum) * student, for parameters and for floating-point buffers; buffers "
    "of whole numbers are copied; all under `torch.no_grad()`.",
    "`for mine, theirs in zip(teacher.parameters(), student.parameters()): mine.lerp_(theirs, 1 - momentum)`, inside "
    "`with torch.no_grad():`; the same with `.buffers()`, but `mine.copy_(theirs)` unless "
    "`mine.is_floating_point()`.",
)


def update_ema(teacher, student, momentum):
    with torch.no_grad():
        for mine, theirs in zip(teacher.parameters(), student.parameters()):
            mine.lerp_(theirs, 1 - momentum)
        for mine, theirs in zip(teacher.buffers(), student.buffers()):
            if mine.is_floating_point():
                mine.lerp_(theirs, 1 - momentum)
            else:
                mine.copy_(theirs)


def by_names(teacher, student, momentum):
    news = student.state_dict()
    for name, old in teacher.state_dict().items():
        new = news[name]
        old.copy_(momentum * old + (1 - momentum) * new if torch.is_floating_point(old) else new)


def by_loading(teacher, student, momentum):
    old, new = teacher.state_dict(), student.state_dict()
    mixed = {
        name: new[name] if "num_batches" in name else new[name] + momentum * (old[name] - new[name]) for name in old
    }
    teacher.load_state_dict(mixed)
    return teacher


def _pairs(teacher, student):
    """The tensors of both, side by side, parameters first."""
    mine, theirs = ([*network.parameters(), *network.buffers()] for network in (teacher, student))
    return list(zip(mine, theirs))


def swaps_the_momentum(teacher, student, momentum):
    """The two weights are exchanged: momentum is how much of the *teacher* stays, 1 - momentum is what it takes from
    the student. With 0.99 your teacher is almost the student."""
    update_ema(teacher, student, 1 - momentum)


def moves_the_parameters_only(teacher, student, momentum):
    """The parameters are right and the buffers stand still. BatchNorm keeps its running mean and variance, and a count,
    in `teacher.buffers()`: they belong to the network as the weights do."""
    with torch.no_grad():
        for mine, theirs in zip(teacher.parameters(), student.parameters()):
            mine.lerp_(theirs, 1 - momentum)


def copies_the_buffers(teacher, student, momentum):
    """The parameters are right, and all buffers are copies of the student's. Running mean and variance move by the same
    average as the weights; only whole numbers are copied."""
    moves_the_parameters_only(teacher, student, momentum)
    for mine, theirs in zip(teacher.buffers(), student.buffers()):
        mine.copy_(theirs)


def copies_the_student(teacher, student, momentum):
    """Your teacher is a copy of the student: momentum does nothing. It should keep the share `momentum` of what it
    was."""
    teacher.load_state_dict(student.state_dict())


def becomes_the_student(teacher, student, momentum):
    """Your teacher *is* the student: they share memory, so the student's next step moves the teacher as well. `a.data =
    b.data` gives one tensor a second name; write the numbers into the teacher's own tensors (`copy_`, `lerp_`)."""
    for mine, theirs in _pairs(teacher, student):
        mine.data = theirs.data


def gives_the_teacher_new_tensors(teacher, student, momentum):
    """Your teacher holds new tensors, and its own are what they were: whoever keeps those sees no change. Write into
    the teacher's own (`mine.copy_(...)`, `mine.lerp_(...)`) instead of assigning others to it."""
    mixed = copy.deepcopy(teacher)
    update_ema(mixed, student, momentum)
    teacher.load_state_dict(mixed.state_dict(), assign=True)


def keeps_the_graph(teacher, student, momentum):
    """The numbers are right, but autograd has recorded the update: a gradient would flow through the teacher into the
    student, and the record grows with every step. Do it under `torch.no_grad()`."""
    for mine, theirs in _pairs(teacher, student):
        mine.copy_(momentum * mine + (1 - momentum) * theirs if mine.is_floating_point() else theirs)


def averages_the_count(teacher, student, momentum):
    """Everything is right but BatchNorm's count of batches: you average it, and a whole number loses what comes after
    its point. Copy what is not `is_floating_point()`."""
    new = student.state_dict()
    teacher.load_state_dict({k: momentum * v + (1 - momentum) * new[k] for k, v in teacher.state_dict().items()})


def leaves_the_count(teacher, student, momentum):
    """Everything is right but BatchNorm's count of batches, which stands still. Whole numbers cannot be averaged, but
    they are copied: `mine.copy_(theirs)`."""
    with torch.no_grad():
        for mine, theirs in _pairs(teacher, student):
            if mine.is_floating_point():
                mine.lerp_(theirs, 1 - momentum)


def leaves_the_teacher_as_it_was(teacher, student, momentum):
    """The teacher is what it was before the call. An assignment such as `mine = ...` or `teacher = ...` only gives
    something new that name; write into the tensors that the network holds: `mine.copy_(...)` or `mine.lerp_(...)`."""
    for mine, theirs in _pairs(teacher, student):
        mine = momentum * mine + (1 - momentum) * theirs
