"""Lab 4, exercise `patch`: the student says what the teacher sees in the patches that are hidden from the student."""

import torch

HINTS = (
    "First one number for every place, whether masked or not. Then keep those that are masked: how many are there in "
    "each picture, and what if there are none?",
    "h = - sum over k of teacher * log_softmax(student), n x N numbers; for each picture the sum of mask * h divided "
    "by the number of its masked places, or by 1 where it has none; the mean over the pictures.",
    "`each = -(teacher.detach() * student.log_softmax(-1)).sum(-1)`; `weights = mask.to(each.dtype)`; return "
    "`((each * weights).sum(1) / weights.sum(1).clamp(min=1)).mean()`.",
)


def masked_patch_loss(student, teacher, mask):
    each = -(teacher.detach() * student.log_softmax(dim=-1)).sum(dim=-1)  # n,N
    weights = mask.to(each.dtype)
    return ((each * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)).mean()


def image_by_image(student, teacher, mask):
    total = 0.0 * student[mask].sum()
    for logits, goal, where in zip(student, teacher.detach(), mask):
        if where.any():
            picked = logits[where]
            total = total - (goal[where] * (picked - picked.logsumexp(1, keepdim=True))).sum() / where.sum()
    return total / len(mask)


def place_by_place(student, teacher, mask):
    n = student.shape[0]
    rows, places = mask.nonzero(as_tuple=True)
    log_p = student[rows, places].log_softmax(-1)
    share = 1.0 / (n * mask.sum(1).to(student.dtype))
    return -(share[rows] * (teacher[rows, places].detach() * log_p).sum(-1)).sum()


def _each(student, teacher):
    return -(teacher.detach() * student.log_softmax(-1)).sum(-1)  # n,N


def takes_the_visible_places(student, teacher, mask):
    """You take the places that are *not* masked. There the student sees what the teacher sees; the loss is about the
    places where `mask` is True."""
    return masked_patch_loss(student, teacher, ~mask)


def takes_every_place(student, teacher, mask):
    """The mask has no effect: you average over all places. Where the student sees the patch itself, there is no loss
    here."""
    return _each(student, teacher).mean()


def divides_by_all_places(student, teacher, mask):
    """The masked places are the right ones, but you divide by the number of *all* places: a picture with few masked
    patches then counts less. Divide by the number of its masked ones."""
    return (_each(student, teacher) * mask).mean()


def pools_all_images(student, teacher, mask):
    """You take one mean over the masked places of all pictures, so that a picture with many counts for more. Take each
    picture's mean first, then the mean over the pictures."""
    return _each(student, teacher)[mask].mean()


def leaves_out_images_without_a_mask(student, teacher, mask):
    """Everything is right but for pictures without a masked patch. They count as 0 in the mean over the pictures, and
    you leave them out of it."""
    some = mask.any(1)
    return masked_patch_loss(student[some], teacher[some], mask[some])


def sums_over_the_places(student, teacher, mask):
    """You add up a picture's masked places. Divide by their number, so that the size of the mask does not change how
    much the picture counts."""
    return (_each(student, teacher) * mask).sum(1).mean()


def lets_the_teacher_learn(student, teacher, mask):
    """The value is right, but a gradient reaches the teacher. Its probabilities are constants here: detach them, or it
    would move towards the student."""
    weights = mask.to(student.dtype)
    each = -(teacher * student.log_softmax(-1)).sum(-1)
    return ((each * weights).sum(1) / weights.sum(1).clamp(min=1)).mean()


def masks_the_logits(student, teacher, mask):
    """You multiply the logits by the mask. A place with logits 0 is not left out: it says that all prototypes are
    equally likely, and counts. Mask the cross-entropies, one a place."""
    masked = student * mask[..., None]
    return (_each(masked, teacher).sum(1) / mask.sum(1).clamp(min=1)).mean()


def averages_over_the_prototypes(student, teacher, mask):
    """You take the mean over the prototypes, too. A cross-entropy is the *sum* over the prototypes; the means are over
    places and pictures."""
    return masked_patch_loss(student, teacher, mask) / student.shape[-1]


def softens_the_teacher_again(student, teacher, mask):
    """You take a softmax of the teacher's probabilities. They are distributions already, and a second softmax makes
    them nearly uniform."""
    return masked_patch_loss(student, teacher.softmax(-1), mask)


def exchanges_student_and_teacher(student, teacher, mask):
    """You take the logarithm of the teacher's probabilities, weighted by the student's. It is the student whose
    logarithm is taken, weighted by the teacher: -sum of teacher * log(student)."""
    each = -(student.softmax(-1) * teacher.detach().log()).sum(-1)
    return ((each * mask).sum(1) / mask.sum(1).clamp(min=1)).mean()


def forgets_the_softmax(student, teacher, mask):
    """You multiply the teacher's probabilities by the student's logits themselves. They are no logarithms of
    probabilities yet: take `log_softmax` over the prototypes first."""
    each = -(student * teacher.detach()).sum(-1)
    return ((each * mask).sum(1) / mask.sum(1).clamp(min=1)).mean()


def measures_the_divergence(student, teacher, mask):
    """You compute the divergence (`kl_div`), which is smaller than the cross-entropy by the teacher's own entropy. The
    gradient is the same, the number is not: leave out the term with the teacher's logarithm."""
    each = _each(student, teacher) - torch.special.entr(teacher.detach()).sum(-1)
    return ((each * mask).sum(1) / mask.sum(1).clamp(min=1)).mean()
