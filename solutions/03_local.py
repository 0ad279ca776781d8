# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Lab 3: Local and global crops
#
# Show a network a whole picture and a detail of it, and ask the two to agree. That is *multi-crop*, and many methods
# have it: some *global* crops that show most of a picture, some small *local* ones. But a picture has several details.
# **What should a part have in common with the whole, and two parts with each other?** One method, LoGo, wants two local
# crops to be dissimilar, while both are close to the global ones. You do that here, and measure what comes of it.
#
# **You will be able to**
#
# - say exactly what two random crops have in common, and choose their scales by a curve;
# - list the three kinds of pairs of crops, and write the loss of two of them, with its gradient where it belongs;
# - say how far apart two parts can be when both are near to the whole;
# - tell what pulling and pushing really change: what is asked for, and what else moves;
# - recognise a shortcut that all local crops of all pictures can take together.
#
# | | `smoke` | `cpu` (two cores) | `gpu` |
# |---|---|---|---|
# | your own work | – | one to two hours | one to two hours |
# | waiting | half a minute | two minutes | not timed yet |
# | what it shows | everything runs, nothing learns | all findings | all findings, with a larger network |
#
# **You need** Lab 1's ideas (views, embeddings, cosine, InfoNCE's softmax over candidates) and Lab 2's teacher, a
# moving average of the student that gets no gradient, though none of their code. Nothing is downloaded.
#
# **The course**: 0 Tokens and probes · 1 Contrastive learning · 2 Learning without negatives · **3 Local and global
# crops (you are here)** · 4 Distillation at two levels · 5 Removing tokens · 6 Reconstructing pixels · 7 Putting it
# together
#
# In every stage you first *predict*, which is never graded; then you write a function of a few lines, and `check`
# tells you what differs; then an *experiment* runs and settles the prediction. No stage blocks the next: where a
# function of yours is missing or wrong, the experiments take the course's own and say so.

# %% tags=["setup"]
from itertools import combinations

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.notebook import check, hint, predict, prediction_table, progress, solution, start

start("local")

# %% tags=["experiment"]
from sslcourse.labs.local.experiments import LocalLab

# or images="cifar10", or images="folder:PATH": your own photographs, as many as there are
lab = LocalLab(images="objects")
lab.show_pairs()

# %% [markdown]
# ## 1. What do two crops share?
#
# **Idea.** A crop is a random box: its share of the picture's area (its *scale*) is drawn first, then its place. Here
# a global crop has a scale of 0.4 to 1, as in DINO, and a local one 0.1 to 0.4 (DINO: 0.05 to 0.4). All are drawn
# independently. The shapes vary, too: a box may be a third wider than high, or higher than wide.
#
# Before anyone says what two local crops should do, see how much of them is the same pixels.

# %% tags=["predict"] id="local.shared"
predict(
    "local.shared",
    "Two local crops of one picture, scales 0.1 to 0.4. How much of one does the other show, on average?",
    a="about 5 %",
    b="about 20 %",
    c="about 40 %",
)

# %% [markdown]
# **Write** `crop_overlap` (2 points, about 10 minutes).


# %% tags=["exercise"] id="local.overlap"
def crop_overlap(a: Tensor, b: Tensor) -> Tensor:
    """How much of each crop in `a` the crop beside it in `b` shows, too: a share of a's pixels, from 0 to 1.

    a, b: [n, 4] whole numbers, a box a row: top, left, height, width, in pixels
    returns [n], float32

    >>> a = torch.tensor([[0, 0, 4, 4], [0, 0, 4, 4]])
    >>> b = torch.tensor([[2, 1, 9, 9], [5, 5, 2, 2]])    # shows 2 x 3 of 16 pixels, and none
    >>> crop_overlap(a, b)
    tensor([0.3750, 0.0000])
    """


# %% tags=["check", "nbval-check-output"] id="local.overlap"
check("local.overlap", crop_overlap)

# %% tags=["experiment"]
lab.overlaps(crop_overlap)

# %% [markdown]
# **Play.** Move the two boxes. How small must they be to have nothing in common wherever they lie? What does the loss
# of this lab do with each kind of pair?

# %% tags=["widget"]
lab.explore_crops()

# %% [markdown]
# ## 2. Choose the scales
#
# **Another kind of exercise.** Somebody wants local crops that are *different* parts of the same *object*, and writes
# down two conditions:
#
# 1. on average, two local crops share at most a quarter of their pixels;
# 2. at least three of four local crops show a tenth of the object, or more of it.
#
# Smaller crops are better for one of them and worse for the other. Below, both are drawn against the largest scale,
# where the smallest is half of it. Read the curves, then choose.

# %% tags=["experiment"]
lab.scales(crop_overlap)

# %% tags=["predict"] id="local.scale"
predict(
    "local.scale",
    "Which range of scales keeps both conditions?",
    a="0.05 to 0.1",
    b="0.1 to 0.2",
    c="0.2 to 0.4",
    d="0.35 to 0.7",
)

# %% tags=["experiment"]
lab.try_scales(crop_overlap)

# %% [markdown]
# ## 3. The part is drawn to the whole
#
# **Idea.** The *student* sees all crops, the *teacher* (its moving average) the global ones only. Each of the student's
# crops is drawn to each of the teacher's, but for the very same crop. Two kinds of pairs come of that: global and
# global, local and global. The third kind, local and local, has no teacher in it: both are the student's.
#
# Number the crops: first the global ones, from 0 on, then the local ones.
#
# **Write** `pairs` (2 points, about 10 minutes).


# %% tags=["exercise"] id="local.pairs"
def pairs(global_crops: int, local_crops: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Which crops are drawn to which, and which pairs of local crops there are.

    global_crops, local_crops: how many there are; crops are numbered from 0, global ones first
    returns two lists, each in any order:
    - (student, teacher): every crop of the student with every crop of the teacher but itself
    - (one, other): every two local crops, once

    >>> attracted, apart = pairs(1, 2)
    >>> sorted(attracted), sorted(apart)
    ([(1, 0), (2, 0)], [(1, 2)])
    """


# %% tags=["check", "nbval-check-output"] id="local.pairs"
check("local.pairs", pairs)

# %% [markdown]
# What draws a crop to another is Lab 1's softmax. Of $n$ pictures, the student's crop of picture $i$ has the embedding
# $s_i$ and the teacher's crops have $t_1, \dots, t_n$. The student is to find its own picture among them:
#
# $$ \ell = -\frac1n \sum_{i=1}^n \log \frac{\exp(\cos(s_i, t_i) / \tau)}{\sum_{j=1}^n \exp(\cos(s_i, t_j) / \tau)} . $$
#
# The teacher says what is to be found, and does not come to meet the student: no gradient reaches it. With several
# local and several global crops, the loss is the mean over all pairs of one of each.
#
# **Write** `local_to_global` (3 points, about 15 minutes).


# %% tags=["exercise"] id="local.local_to_global"
def local_to_global(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Each local crop finds its picture among the teacher's global crops of all pictures.

    student: [L, n, d], the student's embeddings of L local crops of each of n pictures
    teacher: [G, n, d], the teacher's embeddings of G global crops of the same pictures, in the same order
    rows have any length but zero
    returns a tensor without dimensions: the mean over pictures and over the L x G pairs of a local and a global crop,
    with a gradient to `student` and none to `teacher`; the candidates are the n rows of one global crop

    >>> same = torch.ones(2, 8, 4)    # all pictures look alike: a guess among 8
    >>> local_to_global(same, same, 0.2).exp()
    tensor(8.0000)
    """


# %% tags=["check", "nbval-check-output"] id="local.local_to_global"
check("local.local_to_global", local_to_global)

# %% [markdown]
# **Train** with *your* pairs and *your* attraction. Of every picture the network sees two global and two local crops;
# nothing in the loss compares two local ones. Four cosines are watched, on held-out pictures: of two global crops, of a
# local and a global one, of two local ones, and of local crops of two *different* pictures. Shaded is what is ordinary:
# 95 of 100 new runs of the course's own functions lie there.

# %% tags=["predict"] id="local.unasked"
predict(
    "local.unasked",
    "Nothing compares two local crops of a picture. In training their cosine ...",
    a="rises (by more than 0.1)",
    b="stays about as it was",
    c="falls (by more than 0.1)",
)

# %% tags=["experiment"]
lab.train_baseline(pairs, local_to_global)

# %% [markdown]
# ## 4. How far apart can two parts be?
#
# **Idea.** Two local crops are both near to the same global crop. So they cannot be anywhere. Take all three as points
# on a sphere: a cosine tells the angle between two of them.

# %% tags=["predict"] id="local.smallest"
predict(
    "local.smallest",
    "Two local crops both have a cosine of 0.9 with a global crop. What is the smallest cosine they can have?",
    a="0.9",
    b="0.81",
    c="0.62",
)

# %% [markdown]
# Let the first be at an angle $\alpha$ from the global crop, the second at $\beta$. The way from the one to the other
# is longest when it leads through the global crop.
#
# **Write** `cosine_bound` (2 points, about 10 minutes).


# %% tags=["exercise"] id="local.bound"
def cosine_bound(first: Tensor, second: Tensor) -> Tensor:
    """The smallest cosine that two local crops can have, from the cosine of each with one global crop.

    first, second: [n], cosines from -1 to 1, of the one and of the other local crop with the global one
    returns [n], of the same dtype

    >>> cosine_bound(torch.tensor([1.0, 0.6]), torch.tensor([0.5, 0.6]))    # the first pair: one is the global crop
    tensor([ 0.5000, -0.2800])
    """


# %% tags=["check", "nbval-check-output"] id="local.bound"
check("local.bound", cosine_bound)

# %% [markdown]
# A bound is the worst case. In many dimensions two ways that lead off from a point at random are at a right angle to
# each other, nearly always; then the cosine is the *product* of the two. Which of them does your network come near?

# %% tags=["predict"] id="local.product"
predict(
    "local.product",
    "Your network's local crops. Beside the product of their cosines with the global crop, their own cosine is",
    a="lower, nearer to the bound",
    b="about the product (within 0.05)",
    c="higher",
)

# %% tags=["experiment"]
lab.bound(cosine_bound)

# %% [markdown]
# ## 5. Push the parts apart
#
# **Idea.** LoGo adds a term for the third kind of pair: two local crops of a picture are to be *less* alike. The plain
# form is their cosine, made small. (LoGo itself learns an *affinity*: a small network that learns to give pairs of one
# picture a high number and pairs of two a low one. The encoder learns to lower the number of pairs of one picture.)
#
# The value is easy; look at its gradient. Only directions count, so it must not change an embedding's length; and
# there is no teacher here.
#
# **Write** `repulsion` (3 points, about 10 minutes). Its gradient is judged, too.


# %% tags=["exercise"] id="local.repulsion"
def repulsion(crops: Tensor) -> Tensor:
    """What pushes the local crops of each picture apart when it is made smaller: their mean cosine.

    crops: [L, n, d], the student's embeddings of L >= 2 local crops of n pictures, of any length but zero
    returns a tensor without dimensions: the mean of the cosine over all pairs of two different crops and over the
    pictures, with a gradient to every row

    >>> crops = torch.tensor([[[3., 4.]], [[4., 3.]]])    # two crops of one picture
    >>> repulsion(crops)
    tensor(0.9600)
    """


# %% tags=["check", "nbval-check-output"] id="local.repulsion"
check("local.repulsion", repulsion)

# %% [markdown]
# Four networks, equal but for the third kind of pair: local crops **left alone**, **pulled together** (minus your
# term), **pushed apart** (your term, with weight 1) and **pushed apart, learned** (LoGo's affinity, with weight 0.1).
# Weight 1 gives the term as much weight as all attractions together.

# %% tags=["predict"] id="local.pushed"
predict(
    "local.pushed",
    "Push two local crops apart. The cosine of a local with a global crop, beside that of crops left alone,",
    a="rises",
    b="stays (within 0.03)",
    c="falls",
)

# %% tags=["predict"] id="local.pulled"
predict(
    "local.pulled",
    "Pull two local crops together instead. The cosine of a local with a global crop",
    a="rises",
    b="stays (within 0.03)",
    c="falls",
)

# %% tags=["experiment"]
lab.four_ways(repulsion)

# %% [markdown]
# ## 6. Where do the features differ?
#
# The loss acts on projections, and on crops of any overlap. What comes of it in the *features*, which one keeps? Cut
# two local crops whose overlap is known to the pixel, and draw the similarity of their features against it: 0 is as
# alike as crops of two pictures, 1 is the same. A network whose parts are distinct falls steeply as the crops part.

# %% tags=["predict"] id="local.apart"
predict(
    "local.apart",
    "Crops that share no pixel. Beside crops left alone, the features of those pulled together are",
    a="more alike",
    b="as alike (within 0.03)",
    c="less alike",
)

# %% tags=["experiment"]
lab.against_overlap()

# %% [markdown]
# The same curve of networks that the course has trained for longer, transformers on larger pictures (the crops are
# enlarged for them): LoGo with its learned repulsion, methods that ask nothing of two local crops (DINO, iBOT), and one
# that has no local crops (SimCLR). They differ in more than that: a curve is a question here, not an answer.

# %% tags=["experiment"]
lab.course_networks()

# %% [markdown]
# **One run is one run.** The course keeps a *ledger*: the same questions, asked of a small ViT in pairs of runs, six
# pairs before anything is said, with the smallest effect that counts written down before the first run that counts. It
# also asks whether the *parts of objects* are drawn better.

# %% tags=["experiment"]
lab.claims("local-crops-apart")

# %% [markdown] tags=["answer"] id="local.three_pairs"
# **Write** (about 15 minutes), with the numbers of *your* runs.

# %% [markdown]
# ## 7. Pull all together
#
# So far every picture had negatives: the softmax over $n$ pictures forbids that all crops become one. Take it away. A
# predictor and a stop-gradient take its place for every pair with a global crop in it, as in Lab 2, where they kept a
# network from collapsing. The pull of two local crops has neither.

# %% tags=["predict"] id="local.together"
predict(
    "local.together",
    "No negatives, and local crops pulled together. Local crops of two different pictures end with a cosine of",
    a="more than 0.8: nearly one point",
    b="in between",
    c="less than 0.2: apart",
)

# %% tags=["experiment"]
lab.all_together()

# %% [markdown]
# What the ledger has on it:

# %% tags=["experiment"]
lab.claims("all-crops-together")

# %% [markdown] tags=["answer"] id="local.all_together"
# **Write** (about 15 minutes), with the numbers of *your* runs.

# %% [markdown]
# ## 8. What it is good for
#
# **Search by detail.** You have a detail and look for the picture that it is from. The cosine of a local with a global
# crop was trained for just that. A green frame marks the right picture, a dashed orange one another.

# %% tags=["experiment"]
lab.find_the_whole()

# %% [markdown]
# **Few labels.** A linear classifier on the frozen features of whole pictures sees only a few labels of each class.
# (kNN is no judge of training here: of seven *untrained* networks of this kind it says 0.45 to 0.70, for many objects
# can be told by their colours.)

# %% tags=["experiment"]
lab.few_labels()

# %% [markdown]
# ## What you predicted, and what was measured

# %%
prediction_table()

# %%
progress()

# %% [markdown]
# ## Challenge
#
# Not graded. At equal cost (network, pictures, steps and batch stay), how many local crops of held-out pictures can you
# give their own picture among the six most alike? They are always cut as the baseline cuts them. Try what local crops
# do to each other (`local="repel", local_weight=0.1`), the temperature, the scales
# (`**{"crops.local_crop.scale": (0.2, 0.4)}`), the `learning_rate` (0.002 so far), the teacher's `momentum` (0.9) and
# its `momentum_schedule` ("cosine", or "fixed"). It can be done: two of these together had 0.33 or more with each of
# three seeds, and the baseline has 0.30 to 0.31. Write down first what you expect, and why; about one try in forty
# beats the range by luck.

# %% tags=["experiment"]
lab.challenge(local="repel", local_weight=0.1)

# %% [markdown]
# ## Further
#
# **Try** `lab.challenge(local="learned", local_weight=1.0)`: ten times the weight. Look at the cosine of local crops
# of two pictures: whom did the encoder push apart, the crops or the affinity from the truth? And
# `lab.four_ways(repulsion, force=True)` with a repulsion that compares *different* pictures.
#
# **Read**
#
# - Zhang, Qiu, Ke, Süsstrunk, Salzmann 2022, *Leverage Your Local and Global Representations: A New Self-Supervised
#   Learning Strategy* (LoGo), [arXiv:2203.17205](https://arxiv.org/abs/2203.17205). Section 3 is this lab's loss, with
#   the learned affinity.
# - Caron et al. 2020, *Unsupervised Learning of Visual Features by Contrasting Cluster Assignments* (SwAV),
#   [arXiv:2006.09882](https://arxiv.org/abs/2006.09882): section 3.2, where multi-crop comes from.
# - Caron et al. 2021, *Emerging Properties in Self-Supervised Vision Transformers* (DINO),
#   [arXiv:2104.14294](https://arxiv.org/abs/2104.14294): section 3.1, local to global, with nothing between local
#   crops; its appendix has multi-crop in other methods, and BYOL loses by it.
#
# **Next**: Lab 4, *Distillation at two levels*. Can a network teach itself both the whole and the parts?
