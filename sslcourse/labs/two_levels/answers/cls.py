"""Lab 4, exercise `cls`: every crop of the student learns from every other crop of the teacher."""

import torch

HINTS = (
    "The teacher saw the first T of the student's S crops. Which of the S x T pairs are a crop with itself, and how "
    "many are left?",
    "H(teacher[t], student[s]) = - sum over k of teacher[t] * log_softmax(student[s]), for every s and t but s = t; "
    "the loss is the mean over these pairs and over the pictures. The teacher's side is a constant.",
    "`log_p = student.log_softmax(-1)`; collect `-(teacher[t].detach() * log_p[s]).sum(-1).mean()` for t in "
    "range(len(teacher)), s in range(len(student)), if s != t; return `torch.stack(terms).mean()`.",
)


def cls_loss(student, teacher):
    log_p = student.log_softmax(dim=-1)  # S,n,K
    terms = [
        -(teacher[t].detach() * log_p[s]).sum(dim=-1).mean()
        for t in range(len(teacher))
        for s in range(len(student))
        if s != t
    ]
    return torch.stack(terms).mean()


def by_einsum(student, teacher):
    s, n, _ = student.shape
    t = len(teacher)
    pairs = -torch.einsum("tnk,snk->ts", teacher.detach(), student.log_softmax(2))  # T,S
    others = ~torch.eye(t, s, dtype=torch.bool)
    return pairs[others].sum() / (others.sum() * n)


def by_a_mask(student, teacher):
    with torch.no_grad():
        goal = teacher.clone()
    log_p = student - student.logsumexp(-1, keepdim=True)
    each = -(goal[:, None] * log_p[None]).sum(-1).mean(-1)  # T,S
    weights = 1.0 - torch.eye(*each.shape).to(each)
    return (each * weights).sum() / weights.sum()


def _pairs(student, teacher):
    """H of every teacher's and every student's crop, `T,S`, and which of these pairs are of two crops."""
    each = -torch.einsum("tnk,snk->ts", teacher.detach(), student.log_softmax(-1)) / student.shape[1]
    return each, ~torch.eye(*each.shape, dtype=torch.bool)


def keeps_its_own_view(student, teacher):
    """You also compare a crop with the teacher's view of the same crop. Student and teacher see the same pixels there,
    so nothing is to be learned about what crops have in common: leave s = t out."""
    return _pairs(student, teacher)[0].mean()


def compares_a_crop_with_itself_only(student, teacher):
    """You compare each crop with the teacher's view of the same crop, and with no other. It is the other way round: all
    pairs but these."""
    each, others = _pairs(student, teacher)
    return each[~others].mean()


def divides_by_all_pairs(student, teacher):
    """Your sum is right and its divisor is not: a crop's pair with itself is left out of the sum, so it must not be
    counted either."""
    each, others = _pairs(student, teacher)
    return each[others].sum() / each.numel()


def sums_over_the_pairs(student, teacher):
    """You add up the pairs of crops. Take the mean over the pairs, so that the loss does not grow with the number of
    crops."""
    each, others = _pairs(student, teacher)
    return each[others].sum()


def leaves_out_the_local_crops(student, teacher):
    """You go through the crops that the teacher saw. The student has more, the local ones: each of them learns from
    every crop of the teacher's."""
    return cls_loss(student[: len(teacher)], teacher)


def lets_the_teacher_learn(student, teacher):
    """The value is right, but a gradient reaches the teacher. Its probabilities are constants here: detach them, or it
    would move towards the student."""
    log_p = student.log_softmax(-1)
    each = -torch.einsum("tnk,snk->ts", teacher, log_p) / student.shape[1]
    return each[~torch.eye(*each.shape, dtype=torch.bool)].mean()


def softens_the_teacher_again(student, teacher):
    """You take a softmax of the teacher's probabilities. They are distributions already, and a second softmax makes
    them nearly uniform."""
    return cls_loss(student, teacher.softmax(-1))


def averages_over_the_prototypes(student, teacher):
    """You take the mean over the prototypes, too. A cross-entropy is the *sum* over the prototypes; the mean is over
    the pairs and the pictures."""
    return cls_loss(student, teacher) / student.shape[-1]


def exchanges_student_and_teacher(student, teacher):
    """You take the logarithm of the teacher's probabilities, weighted by the student's. It is the student whose
    logarithm is taken, weighted by the teacher: -sum of teacher * log(student)."""
    log_teacher = teacher.detach().clamp_min(1e-12).log()
    each = -torch.einsum("tnk,snk->ts", log_teacher, student.softmax(-1)) / student.shape[1]
    return each[~torch.eye(*each.shape, dtype=torch.bool)].mean()


def forgets_the_softmax(student, teacher):
    """You multiply the teacher's probabilities by the student's logits themselves. They are no logarithms of
    probabilities yet: take `log_softmax` over the prototypes first."""
    each = -torch.einsum("tnk,snk->ts", teacher.detach(), student) / student.shape[1]
    return each[~torch.eye(*each.shape, dtype=torch.bool)].mean()


def measures_the_divergence(student, teacher):
    """You compute the divergence (`kl_div`), which is smaller than the cross-entropy by the teacher's own entropy. The
    gradient is the same, the number is not: leave out the term with the teacher's logarithm."""
    own = -torch.special.entr(teacher.detach()).sum(-1)[:, None].expand(-1, len(student), -1).mean(-1)
    return cls_loss(student, teacher) + own[~torch.eye(*own.shape, dtype=torch.bool)].mean()


def divides_by_the_temperature_again(student, teacher):
    """You divide the student's logits by its temperature, 0.1. They come divided already."""
    return cls_loss(student / 0.1, teacher)
