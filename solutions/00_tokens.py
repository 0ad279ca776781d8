# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Lab 0: Tokens and probes
#
# **What does a network see, and how do we tell whether it has learned, without labels?** In this lab you take a vision
# transformer apart: pictures become tokens, tokens look at each other with *your* attention. Then you build the probes
# by which all later labs judge a network, and put nine networks before them: one without training, one that you train
# with labels, and seven that were trained without any.
#
# **You will be able to**
#
# - cut pictures into patches and put them together again;
# - write attention, and run a trained network on it;
# - say where a network looks, and compare that with what chance would give;
# - judge frozen features by their neighbours, by a linear probe, and by how like another network's they are;
# - tell a collapse from what only looks like one, by a spectrum.
#
# | | `smoke` | `cpu` (two cores) | `gpu` |
# |---|---|---|---|
# | your own work | – | one to two hours | one to two hours |
# | waiting | half a minute | about three minutes | not timed yet |
# | what it shows | everything runs | all findings | all findings, the supervised network trained longer |
#
# **You need** PyTorch tensors and indexing. Nothing is downloaded: the seven trained networks come with the course.
#
# **The course**: **0 Tokens and probes (you are here)** · 1 Contrastive learning · 2 Learning without negatives · 3
# Local and global crops · 4 Distillation at two levels · 5 Removing tokens · 6 Reconstructing pixels · 7 Putting it
# together
#
# In every stage you first *predict*, which is never graded; then you write a function of a few lines, and `check`
# tells you what differs; then an *experiment* runs with your function and settles the prediction. No stage blocks the
# next: where a function of yours is missing or wrong, the experiments take the course's own and say so.

# %% tags=["setup"]
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.notebook import check, hint, predict, prediction_table, progress, solution, start

start("tokens")

# %% [markdown]
# ## The pictures
#
# The course draws its own: everyday things in random poses, shapes and colours, on random backgrounds. With each come
# its class and a *mask*, which pixels are object. The class teaches one network, in stage 3; otherwise both are used
# only to *measure*.
#
# The seven networks without labels come from the methods of later labs: **SimCLR** (Lab 1), **BYOL** (Lab 2), **LoGo**
# (Lab 3), **DINO** and **iBOT** (Lab 4), **reconstruction**, which paints patches that were taken away (Lab 6), and
# **combined** (Lab 7). Here you only need their names.

# %% tags=["experiment"]
from sslcourse.labs.tokens.experiments import TokensLab

# or images="cifar10", or images="folder:PATH": your own photographs, as many as there are
lab = TokensLab(images="objects")
lab.show_images()

# %% [markdown]
# ## 1. A picture as tokens
#
# **Idea.** A transformer takes a *set of vectors*, its tokens. So cut the picture into square patches of $p \times p$
# pixels and write the numbers of each patch in one row: a picture of $H \times W$ pixels in $C$ colours becomes $N =
# HW/p^2$ tokens of $p^2 C$ numbers. With $p = 8$ our pictures, $64 \times 64$ in 3 colours, become 64 tokens of 192. A
# linear layer then makes 96 numbers of each, the *patch embedding* (ViT paper, equation 1). (Most of our small networks
# have a few convolutions in its place.)

# %% tags=["predict"] id="tokens.compression"
predict(
    "tokens.compression",
    "Describe every patch by the best 24 numbers that a linear map can find, in place of 192. What share of the "
    "patches' variance do they keep?",
    a="under 30 %",
    b="30 % to 80 %",
    c="over 80 %",
)

# %% [markdown]
# **Write** `patchify` (2 points, about 15 minutes) and its inverse, `unpatchify` (1 point, about 10 minutes).
# `reshape` draws borders between numbers, `permute` changes the order of dimensions; you need both.


# %% tags=["exercise"] id="tokens.patchify"
def patchify(images: Tensor, patch: int) -> Tensor:
    """Cut images into square patches.

    images: [B, C, H, W]; H and W are multiples of `patch`
    patch:  the side of a patch in pixels
    returns [B, N, patch * patch * C]: the patches row by row, left to right; in each patch
    the pixels row by row, the C channels of a pixel side by side

    >>> picture = torch.arange(16.).reshape(1, 1, 4, 4)    # 0 1 2 3 / 4 5 6 7 / ...
    >>> patchify(picture, 2)[0]
    tensor([[ 0.,  1.,  4.,  5.],
            [ 2.,  3.,  6.,  7.],
            [ 8.,  9., 12., 13.],
            [10., 11., 14., 15.]])
    """


# %% tags=["check", "nbval-check-output"] id="tokens.patchify"
check("tokens.patchify", patchify)


# %% tags=["exercise"] id="tokens.unpatchify"
def unpatchify(patches: Tensor, patch: int, height: int, width: int) -> Tensor:
    """Put patches back into images: the inverse of `patchify`.

    patches: [B, N, patch * patch * C], in the order that `patchify` gives
    height, width: the sides of the images in pixels
    returns [B, C, height, width]

    >>> unpatchify(torch.tensor([[[0., 1., 4., 5.], [2., 3., 6., 7.]]]), 2, 2, 4)
    tensor([[[[0., 1., 2., 3.],
              [4., 5., 6., 7.]]]])
    """


# %% tags=["check", "nbval-check-output"] id="tokens.unpatchify"
check("tokens.unpatchify", unpatchify)

# %% [markdown]
# **Look.** Could you name the objects with the patches shuffled? And from how few numbers a patch? (Your two functions
# make every row.)

# %% tags=["experiment"]
lab.patches(patchify, unpatchify)

# %% [markdown]
# ## 2. Attention
#
# **Idea.** Tokens learn about each other by *attention*. Each token makes three vectors of itself: a **query** (what am
# I looking for?), a **key** (what have I got?) and a **value** (what do I hand over?). Each query takes a mean of all
# values, weighted by how well the keys fit:
#
# $$ \operatorname{attention}(Q, K, V) = \operatorname{softmax}\!\left(\frac{Q K^\top}{\sqrt d}\right) V . $$
#
# The dot product of two rows of $d$ independent numbers of spread 1 has a spread of $\sqrt d$; divided by it, the
# softmax stays soft. One more token, the **class token**, belongs to no patch: it collects, and its last state is the
# *features* of the picture.

# %% [markdown]
# **Write** `attention` (3 points, about 15 minutes).


# %% tags=["exercise"] id="tokens.attention"
def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """One head of attention: each query's mean of the values.

    q: [B, M, d] queries; k: [B, N, d] keys; v: [B, N, e] values
    returns [B, M, e], with gradients to q, k and v; finite in float32 for scores of 100

    >>> q, k = torch.zeros(1, 1, 4), torch.randn(1, 2, 4)    # fits no key better than another
    >>> attention(q, k, torch.tensor([[[2., 0.], [4., 6.]]]))
    tensor([[[3., 3.]]])
    """


# %% tags=["check", "nbval-check-output"] id="tokens.attention"
check("tokens.attention", attention)

# %% [markdown]
# **Look.** iBOT is one of the seven networks that were trained without labels. Now *your* function does the work in all
# its heads. With the identity matrix for the values, it even hands over its weights: what the class token looks at.

# %% tags=["experiment"]
lab.attend(attention)

# %% [markdown]
# **Where is left?** In the formula nothing says where a token comes from. So a **position embedding**, a learned vector
# for each place, is added to each patch before the first block. Suppose the trained network is given its position
# embeddings *shuffled*: the patch at the top left is told that it is in the middle, and so on. We ask for **kNN
# accuracy**: how often the pictures with the nearest features vote for the right class (stage 4).

# %% tags=["predict"] id="tokens.positions"
predict(
    "tokens.positions",
    "With shuffled positions, what happens to kNN accuracy?",
    a="it falls by less than 0.05, or not at all",
    b="it falls by more, but less than half of it is lost",
    c="half of it or more is lost",
)

# %% tags=["experiment"]
lab.positions()

# %% [markdown]
# ## 3. Three networks look
#
# **Idea.** Three networks of one build: one **untrained**, one **supervised**, which you train now to name the class,
# and **iBOT**, which never saw a label. A picture of what they see is easily made, and easily believed. So first ask
# what *chance* gives: if the class token looked everywhere alike, an object would get as much attention as it has area.

# %% tags=["predict"] id="tokens.looks"
predict(
    "tokens.looks",
    "How much of the untrained network's attention falls on the object?",
    a="less than its area, by more than 0.05",
    b="its area, within 0.05",
    c="more than its area, by more than 0.05",
)

# %% [markdown]
# **Train** the supervised one. A shaded range behind the curves, where it has been measured, says what is ordinary: 95
# of 100 new runs would lie in it. The network is kept beside this notebook: an interrupted run goes on where it was,
# and `again=True` starts anew. (The seven that come with the course are fixed: on the course's pictures everybody
# measures the same of them.)

# %% tags=["experiment"]
lab.train_supervised()

# %% [markdown]
# Its classifier learned on crops of 32 pixels and is asked here about whole pictures of 64. kNN, which stage 4
# explains, asks the features alone: compare the two.
#
# **Write** `object_share` (2 points, about 10 minutes): with it a mask of pixels can be compared with attention to
# patches.


# %% tags=["exercise"] id="tokens.object_share"
def object_share(mask: Tensor, patch: int) -> Tensor:
    """How much of each patch is object.

    mask: [B, H, W], bool, True where there is object; H and W are multiples of `patch`
    returns [B, N], float32: for the patches, row by row, the share of pixels that are object

    >>> object_share(torch.tensor([[[True, True, False, True],
    ...                             [True, False, False, False]]]), 2)
    tensor([[0.7500, 0.2500]])
    """


# %% tags=["check", "nbval-check-output"] id="tokens.object_share"
check("tokens.object_share", object_share)

# %% tags=["experiment"]
lab.token_maps(object_share)

# %% [markdown]
# **Play.** Choose a patch, on the object or beside it: what does it attend to, and which patches does the network see
# like it? Then change the network.

# %% tags=["widget"]
lab.explore_attention()

# %% [markdown]
# ## 4. Neighbours and probes
#
# **Idea.** Features are good if they put together what belongs together. So keep the network *frozen* and ask a
# picture's nearest neighbours among labelled ones: each of the $k$ with the largest cosine $s_j$ votes for its class,
# with weight $\exp(s_j/\tau)$. Nothing is trained, so the vote measures the features: **kNN accuracy**. A **linear
# probe** instead trains a linear classifier on the features.
#
# LoGo is another of the seven. The features that it gives two pictures have a mean cosine of 0.999: on the sphere all
# sit at one spot.

# %% tags=["predict"] id="tokens.cone"
predict(
    "tokens.cone",
    "LoGo's features all point in one direction. What is their kNN accuracy?",
    a="over one and a half times the untrained network's",
    b="about the untrained network's",
    c="below the untrained network's",
)

# %% tags=["predict"] id="tokens.few"
predict(
    "tokens.few",
    "On iBOT's features, with only 2 labels a class: which is more accurate, kNN or the linear probe?",
    a="the linear probe, by more than 0.02",
    b="they are within 0.02",
    c="kNN, by more than 0.02",
)

# %% [markdown]
# **Write** `knn_vote` (3 points, about 20 minutes). At $\tau = 0.01$ the exponent reaches 100, and $e^{100}$ is too
# large for float32; `softmax` subtracts the largest exponent first and stays exact.


# %% tags=["exercise"] id="tokens.knn_vote"
def knn_vote(features: Tensor, bank: Tensor, labels: Tensor, k: int, temperature: float) -> Tensor:
    """What share of the vote each class gets from the k nearest of a labelled bank.

    features: [M, d] of the pictures in question; bank: [N, d] of labelled pictures;
    neither is normalised; nearest means of largest cosine
    labels: [N], int64, the classes of the bank, from 0 on
    k: how many vote, at most N; each with weight exp(cosine / temperature)
    returns [M, C], of the dtype of `features`, with C = largest label + 1; each row sums to 1

    >>> bank = torch.tensor([[1., 0.], [2., 0.], [0., 1.]])
    >>> knn_vote(torch.tensor([[5., 0.]]), bank, torch.tensor([1, 1, 0]), 2, 0.1)
    tensor([[0., 1.]])
    """


# %% tags=["check", "nbval-check-output"] id="tokens.knn_vote"
check("tokens.knn_vote", knn_vote)

# %% tags=["experiment"]
lab.neighbours(knn_vote)

# %% tags=["experiment"]
lab.labels_grow(knn_vote)

# %% [markdown]
# ## 5. Which has collapsed?
#
# **Another kind of exercise.** Four clouds of features of the same pictures. Something was done to each of them, and
# one has *collapsed*: nearly all of its directions are gone. Above, two of the features against each other, on one
# scale for all four; below, how far the cloud reaches along each of its own directions around its mean, largest first
# (its **spectrum**). Which letter is which differs from reader to reader.

# %% tags=["experiment"]
lab.clouds()

# %% tags=["predict"] id="tokens.collapsed"
predict(
    "tokens.collapsed",
    "Which cloud has collapsed?",
    a="cloud A",
    b="cloud B",
    c="cloud C",
    d="cloud D",
)

# %% tags=["experiment"]
lab.solve_clouds()

# %% [markdown]
# ## 6. How alike do two networks see?
#
# **Idea.** The features of two networks cannot be compared number by number: each has its own directions. But one can
# ask whether the same pictures lie close together in both. **Linear CKA** (Kornblith et al. 2019, section 3) does, for
# *centred* features $X$ and $Y$ of the same $n$ pictures:
#
# $$ \operatorname{CKA}(X, Y) = \frac{\lVert X^\top Y \rVert_F^2}{\lVert X^\top X \rVert_F \, \lVert Y^\top Y \rVert_F}
#    \in [0, 1], $$
#
# where $\lVert A \rVert_F$ is the root of the sum of squares of all entries of $A$. It is 1 if the two differ by a
# rotation and a scale only.

# %% tags=["predict"] id="tokens.alike"
predict(
    "tokens.alike",
    "Which of these pairs is most alike?",
    a="two untrained networks, of different random weights",
    b="iBOT and BYOL, trained by different losses",
    c="DINO and the untrained network that it started from",
)

# %% [markdown]
# **Write** `linear_cka` (2 points, about 10 minutes).


# %% tags=["exercise"] id="tokens.linear_cka"
def linear_cka(x: Tensor, y: Tensor) -> float:
    """How alike two networks see the same n pictures: linear CKA.

    x: [n, d] and y: [n, e], features of one network and of another, not centred
    returns a Python float between 0 and 1

    >>> x = torch.tensor([[1., 0.], [0., 1.], [5., 5.]])
    >>> round(linear_cka(x, 3 * x.flip(1) + 7), 4)    # turned, scaled and moved
    1.0
    """


# %% tags=["check", "nbval-check-output"] id="tokens.linear_cka"
check("tokens.linear_cka", linear_cka)

# %% tags=["experiment"]
lab.compare(linear_cka)

# %% [markdown]
# ## 7. How do we tell, without labels?
#
# Back to the question. Three numbers that need no label: the **effective rank**, how many directions the features use
# around their mean (Lab 1 builds it from the spectrum); **attention on the object**, which needs masks instead; and how
# often a network **finds the other view** of a picture: of each of 256 pictures take two random crops, and ask whether
# their features are each other's nearest. Put all networks in the order of each number, and in the order of kNN
# accuracy, which does need labels. How alike two orders are is their *rank correlation*: 1 for the same order, -1 for
# the reverse.

# %% tags=["predict"] id="tokens.meter"
predict(
    "tokens.meter",
    "Which number comes closest to the order by kNN accuracy?",
    a="the effective rank",
    b="attention on the object",
    c="finding the other view",
)

# %% tags=["experiment"]
lab.without_labels(knn_vote)

# %% [markdown]
# ## 8. What it is good for
#
# **Search by picture.** Features that put the same kind of thing close together are of use without a single label:
# give a picture, get the nearest ones, here by the untrained network and by SimCLR, the best of the seven. A broken
# orange frame says: of another class.

# %% tags=["experiment"]
lab.search()

# %% [markdown]
# **Segmentation.** The patch tokens of one picture differ most between object and background, if the network has
# learned what an object is. So split them in two along that direction, and take the side that shuns the border.

# %% tags=["experiment"]
lab.segment()

# %% [markdown]
# ## What you predicted, and what was measured

# %%
prediction_table()

# %%
progress()

# %% [markdown]
# ## Challenge
#
# Not graded. Find the object better than that rule: from iBOT's patch tokens `[P, 64, 96]` of an 8 x 8 grid and its
# class token's attention `[P, 64]`, say which patches are object, as bool `[P, 64]`. The rule below looks at the
# attention alone. Ideas: another direction, both together, smoothing over neighbours, clusters of all pictures' tokens.

# %% tags=["experiment"]
lab.challenge(lambda tokens, attention: attention > attention.mean(1, keepdim=True))

# %% [markdown]
# ## Further
#
# **Try** `lab.patches(patchify, unpatchify, force=True)` with a `patchify` that only reshapes. And
# `TokensLab(images="folder:PATH")` with photographs of your own: what do the token maps show?
#
# **Read**
#
# - Dosovitskiy et al. 2021, *An Image is Worth 16x16 Words* (ViT),
#   [arXiv:2010.11929](https://arxiv.org/abs/2010.11929): section 3.1 is stages 1 and 2.
# - Vaswani et al. 2017, *Attention Is All You Need*, [arXiv:1706.03762](https://arxiv.org/abs/1706.03762): section
#   3.2.1 and its footnote on $\sqrt d$.
# - Naseer et al. 2021, *Intriguing Properties of Vision Transformers*,
#   [arXiv:2105.10497](https://arxiv.org/abs/2105.10497): shuffled patches, in large networks.
# - Caron et al. 2021, *Emerging Properties in Self-Supervised Vision Transformers* (DINO),
#   [arXiv:2104.14294](https://arxiv.org/abs/2104.14294): attention that finds objects, and kNN as a meter.
# - Zhou et al. 2022, *iBOT*, [arXiv:2111.07832](https://arxiv.org/abs/2111.07832): the network of stages 2 to 5.
# - Kornblith et al. 2019, *Similarity of Neural Network Representations Revisited*,
#   [arXiv:1905.00414](https://arxiv.org/abs/1905.00414): CKA.
# - Garrido et al. 2023, *RankMe*, [arXiv:2210.02885](https://arxiv.org/abs/2210.02885): where an effective rank *does*
#   order networks, those of one method with different settings.
#
# **Next**: Lab 1, *Contrastive learning*. How does a network learn from pairs alone?
