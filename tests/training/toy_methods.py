"""Small methods that use every hook of the loop, for tests only."""

import os
import signal
from typing import NamedTuple

import torch
from torch import nn

from sslcourse.data.augment import Augmentation
from sslcourse.data.views import two_views
from sslcourse.methods import Method
from sslcourse.processes import sum_over_processes, world_size


class Crops(NamedTuple):
    """Views as a method with crops of two sizes has them."""

    large: torch.Tensor  # 2,B,3,16,16
    small: torch.Tensor  # 2,B,3,8,8


class Mean(nn.Module):
    """Images -> `width` numbers an image, whatever the image's size."""

    def __init__(self, width=8, norm=False):
        super().__init__()
        self.dim = width
        self.first = nn.Conv2d(3, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width) if norm else nn.Identity()
        self.last = nn.Linear(width, width)

    def forward(self, images):
        return self.last(torch.relu(self.norm(self.first(images))).mean((2, 3)))

    features = forward


class Around(Method):
    """A method around any module, for code that asks a method for its parameters alone."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder


class ToyDistillation(Method):
    """A student of an EMA teacher with a centre: state in parameters, buffers and a schedule."""

    compile_targets = ("student",)

    def __init__(self, width=8, norm=False, prototypes=8):
        super().__init__()
        self.student, self.teacher = Mean(width, norm), Mean(width, norm)
        self.head, self.teacher_head = nn.Linear(width, prototypes), nn.Linear(width, prototypes)
        self.teacher.load_state_dict(self.student.state_dict())
        self.teacher_head.load_state_dict(self.head.state_dict())
        for part in (self.teacher, self.teacher_head):
            part.requires_grad_(False)
        self.register_buffer("centre", torch.zeros(prototypes))
        self.prototypes = prototypes
        self.momentum = None
        self.called = []

    @property
    def representation(self):
        return self.teacher

    def teacher_pairs(self):
        return [(self.teacher, self.student), (self.teacher_head, self.head)]

    def begin_step(self, step, steps):
        self.called.append(("begin", step))
        self.momentum = 0.9 + 0.1 * step / steps

    def draw_views(self, images, generator=None):
        self.called.append(("views", len(images)))
        return Crops(*(two_views(images, Augmentation(size=size, blur=0.0), generator) for size in (16, 8)))

    def forward(self, views):
        with torch.no_grad():
            logits = self.teacher_head(self.teacher(views.large.flatten(0, 1)))
            target = ((logits - self.centre) / 0.1).softmax(1)
            self.centre.lerp_(sum_over_processes(logits.mean(0)) / world_size(), 0.1)
        loss = 0.0
        for crops in views:
            predicted = (self.head(self.student(crops.flatten(0, 1))) / 0.2).log_softmax(1)
            loss = loss - (target.roll(len(target) // 2, 0) * predicted).sum(1).mean() / 2
        entropy = -torch.special.xlogy(target, target).sum(1).mean()
        return loss, {"cls_loss": loss.detach(), "teacher_entropy": entropy}

    @torch.no_grad()
    def end_step(self):
        self.called.append(("end", None))
        for teacher, student in self.teacher_pairs():
            torch._foreach_lerp_(list(teacher.parameters()), list(student.parameters()), 1 - self.momentum)


def killed(recipe):
    """In place of an untrained method: the process is killed, as by a machine that is out of memory."""
    os.kill(os.getpid(), signal.SIGKILL)
