# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Lab 2: Learning without negatives
#
# In Lab 1 the negative pairs were what kept a network from giving every picture the same embedding. BYOL has none: it
# only asks two views of a picture to agree, and the best possible answer to that is a constant. Yet it learns. **Why
# does BYOL not collapse?** In this lab you build it, take it apart, and find out which of its parts hold it up.
#
# **You will be able to**
#
# - write BYOL's loss, and say where its gradient stops and why that matters;
# - keep a teacher that follows its student, and find out when it does not;
# - see a collapse while it happens, by three meters, and tell which part of a method prevents it;
# - measure whether the outputs of a batch depend on each other, and what BatchNorm has to do with it;
# - compare two methods on batch size and transformations without being fooled.
#
# | | `smoke` | `cpu` (two cores) | `gpu` |
# |---|---|---|---|
# | your own work | – | one to two hours | one to two hours |
# | waiting | half a minute | about two minutes | not timed yet |
# | what it shows | everything runs, nothing learns | all findings | all findings, with a larger network |
#
# **You need** Lab 1's ideas (views, embeddings, cosine, collapse), though none of its code, and `torch.nn.Module`:
# parameters, buffers, gradients. Nothing is downloaded.
#
# **The course**: 0 Tokens and probes · 1 Contrastive learning · **2 Learning without negatives (you are here)** · 3
# Local and global crops · 4 Distillation at two levels · 5 Removing tokens · 6 Reconstructing pixels · 7 Putting it
# together
#
# In every stage you first *predict*, which is never graded; then you write a function of a few lines, and `check`
# tells you what differs; then an *experiment* runs and settles the prediction. No stage blocks the next: where a
# function of yours is missing or wrong, the experiments take the course's own and say so.

# %% tags=["setup"]
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sslcourse.notebook import check, hint, predict, prediction_table, progress, solution, start

start("byol")

# %% tags=["experiment"]
from sslcourse.labs.byol.experiments import ByolLab

# or images="cifar10", or images="folder:PATH": your own photographs, as many as there are
lab = ByolLab(images="objects")
lab.show_branches()

# %% [markdown]
# ## 1. A loss that a constant solves
#
# **Idea.** Two branches look at two views of one picture. The *online network* gives an embedding $z$ of its view, and
# a small *predictor* turns that into $p$, a prediction of what the *target network* says of the other view, $z'$. Only
# directions count, so both are scaled to length 1, and the loss is their squared distance (BYOL paper, equation 2):
#
# $$ D(p, z') = \left\lVert \frac{p}{\lVert p \rVert} - \frac{z'}{\lVert z' \rVert} \right\rVert^2
#    = 2 - 2 \cos(p, z'). $$
#
# No other picture appears in it. And $z'$ counts as a constant: the gradient *stops* there.

# %% tags=["predict"] id="byol.constant"
predict(
    "byol.constant",
    "A network has forgotten everything: it gives every picture the same vector. Its loss is ...",
    a="0, the best there is",
    b="2, that of a guess",
    c="4, the worst there is",
)

# %% [markdown]
# **Write** `regression_loss` (2 points, about 10 minutes).


# %% tags=["exercise"] id="byol.loss"
def regression_loss(p: Tensor, z: Tensor) -> Tensor:
    """BYOL's loss: the mean squared distance of the directions of p and z, row by row.

    p, z: [n, d], predictions and targets, of any length but zero
    returns a tensor without dimensions, of the dtype of `p`, with a gradient to p and none to z

    >>> p = torch.tensor([[3., 0.], [0., 2.]])
    >>> z = torch.tensor([[5., 0.], [1., 0.]])    # the first pair agrees, the second is at a right angle
    >>> regression_loss(p, z)
    tensor(1.)
    """


# %% tags=["check", "nbval-check-output"] id="byol.loss"
check("byol.loss", regression_loss)

# %% tags=["experiment"]
lab.three_networks(regression_loss)

# %% [markdown]
# ## 2. A teacher that follows
#
# **Idea.** The target network is never trained. Its weights $\xi$ follow those of the online network, $\theta$, as an
# *exponential moving average*: after each step of the optimiser
#
# $$ \xi \leftarrow \tau\, \xi + (1 - \tau)\, \theta . $$
#
# The *momentum* $\tau$ says how much of the teacher stays. A network is more than its parameters: BatchNorm keeps a
# running mean and variance, *buffers* that no gradient reaches. They move in the same way. Its count of batches is a
# whole number, which cannot move by a hundredth; it is copied.

# %% tags=["predict"] id="byol.half_way"
predict(
    "byol.half_way",
    "The student jumps once and then stands still. With momentum 0.99, after how many steps is the teacher half way?",
    a="about 7",
    b="about 70",
    c="about 700",
)

# %% [markdown]
# **Write** `update_ema` (3 points, about 15 minutes). It works *in place*: the teacher's own tensors take new
# values, and the student's stay as they are. Autograd must not record it.


# %% tags=["exercise"] id="byol.teacher"
def update_ema(teacher: nn.Module, student: nn.Module, momentum: float) -> None:
    """Move the teacher towards the student, in place: momentum * teacher + (1 - momentum) * student.

    teacher, student: two networks of one form; the teacher's parameters have requires_grad=False
    momentum: how much of the teacher stays, between 0 and 1
    parameters and floating-point buffers move; buffers of whole numbers are copied.
    The two share no memory, nothing of the student changes, and no gradient flows through the update

    >>> teacher, student = nn.Linear(1, 1).requires_grad_(False), nn.Linear(1, 1)
    >>> _ = nn.init.constant_(teacher.weight, 1.0), nn.init.constant_(student.weight, 3.0)
    >>> update_ema(teacher, student, 0.75)
    >>> teacher.weight.item()
    1.5
    """
    # network.parameters() and network.buffers() give the tensors of a network, in the same order for both.


# %% tags=["check", "nbval-check-output"] id="byol.teacher"
check("byol.teacher", update_ema)

# %% [markdown]
# Early on the student learns fast and a slow teacher would hold it back; at the end a teacher that stands still is a
# calm target. So the momentum rises in the course of a run, from its base to 1, along half a cosine (BYOL paper,
# section 3.3):
#
# $$ \tau_k = 1 - (1 - \tau_{\text{base}}) \, \frac{\cos(\pi k / K) + 1}{2}, \qquad k = 0, \dots, K - 1 . $$
#
# **Write** `momentum_at` (1 point, about 5 minutes).


# %% tags=["exercise"] id="byol.momentum"
def momentum_at(step: int, steps: int, base: float) -> float:
    """The momentum of step `step` (0 to steps - 1) in a run of `steps` steps: from base up towards 1.

    returns a Python float

    >>> [round(momentum_at(step, 4, 0.9), 3) for step in range(4)]
    [0.9, 0.915, 0.95, 0.985]
    """


# %% tags=["check", "nbval-check-output"] id="byol.momentum"
check("byol.momentum", momentum_at)

# %% tags=["experiment"]
lab.follow(update_ema, momentum_at)

# %% [markdown]
# ## 3. BYOL, from your own parts
#
# **Idea.** Neither view comes first, so each predicts the other. With $f$ the online network (encoder and
# projector), $q$ the predictor and $g$ the target network,
#
# $$ L = \tfrac12 \Big[ D\big(q(f(v_1)),\, g(v_2)\big) + D\big(q(f(v_2)),\, g(v_1)\big) \Big] . $$
#
# The predictor stands on the online side only. The paper adds the two orders; here it is their mean.

# %% tags=["predict"] id="byol.spread"
predict(
    "byol.spread",
    "Random weights put all pictures close together; no part of the loss pushes them apart. In training, the pictures",
    a="move apart",
    b="stay about as close as they were (their spread, within a fifth)",
    c="move closer together",
)

# %% [markdown]
# **Write** `symmetrised` (3 points, about 15 minutes).


# %% tags=["exercise"] id="byol.symmetrised"
def symmetrised(predictor: nn.Module, online: nn.Module, target: nn.Module, views: Tensor) -> Tensor:
    """BYOL's loss for two views: each predicts the target network's embedding of the other.

    predictor: embeddings [n, d] -> predictions [n, d]
    online, target: views [n, ...] -> embeddings [n, d]
    views: [2, n, ...], row i of both is a view of picture i
    returns a tensor without dimensions: the mean of 2 - 2 cos over the pictures and both orders,
    with gradients to predictor and online network, and none to the target network

    >>> same, turned = nn.Identity(), lambda x: -x
    >>> symmetrised(same, same, turned, torch.ones(2, 3, 4))    # every cosine is -1
    tensor(4.)
    """
    # You may call your own regression_loss, or write the distance here.


# %% tags=["check", "nbval-check-output"] id="byol.symmetrised"
check("byol.symmetrised", symmetrised)

# %% [markdown]
# **Train** BYOL with *your* loss, *your* moving average and *your* schedule. Three meters watch for collapse, on
# held-out pictures: the **spread** of the projections (the standard deviation of each channel of $z / \lVert z
# \rVert$; $1/\sqrt d$ when they point everywhere, 0 on one point), the **cosines** of two views of one picture and of
# two pictures, and the **effective rank**, the number of directions in use. Shaded is what is ordinary: 95 of 100 new
# runs of the course's own functions lie there.

# %% tags=["experiment"]
lab.train_baseline(symmetrised, update_ema, momentum_at)

# %% [markdown]
# ## 4. Take it apart
#
# **Idea.** Three things make the two branches unequal: the **predictor** on one side, the **stop-gradient** on the
# other, and the **moving average**. Without the average the target is the online network itself, as it is in this very
# step. You will often read that *the slowly moving teacher* is what keeps BYOL from collapsing. Take each of the three
# away, and see. (The stop-gradient goes only together with the average: a target that follows is not trained at all.)
#
# "Collapses" means here: at the end the spread is less than a fifth of that of evenly spread vectors.

# %% tags=["predict"] id="byol.no_ema"
predict(
    "byol.no_ema",
    "No moving average: the target is the online network itself, its gradient stopped. Predictor as before.",
    a="collapses",
    b="does not collapse",
)

# %% tags=["predict"] id="byol.no_predictor"
predict(
    "byol.no_predictor",
    "No predictor: z itself is compared with the target. Moving average and stop-gradient as before.",
    a="collapses",
    b="does not collapse",
)

# %% tags=["predict"] id="byol.no_stop"
predict(
    "byol.no_stop",
    "No moving average and no stop-gradient: both branches learn. Predictor as before.",
    a="collapses",
    b="does not collapse",
)

# %% tags=["experiment"]
lab.grid()

# %% [markdown]
# **Play.** The runs of the grid, recorded. Set the switches, then move the step back: how soon could you have known?
# Which runs end with all cosines near 1?

# %% tags=["widget"]
lab.explore_collapse()

# %% [markdown]
# **One run is one run.** The course keeps a *ledger*: the same questions, asked of a small ViT in pairs of runs, six
# pairs before anything is said, with the smallest effect that counts written down before the first run that counts.

# %% tags=["experiment"]
lab.claims("byol-target")

# %% [markdown] tags=["answer"] id="byol.why_no_collapse"
# **Write** (about 15 minutes), with the numbers of *your* grid.

# %% [markdown]
# ## 5. Find the mistake
#
# **Another kind of exercise.** Somebody's BYOL trained without an error, and its curves look healthy. One line of its
# code is not what it should be. Below are its meters on the way, beside those of your sound run at the same steps. Ask
# of each candidate what it would do to *every* row.

# %% tags=["experiment"]
lab.mystery()

# %% tags=["predict"] id="byol.mystery"
predict(
    "byol.mystery",
    "Which mistake is it?",
    a="the teacher shares the student's weights",
    b="momentum and 1 - momentum are exchanged",
    c="the teacher is never updated",
    d="the gradient does not stop at the target",
)

# %% tags=["experiment"]
lab.solve_mystery()

# %% [markdown]
# ## 6. Does a picture see its neighbours?
#
# **A claim you will meet**: *"BYOL compares a picture only with itself, so the other pictures of the batch do not
# matter to it, and neither does the size of the batch."* The loss says so. Does the network?
#
# Put a batch through a head, change *one* row of it, and see which outputs move.

# %% tags=["predict"] id="byol.leak"
predict(
    "byol.leak",
    "The course's heads have BatchNorm. One picture of six is changed, in training. How many other outputs move?",
    a="none",
    b="some",
    c="all",
)

# %% [markdown]
# **Write** `influence` (2 points, about 10 minutes).


# %% tags=["exercise"] id="byol.influence"
def influence(head: nn.Module, z: Tensor, step: Tensor) -> Tensor:
    """How far every output of a head moves when one row of its batch does.

    head: [n, d] -> [n, k], used as it is: in training if it is in training
    z: [n, d], a batch; `z` itself stays as it was
    step: [d], what is added to one row at a time
    returns [n, n], of the dtype of `z`: row i, column j is how far head(z)[i] moves (a length)
    when `step` is added to z[j]

    >>> influence(nn.Identity(), torch.zeros(2, 2), torch.tensor([3., 4.]))    # a row moves itself alone
    tensor([[5., 0.],
            [0., 5.]])
    """


# %% tags=["check", "nbval-check-output"] id="byol.influence"
check("byol.influence", influence)

# %% tags=["experiment"]
lab.leak(influence)

# %% [markdown]
# **The size of the batch.** Train both methods with a small batch and with the usual one, at an equal number of
# updates (so with fewer pictures seen, both alike). *Contrastive accuracy* is Lab 1's meter: the share of views
# whose nearest neighbour among all views is the other one of the same picture.

# %% tags=["predict"] id="byol.batch"
predict(
    "byol.batch",
    "With the small batch, whose kNN accuracy falls by more than 0.03?",
    a="SimCLR's alone",
    b="that of both",
    c="BYOL's alone",
    d="neither",
)

# %% tags=["experiment"]
lab.batch_sizes()

# %% [markdown]
# ## 7. Without colour transformations
#
# In Lab 1, SimCLR took a shortcut as soon as the colours of the two views agreed: a histogram of colours told the
# pairs apart. BYOL has nothing to tell apart. Does that save it?

# %% tags=["predict"] id="byol.colour"
predict(
    "byol.colour",
    "Take the colour transformations away from both. Whose kNN accuracy falls by more?",
    a="SimCLR's",
    b="both fall alike (within 0.03)",
    c="BYOL's",
)

# %% tags=["experiment"]
lab.transformations()

# %% [markdown]
# What the ledger has on both stages, with more sizes of batch and more sets of transformations:

# %% tags=["experiment"]
lab.claims("batch-size", "fewer-transformations", "too-hard-or-too-easy")

# %% [markdown] tags=["answer"] id="byol.two_methods"
# **Write** (about 15 minutes), with the numbers of *your* runs.

# %% [markdown]
# ## 8. What it is good for
#
# **Few labels.** Pictures are cheap, labels are not. A linear classifier on the frozen features sees only a few labels
# of each class.

# %% tags=["experiment"]
lab.few_labels()

# %% [markdown]
# **Search by picture.** The nearest training pictures of four held-out ones. A dashed orange frame marks a
# picture of another class.

# %% tags=["experiment"]
lab.search()

# %% [markdown]
# ## What you predicted, and what was measured

# %%
prediction_table()

# %%
progress()

# %% [markdown]
# ## Challenge
#
# Not graded. In these short runs SimCLR is well ahead of BYOL. At equal cost (network, pictures, steps and batch
# stay), how near can you bring BYOL? Try the momentum, the rate of the predictor (`predictor_lr_scale`), BatchNorm on
# the projector's output (`output_norm="batch"`), a deeper projector (`projector_layers=3`). Write down first what you
# expect, and why; about one try in forty beats the range by luck.

# %% tags=["experiment"]
lab.challenge(momentum=0.99)

# %% [markdown]
# ## Further
#
# **Try** `lab.train_baseline(symmetrised, update_ema, momentum_at, force=True)` with a loss that forgets the
# predictor: which meter tells you first? And `lab.challenge(predictor=False, output_norm="batch")`: does BatchNorm on
# the output hold the spread up alone?
#
# **Read**
#
# - Grill et al. 2020, *Bootstrap Your Own Latent: A New Approach to Self-Supervised Learning* (BYOL),
#   [arXiv:2006.07733](https://arxiv.org/abs/2006.07733). Section 3 is this lab's method; tables 5 and 19 are its grid,
#   tables 16 and 17 batch size and transformations beside SimCLR.
# - Chen, He 2021, *Exploring Simple Siamese Representation Learning* (SimSiam),
#   [arXiv:2011.10566](https://arxiv.org/abs/2011.10566): section 4 takes the same things away; figure 2 shows the
#   meters of stage 3.
# - Richemond et al. 2020, *BYOL works even without batch statistics*,
#   [arXiv:2010.10241](https://arxiv.org/abs/2010.10241): stage 6's suspicion, put to the test.
# - Tian, Chen, Ganguli 2021, *Understanding Self-Supervised Learning Dynamics without Contrastive Pairs*,
#   [arXiv:2102.06810](https://arxiv.org/abs/2102.06810): why a predictor and a stop-gradient are enough, in a linear
#   network.
#
# **Next**: Lab 3, *Local and global crops*. What should a part have in common with the whole?
