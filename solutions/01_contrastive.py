# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Lab 1: Contrastive learning
#
# **Time**: one to two hours of your own, and about five minutes of waiting on two CPU cores. On a GPU (Colab's T4) the lab
# takes a larger scale of its own, which has not been timed yet.
#
# A network that is never told what is in a picture can still learn to put pictures of the same kind of thing close
# together. In this lab you build the method that made this practical, SimCLR, one function at a time, train a network with
# your own code, and measure three things that are often only claimed.
#
# **You will be able to**
#
# - make two views of an image and say which pairs of views attract and which repel;
# - write the loss NT-Xent so that it stays exact at small temperatures, and say what each of its terms does;
# - read the meters of a representation: alignment, uniformity, effective rank, kNN accuracy;
# - tell complete from partial collapse, and say what the negative pairs are for;
# - show by a measurement that doing better at the training task can mean a worse representation.
#
# **You need** PyTorch tensors and indexing, and an idea of what a training loop does.
#
# **How it goes.** In every stage you first make a *prediction*, which is kept but never graded. Then you write a function of a
# few lines, and `check` tells you at once what differs. Then an *experiment* runs with your function and settles the prediction. If
# you are stuck, `hint("contrastive.views")` gives the first of three hints. No stage blocks the next: where a function
# of yours is missing or wrong, the experiments take the course's own and say so.

# %% tags=["setup"]
import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.notebook import (
    check,
    hint,
    measured,
    mine_or_reference,
    predict,
    prediction_table,
    progress,
    solution,
    start,
)

start("contrastive")

# %% [markdown]
# ## The pictures
#
# The course draws its own pictures: everyday things in random poses, colours and shapes, on random backgrounds. They need no
# download, and everything about them is known. Above all, **colour says nothing about the class**: a red car is as likely as
# a red fish. That will matter in stage 7.
#
# The labels are used only to *measure* what was learned, never to train.

# %% tags=["experiment"]
from sslcourse.labs.contrastive.experiments import ContrastiveLab, direction

# or images="cifar10", or images="folder:PATH": your own photographs, a folder for each class
lab = ContrastiveLab(images="objects")
lab.show_images()

# %% [markdown]
# ## 1. Views
#
# **Idea.** From one image $x$ make two *views* $\tilde x_1 = t_1(x)$ and $\tilde x_2 = t_2(x)$ by two random transformations:
# cut out a random box and scale it to a fixed size, perhaps mirror it, change the colours, blur it. The two views look different but
# show the same thing. The training task will be: *given one view, find the other view of the same image among many views of
# other images.* Whatever two views of an image share can be used to solve that task, so the choice of transformations decides
# what the network learns.

# %% tags=["experiment"]
lab.show_pipeline()

# %% [markdown]
# A view goes through the **encoder** $f$, which gives the *features* $h = f(\tilde x)$: they are what we want. A small network behind
# it, the **projection head** $g$, gives the *embedding* $z = g(h)$, and the loss looks at $z$ only. After training the head is
# thrown away: the features before it make the better representation (SimCLR paper, section 4.2).
#
# **Predict.** SimCLR's crop takes a box of 20 % to 100 % of the image's area. Of the image's pixels, how many are in *both* boxes, on average?

# %% tags=["predict"] id="contrastive.overlap"
predict(
    "contrastive.overlap",
    choice="c",
    a="under 15 %",
    b="15 % to 35 %",
    c="over 35 %",
)

# %% [markdown]
# **Write** `crop_and_flip`. The random choices are made outside and handed in: one box for each image, and whether to mirror it.
# (Scaling to a common size is left out here: all boxes have the same size.)


# %% tags=["exercise"] id="contrastive.views"
def crop_and_flip(images: Tensor, boxes: Tensor, flips: Tensor) -> Tensor:
    """Cut one box out of every image and mirror the chosen ones left to right.

    images: [B, C, H, W]
    boxes:  [B, 4], whole numbers: top, left, height, width of each box; all have one size
    flips:  [B], bool: where True, the crop is mirrored left to right (after the crop)
    returns [B, C, height, width], of the dtype of `images`; `images` itself stays as it was

    >>> images = torch.arange(6.).reshape(1, 1, 2, 3)    # 0 1 2 / 3 4 5
    >>> crop_and_flip(images, torch.tensor([[0, 1, 2, 2]]), torch.tensor([True]))
    tensor([[[[2., 1.],
              [5., 4.]]]])
    """
    # A loop over the images is fine here.


# %% tags=["check", "nbval-check-output"] id="contrastive.views"
check("contrastive.views", crop_and_flip)

# %% [markdown]
# **Look.** Here your function cuts two boxes out of each picture; every second picture is mirrored. Are the two views of a picture
# easy to match? What would you match them by?

# %% tags=["experiment"]
lab.show_crops(mine_or_reference("contrastive.views", crop_and_flip))
share = lab.overlap()
measured(
    "contrastive.overlap",
    f"{100 * share:.0f} % of the image is in both boxes, on average over 2000 pairs",
    answer="a" if share < 0.15 else "b" if share < 0.35 else "c",
)

# %% [markdown]
# **Play.** The course's own augmentation does all of it for a whole batch at once. Move one control at a time. What is left in common when the
# smallest crop goes down to 0.05? What does the line below the picture say about colours when the colour strength is 0?

# %% tags=["widget"]
lab.explore_views()

# %% [markdown]
# ## 2. Positive and negative pairs
#
# **Idea.** A batch of $N$ images gives $2N$ views. Put them into one list: the $N$ first views, then the $N$ second views in
# the same order. For each view $i$
#
# - exactly one other view is its **positive** $p(i)$: the other view of the same image;
# - the remaining $2N - 2$ views are its **negatives**: views of other images. Nobody checks what they show; some negatives will be
#   of the same class.
#
# **Predict.** A batch has 256 images. How many negatives does one view have?

# %% tags=["predict"] id="contrastive.negatives_count"
predict("contrastive.negatives_count", choice="c", a="255", b="256", c="510", d="512")


# %% tags=["exercise"] id="contrastive.positives"
def positive_index(n: int) -> Tensor:
    """The position of each view's positive.

    The n first views come first, then the n second views of the same images.
    n: number of images
    returns [2n], dtype int64

    >>> positive_index(2)
    tensor([2, 3, 0, 1])
    """


# %% tags=["check", "nbval-check-output"] id="contrastive.positives"
check("contrastive.positives", positive_index)

# %% [markdown]
# **Look.** Each row is one view asking "which of the others is me?". One cell of each row is the right answer.

# %% tags=["experiment"]
find_positives = mine_or_reference("contrastive.positives", positive_index)
lab.show_pairs(find_positives)
negatives = 2 * 256 - 1 - 1  # all views, without the view itself and its positive
measured("contrastive.negatives_count", f"2N - 2 = {negatives}", answer="c")

# %% [markdown]
# ## 3. Similarity
#
# **Idea.** How alike two embeddings are is measured by the cosine of the angle between them,
#
# $$ s_{ij} = \frac{z_i \cdot z_j}{\lVert z_i \rVert \, \lVert z_j \rVert} \in [-1, 1]. $$
#
# Only directions count: all embeddings live on the unit sphere. All $2N \times 2N$ similarities are one matrix product.
#
# **Predict.** Take a network with random weights. What is the mean cosine of two views of *different* pictures?

# %% tags=["predict"] id="contrastive.untrained_cosine"
predict(
    "contrastive.untrained_cosine",
    choice="c",
    a="below 0.3: random weights give unrelated directions",
    b="between 0.3 and 0.7",
    c="above 0.7: an untrained network maps everything to nearly the same direction",
)


# %% tags=["exercise"] id="contrastive.similarity"
def cosine_similarity_matrix(z1: Tensor, z2: Tensor) -> Tensor:
    """The cosine similarity of every view with every view: z1 on top of z2.

    z1, z2: [n, d], embeddings of the two views, of any length but zero
    returns [2n, 2n], of the dtype of `z1`; the diagonal stays in

    >>> cosine_similarity_matrix(torch.tensor([[2., 0.]]), torch.tensor([[0., 3.]]))
    tensor([[1., 0.],
            [0., 1.]])
    """


# %% tags=["check", "nbval-check-output"] id="contrastive.similarity"
check("contrastive.similarity", cosine_similarity_matrix)

# %% tags=["experiment"]
similarities = mine_or_reference("contrastive.similarity", cosine_similarity_matrix)
lab.show_similarities(similarities)
cosine = lab.untrained.final["negative_cosine"]
measured(
    "contrastive.untrained_cosine",
    f"mean cosine of views of different pictures, untrained: {cosine:.2f}",
    answer="a" if cosine < 0.3 else "b" if cosine < 0.7 else "c",
)

# %% [markdown]
# **What you should see.** A matrix that is bright all over. At scale `cpu`, over three seeds, the mean cosine of views of different pictures is
# 0.94–0.98, and that of two views of one picture 0.96–0.99: an untrained network sends every picture in nearly the same
# direction, and what tells pictures apart is a small difference on top.
#
# **Play.** To turn a row of similarities into probabilities, divide by a *temperature* $\tau$ and take the softmax over the other views:
#
# $$ p_{ij} = \frac{\exp(s_{ij}/\tau)}{\sum_{k \neq i} \exp(s_{ik}/\tau)}. $$
#
# An untrained network has little to show here, so the embeddings below are made by hand: each view's *histogram of colours*. Move the temperature
# from 3 down to 0.01. At which end do all other views count alike, and at which end only the nearest one? Is the nearest one always the positive?

# %% tags=["widget"]
lab.explore_temperature()

# %% [markdown]
# ## 4. The loss: NT-Xent
#
# **Idea.** Finding the positive is a classification problem with $2N - 1$ candidates, so take the cross-entropy. This is the
# *normalised temperature-scaled cross-entropy* (equation 1 of the SimCLR paper), averaged over all $2N$ views:
#
# $$ \ell_i = -\log \frac{\exp(s_{i,p(i)}/\tau)}{\sum_{k \neq i} \exp(s_{ik}/\tau)}
#    \;=\; \underbrace{-\,s_{i,p(i)}/\tau}_{\text{attract the positive}} \;+\; \underbrace{\log \sum_{k \neq i} \exp(s_{ik}/\tau)}_{\text{repel all others}} $$
#
# The sum runs over the positive and the $2N-2$ negatives. It leaves out $k = i$: a view is always most similar to itself, and that answer would be
# worth nothing.
#
# The gradient shows what the temperature does: $\partial \ell_i / \partial s_{ij} = (p_{ij} - [j = p(i)])/\tau$. Every negative is pushed
# away in proportion to its softmax weight $p_{ij}$, so a small $\tau$ pushes hardest on the nearest negatives.
#
# **Numbers to check by hand.** If all embeddings are equal, the softmax is uniform and the loss is $\ln(2N-1)$: for $N = 2$ that is
# $\ln 3 \approx 1.0986$.
#
# **Care with small temperatures.** At $\tau = 0.01$ the exponent $s/\tau$ reaches 100, and $e^{100}$ is too large for float32. Functions that
# work with logarithms throughout (`logsumexp`, `log_softmax`, `cross_entropy`) subtract the largest exponent first and stay exact.
#
# **Predict.** Before the first step of training, the loss on a batch of $N$ pictures is ...

# %% tags=["predict"] id="contrastive.first_loss"
predict(
    "contrastive.first_loss",
    choice="b",
    a="far above ln(2N - 1): an untrained network is worse than guessing",
    b="within 20 % of ln(2N - 1): it is about guessing",
    c="clearly below ln(2N - 1): views of one picture are alike even for random weights",
)


# %% tags=["exercise"] id="contrastive.nt_xent"
def nt_xent(z1: Tensor, z2: Tensor, temperature: float) -> Tensor:
    """The NT-Xent loss, averaged over all 2n views.

    z1, z2: [n, d], embeddings of the two views, not normalised
    temperature: a float above zero
    returns a tensor without dimensions, of the dtype of `z1`, with gradients to z1, z2;
    it stays finite at temperature 0.01 in float32

    >>> same = torch.ones(2, 3)    # four equal embeddings: the positive is one of three
    >>> nt_xent(same, same, 0.5)
    tensor(1.0986)
    """
    # 1. All similarities, divided by the temperature.  2. Take the diagonal out.
    # 3. Cross-entropy with the positives.
    # To run on a GPU too, make new tensors where z1 is: device=z1.device.


# %% tags=["check", "nbval-check-output"] id="contrastive.nt_xent"
check("contrastive.nt_xent", nt_xent)

# %% [markdown]
# **Train.** Now SimCLR with *your* loss: 400 steps of 128 pictures, a minute or two on two cores (at scale `cpu`). The pictures below are redrawn while it trains; the
# shaded ranges are what three runs with different random seeds gave, so you can see whether your run is ordinary.
#
# To see what a wrong loss does, write one and pass `force=True` to `mine_or_reference`: then it trains as it is.

# %% tags=["experiment"]
loss = mine_or_reference("contrastive.nt_xent", nt_xent)
baseline = lab.train("baseline", loss)

# %% [markdown]
# How good are the features? Take a held-out picture, find the 20 training pictures whose features have the largest cosine with
# its own, and let them vote on its class. This is **kNN accuracy**: nothing is trained, so it measures the representation itself.

# %% tags=["experiment"]
lab.show_baseline()
first, guess = lab.first_loss()
measured(
    "contrastive.first_loss",
    f"first loss {first:.2f}, ln(2N - 1) = {guess:.2f}",
    answer="a" if first > 1.2 * guess else "b" if first > 0.8 * guess else "c",
)

# %% [markdown]
# **What you should see.** At scale `cpu`, over three seeds: the loss falls from about that of a guess, ln 511 = 6.24, to 3.46–3.54; the
# positive is the nearest of 511 views for 0.38–0.41 of them; kNN is 0.62–0.70 untrained and 0.93–0.94 trained. (The untrained
# network is far above chance, .07, already: light shapes on darker ground are easy to tell apart roughly.)

# %% [markdown]
# ## 5. Geometry: alignment and uniformity
#
# **Idea.** The two halves of the loss pull in two directions, and each has a meter (Wang & Isola 2020), on embeddings of length 1:
#
# $$ \text{alignment} = \frac1N \sum_i \lVert z^{(1)}_i - z^{(2)}_i \rVert^2, \qquad
#    \text{uniformity} = \log \operatorname*{mean}_{i<j} \exp\!\left(-2 \lVert z_i - z_j \rVert^2\right). $$
#
# Alignment is the mean squared distance of positive pairs: 0 is perfect. Uniformity looks at all pairs of the $2N$ points: it is 0 when all of
# them coincide and falls as they spread over the sphere. **Smaller is better for both**, and each is easy alone: put everything on one
# point (perfect alignment), or scatter everything at random (good uniformity). Good representations need both at once.
#
# **Predict.** Compare the network before and after training. What happens to the alignment of its embeddings?

# %% tags=["predict"] id="contrastive.alignment"
predict(
    "contrastive.alignment",
    choice="a",
    a="it gets larger: positive pairs are further apart than before",
    b="it stays about the same (within 10 %)",
    c="it gets smaller: training pulls positive pairs together",
)


# %% tags=["exercise"] id="contrastive.geometry"
def alignment_uniformity(z1: Tensor, z2: Tensor) -> tuple[float, float]:
    """Alignment and uniformity of two views' embeddings, scaled to length 1.

    alignment:  mean of |x - y|^2 over the n positive pairs (row i of z1 and row i of z2)
    uniformity: log of the mean of exp(-2 |u - v|^2) over all pairs u, v of different
                points among the 2n, each pair once
    z1, z2: [n, d], not normalised
    returns two Python floats

    >>> alignment_uniformity(torch.tensor([[2., 0.]]), torch.tensor([[-1., 0.]]))
    (4.0, -8.0)
    """


# %% tags=["check", "nbval-check-output"] id="contrastive.geometry"
check("contrastive.geometry", alignment_uniformity)

# %% tags=["experiment"]
meters = mine_or_reference("contrastive.geometry", alignment_uniformity)
before, after = lab.show_geometry(meters)
measured(
    "contrastive.alignment",
    f"alignment {before[0]:.2f} before, {after[0]:.2f} after; uniformity {before[1]:.2f} before, {after[1]:.2f} after",
    answer=direction(before[0], after[0], step=0.1 * before[0]),
)

# %% [markdown]
# **What you should see.** The surprise is the alignment. It gets *worse*: 0.02–0.08 before, 0.44–0.47 after, while uniformity improves, from
# -0.07 … -0.21 to -3.29 … -3.31 (three seeds, scale `cpu`). Untrained embeddings are nearly one point, so everything is aligned, the
# wrong pairs too. What training gains is the *difference* between positive and negative pairs.
#
# **Play.** The same explorer as in stage 3, now with the embeddings of the trained network. Compare its matrix with the untrained one.

# %% tags=["widget"]
lab.explore_temperature("baseline")

# %% [markdown]
# ## 6. Collapse: what the negatives are for
#
# **Idea.** Drop the second half of the loss and keep only the attraction,
#
# $$ \ell_i = -\, s_{i,p(i)}/\tau . $$
#
# There is now a way to be perfect without looking: give every picture the same embedding. This is **complete collapse**. Because
# the loss only sees directions, the common point is not "the zero vector" but any constant direction. There is also **partial** (or
# *dimensional*) **collapse**: embeddings still differ, but only along a few directions, and the rest of the $d$ dimensions are unused. A mean of
# cosines can miss that, so it needs a meter of its own. The **effective rank** (RankMe, Garrido et al. 2023) counts the directions that are
# used, by the entropy of the singular values $\sigma_k$ of the feature matrix:
#
# $$ p_k = \frac{\sigma_k}{\sum_j \sigma_j}, \qquad \text{effective rank} = \exp\Big(-\sum_k p_k \ln p_k\Big), \qquad 0 \ln 0 = 0 . $$
#
# If $r$ singular values are equal and the rest are zero, it is exactly $r$.
#
# **Predict.** Train once more from the same start, with the attraction alone. What comes out?

# %% tags=["predict"] id="contrastive.no_negatives"
predict(
    "contrastive.no_negatives",
    choice="b",
    a="the loss gets stuck: without negatives there is nothing to learn from",
    b="the loss reaches almost its minimum, and kNN is no better than untrained",
    c="the loss reaches almost its minimum, and kNN is a little below that with negatives",
)


# %% tags=["exercise"] id="contrastive.collapse"
def effective_rank(features: Tensor) -> float:
    """How many directions the features really use (RankMe).

    features: [n, d], not all zero; some singular values may be zero (0 ln 0 counts as 0)
    returns a Python float between 1 and min(n, d); the features are not centred

    >>> round(effective_rank(torch.eye(3)), 4)       # three equal singular values
    3.0
    >>> round(effective_rank(torch.ones(5, 3)), 3)   # complete collapse: one direction
    1.0
    """


# %% tags=["check", "nbval-check-output"] id="contrastive.collapse"
check("contrastive.collapse", effective_rank)

# %% [markdown]
# **Train** without negatives and watch it happen. The loss is not comparable with the one above (its minimum is $-1/\tau = -5$); the
# other three panels are.

# %% tags=["experiment"]
no_negatives = lab.train("no_negatives")

# %% tags=["experiment"]
collapsed = lab.show_collapse(mine_or_reference("contrastive.collapse", effective_rank))
measured("contrastive.no_negatives", collapsed.text, answer=collapsed.answer)

# %% [markdown]
# **What you should see.** The loss is at its minimum, -5.00, and every cosine is 1.00: complete collapse of the embeddings. The effective rank of
# the features is 6.7–9.8, against 35.2–37.5 with negatives and 18.2–20.5 untrained; kNN falls to 0.24–0.29, far below the
# untrained 0.62–0.70 (three seeds, scale `cpu`). The loss alone would have looked like a triumph.
#
# So SimCLR needs its negatives. That does not mean that *every* method does: BYOL and SimSiam train without any, by making the two branches
# unequal. They come in later labs.

# %% [markdown] tags=["answer"] id="contrastive.why_negatives"
# **Write.** Use your measurements above.

# %% [markdown]
# ## 7. The shortcut: is a harder task better?
#
# **A claim you will meet**: *"SimCLR is sensitive to its augmentations because strong augmentation makes the positive pairs too
# hard to find."* It predicts that taking transformations *away* makes the task easier and the features better. Measure both.
#
# How hard the task is has a direct meter, the **contrastive accuracy**: the share of the $2N$ views whose positive is more similar to them than
# every other view. Ties count as wrong, so that a collapsed network does not score.
#
# **Predict.** Train once more from the same start, with crops and mirroring but *without the colour transformations* (no jitter, no greyscale).
# First the task, then the features.

# %% tags=["predict"] id="contrastive.colour_task"
predict(
    "contrastive.colour_task",
    choice="a",
    a="contrastive accuracy rises: positives are easier to find",
    b="contrastive accuracy stays as it was (within 0.02)",
    c="contrastive accuracy falls: positives are harder to find",
)

# %% tags=["predict"] id="contrastive.colour_features"
predict(
    "contrastive.colour_features",
    choice="c",
    a="kNN accuracy rises",
    b="kNN accuracy stays as it was (within 0.02)",
    c="kNN accuracy falls",
)


# %% tags=["exercise"] id="contrastive.shortcut"
def contrastive_accuracy(z1: Tensor, z2: Tensor) -> float:
    """The share of the 2n views whose positive is strictly more similar than every other.

    z1, z2: [n, d], not normalised
    returns a Python float between 0 and 1; a tie counts as wrong

    >>> z = torch.eye(2)
    >>> contrastive_accuracy(z, z)
    1.0
    >>> contrastive_accuracy(torch.ones(2, 2), torch.ones(2, 2))
    0.0
    """


# %% tags=["check", "nbval-check-output"] id="contrastive.shortcut"
check("contrastive.shortcut", contrastive_accuracy)

# %% tags=["experiment"]
no_colour = lab.train("no_colour", loss)

# %% tags=["experiment"]
finds_partner = mine_or_reference("contrastive.shortcut", contrastive_accuracy)
task, features = lab.show_shortcut(finds_partner)  # each (with colour, without)
words = "{:.2f} with colour transformations, {:.2f} without"
measured("contrastive.colour_task", words.format(*task), answer=direction(*task))
measured("contrastive.colour_features", words.format(*features), answer=direction(*features))

# %% [markdown]
# **What you should see.** Without the colour transformations the positive is found for 0.87–0.92 of the views, not 0.38–0.41, and kNN is
# 0.33–0.42, not 0.93–0.94: below the untrained network's 0.62–0.70 (three seeds, scale `cpu`). The task got easier, the features worse.
#
# **Why?** Two crops of one picture have nearly the same colours, and few other pictures have those. Nothing needs to be *learned* to see
# that: below, a plain histogram of 64 colours takes the place of the network.

# %% tags=["experiment"]
lab.show_colours()
lab.show_colours_alone(finds_partner)

# %% [markdown]
# At scale `cpu` the histogram alone finds .91 of the positives when colours are left as they are, without having learned anything, and .10 when they
# are changed.
#
# This is a **shortcut**: a feature that solves the training task and is worth nothing for what the features are wanted for. Colour
# transformations do not make the task better by making it harder *as such*; they take away the shortcut. The same finding, measured on ImageNet:
# without the colour transformations SimCLR falls from 67.9 % to 45.7 % (BYOL paper, table 17), and the SimCLR paper (section 3.1) observes that the
# network finds positive pairs almost perfectly while its features are poor.
#
# So the claim has it the wrong way round: SimCLR is sensitive to augmentation because without it the pairs get too **easy**. And
# **contrastive accuracy is not representation quality**.

# %% [markdown]
# ## What you predicted, and what was measured

# %%
prediction_table()

# %%
progress()

# %% [markdown]
# ## Further
#
# **Try.** (1) `force=True` with a loss that keeps the diagonal, or forgets the temperature: which meter tells you first?
# (2) `ContrastiveLab(images="folder:PATH")` with photographs of your own, one folder for each class. Does the finding of stage 7 hold?
#
# **Read.**
#
# - Chen, Kornblith, Norouzi, Hinton 2020, *A Simple Framework for Contrastive Learning of Visual Representations* (SimCLR),
#   [arXiv:2002.05709](https://arxiv.org/abs/2002.05709). Sections 2 and 3 are this lab; table 5 is stage 7's finding in their numbers.
# - Wang, Isola 2020, *Understanding Contrastive Representation Learning through Alignment and Uniformity on the Hypersphere*,
#   [arXiv:2005.10242](https://arxiv.org/abs/2005.10242).
# - Jing, Vincent, LeCun, Tian 2021, *Understanding Dimensional Collapse in Contrastive Self-supervised Learning*,
#   [arXiv:2110.09348](https://arxiv.org/abs/2110.09348): partial collapse happens with negatives, too.
# - Garrido, Balestriero, Najman, LeCun 2023, *RankMe: Assessing the Downstream Performance of Pretrained Self-Supervised Representations by
#   Their Rank*, [arXiv:2210.02885](https://arxiv.org/abs/2210.02885).
# - Grill et al. 2020, *Bootstrap Your Own Latent* (BYOL), [arXiv:2006.07733](https://arxiv.org/abs/2006.07733): tables 16 and 17 measure batch
#   size and augmentations side by side with SimCLR.
# - Yeh et al. 2021, *Decoupled Contrastive Learning*, [arXiv:2110.06848](https://arxiv.org/abs/2110.06848): a small change to the sum in the
#   denominator that makes small batches work.
