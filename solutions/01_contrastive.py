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
# **Can a network that is never told what a picture shows learn to put pictures of the same kind of thing close
# together?** In this lab you build SimCLR, the method that made this practical, one function at a time, train a
# network with your own code, and measure three things that are often only claimed.
#
# **You will be able to**
#
# - make two views of an image and say which pairs of views attract and which repel;
# - write the loss NT-Xent so that it stays exact at small temperatures;
# - read the meters of a representation: alignment, uniformity, effective rank, kNN accuracy;
# - tell complete from partial collapse, and say what the negative pairs are for;
# - find the mistake in a loss from its meters alone.
#
# | | `smoke` | `cpu` (two cores) | `gpu` |
# |---|---|---|---|
# | your own work | – | one to two hours | one to two hours |
# | waiting | half a minute | about six minutes | not timed yet |
# | what it shows | everything runs, nothing learns | all findings | all findings, with a larger network |
#
# **You need** PyTorch tensors and indexing, and an idea of what a training loop does. Nothing is downloaded.
#
# **The course**: 0 Tokens and probes · **1 Contrastive learning (you are here)** · 2 Learning without negatives · 3
# Local and global crops · 4 Distillation at two levels · 5 Removing tokens · 6 Reconstructing pixels · 7 Putting it
# together
#
# In every stage you first *predict*, which is never graded; then you write a function of a few lines, and `check`
# tells you what differs; then an *experiment* runs with your function and settles the prediction. No stage blocks the
# next: where a function of yours is missing or wrong, the experiments take the course's own and say so.

# %% tags=["setup"]
import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.notebook import check, hint, predict, prediction_table, progress, solution, start

start("contrastive")

# %% [markdown]
# ## The pictures
#
# The course draws its own: everyday things in random poses, shapes and colours, on random backgrounds. **Colour says
# nothing about the class**: a red car is as likely as a red fish. The labels are used only to *measure* what was
# learned, never to train.

# %% tags=["experiment"]
from sslcourse.labs.contrastive.experiments import ContrastiveLab

# or images="cifar10", or images="folder:PATH": your own photographs, as many as there are
lab = ContrastiveLab(images="objects")
lab.show_images()

# %% [markdown]
# ## 1. Views
#
# **Idea.** From one image $x$ make two *views* $\tilde x_1 = t_1(x)$ and $\tilde x_2 = t_2(x)$: cut out a random box
# and scale it to a fixed size, perhaps mirror it, change the colours. The training task is: *given one view, find the
# other view of the same image among views of other images.* What two views share can solve it, so the choice of
# transformations decides what is learned.
#
# The **encoder** $f$ gives the *features* $h = f(\tilde x)$, which are what we want. A **projection head** $g$ behind
# it gives the *embedding* $z = g(h)$ for the loss, and is thrown away after training (SimCLR paper, section 4.2).

# %% tags=["experiment"]
lab.show_pipeline()

# %% tags=["predict"] id="contrastive.overlap"
predict(
    "contrastive.overlap",
    "Each view is a box of 20 % to 100 % of the image. How much of the image is in both boxes, on average?",
    a="under 15 %",
    b="15 % to 35 %",
    c="over 35 %",
)

# %% [markdown]
# **Write** `crop_and_flip` (2 points, about 10 minutes). The random choices are made outside and handed in: a box for
# each image, and whether to mirror it. All boxes have the same size, so nothing is scaled here.


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
# **Look.** Your function cuts two boxes out of each picture and mirrors every second picture. What would you match
# them by?

# %% tags=["experiment"]
lab.crops(crop_and_flip)

# %% [markdown]
# **Play.** The course's own augmentation does all of it for a whole batch at once. What is left in common when the
# smallest crop goes down to 0.05? What does the line above the picture say about colours when their strength is 0?

# %% tags=["widget"]
lab.explore_views()

# %% [markdown]
# ## 2. Positive and negative pairs
#
# **Idea.** $N$ images give $2N$ views. Put them into one list: the $N$ first views, then the $N$ second views in the
# same order. For each view $i$, exactly one other is its **positive** $p(i)$: the other view of the same image. All
# the rest, without $i$ itself, are its **negatives**. Nobody checks what they show; some will be of the same class.

# %% tags=["predict"] id="contrastive.negatives_count"
predict(
    "contrastive.negatives_count",
    "A batch has 256 images. How many negatives does one view have?",
    a="255",
    b="256",
    c="510",
    d="512",
)

# %% [markdown]
# **Write** `positive_index` (1 point, about 5 minutes).


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
lab.pairs(positive_index)

# %% [markdown]
# ## 3. Similarity
#
# **Idea.** How alike two embeddings are is the cosine of the angle between them,
#
# $$ s_{ij} = \frac{z_i \cdot z_j}{\lVert z_i \rVert \, \lVert z_j \rVert} \in [-1, 1]. $$
#
# Only directions count: all embeddings live on the unit sphere. All $2N \times 2N$ similarities are one matrix product.

# %% tags=["predict"] id="contrastive.untrained_cosine"
predict(
    "contrastive.untrained_cosine",
    "A network has random weights. What is the mean cosine of two views of different pictures?",
    a="below 0.3",
    b="0.3 to 0.7",
    c="above 0.7",
)

# %% [markdown]
# **Write** `cosine_similarity_matrix` (2 points, about 5 minutes).


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
lab.similarities(cosine_similarity_matrix)

# %% [markdown]
# **Play.** To turn a row of similarities into probabilities, divide by a *temperature* $\tau$ and take the softmax
# over the other views:
#
# $$ p_{ij} = \frac{\exp(s_{ij}/\tau)}{\sum_{k \neq i} \exp(s_{ik}/\tau)}. $$
#
# The embeddings below are made by hand: each view's *histogram of colours*. Move the temperature from 3 down to 0.01.
# At which end do all other views count alike, and at which only the nearest? Is the nearest always the positive?

# %% tags=["widget"]
lab.explore_temperature()

# %% [markdown]
# ## 4. The loss: NT-Xent
#
# **Idea.** Finding the positive is a classification among $2N - 1$ candidates, so take the cross-entropy: the
# *normalised temperature-scaled cross-entropy* (SimCLR paper, equation 1), averaged over all $2N$ views:
#
# $$ \ell_i = -\log \frac{\exp(s_{i,p(i)}/\tau)}{\sum_{k \neq i} \exp(s_{ik}/\tau)}
#    \;=\; \underbrace{-\,s_{i,p(i)}/\tau}_{\text{attract the positive}}
#    \;+\; \underbrace{\log \sum_{k \neq i} \exp(s_{ik}/\tau)}_{\text{repel all others}} $$
#
# The sum leaves out $k = i$: a view is always most similar to itself, and that answer would be worth nothing. If all
# embeddings are equal, the softmax is uniform and the loss is that of a guess, $\ln(2N-1)$.

# %% tags=["predict"] id="contrastive.first_loss"
predict(
    "contrastive.first_loss",
    "Before the first step of training, the loss on N pictures is ...",
    a="far above ln(2N - 1)",
    b="within 20 % of ln(2N - 1)",
    c="clearly below ln(2N - 1)",
)

# %% [markdown]
# **Write** `nt_xent` (4 points, about 20 minutes). By hand: for $N = 2$ equal embeddings it is $\ln 3 \approx 1.0986$.
#
# At $\tau = 0.01$ the exponent $s/\tau$ reaches 100, and $e^{100}$ is too large for float32. Functions that work with
# logarithms throughout (`logsumexp`, `log_softmax`, `cross_entropy`) subtract the largest exponent first and stay
# exact.


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
# **Train** SimCLR with *your* loss. The pictures are redrawn while it trains; shaded behind your curves is what is
# ordinary, the range in which 95 of 100 new runs of the course's loss would lie. The network is kept beside this
# notebook: an interrupted run goes on where it was, and `again=True` starts anew.
#
# How good are the features? Find the 20 training pictures whose features have the largest cosine with those of a
# held-out picture, and let them vote on its class: **kNN accuracy**. Nothing is trained for it, so it measures the
# representation.

# %% tags=["experiment"]
lab.train_baseline(nt_xent)

# %% [markdown]
# The gradient shows what the temperature does: $\partial \ell_i / \partial s_{ij} = (p_{ij} - [j = p(i)])/\tau$.
# Every negative is pushed away in proportion to its softmax weight, so a small $\tau$ pushes hardest on the nearest.

# %% [markdown]
# ## 5. Geometry: alignment and uniformity
#
# **Idea.** The two halves of the loss pull in two directions, and each has a meter (Wang and Isola 2020), on
# embeddings of length 1:
#
# $$ \text{alignment} = \frac1N \sum_i \lVert z^{(1)}_i - z^{(2)}_i \rVert^2, \qquad
#    \text{uniformity} = \log \operatorname*{mean}_{i<j} \exp\!\left(-2 \lVert z_i - z_j \rVert^2\right). $$
#
# Alignment is the mean squared distance of positive pairs. Uniformity looks at all pairs of the $2N$ points: it is 0
# when they coincide and falls as they spread over the sphere. **Smaller is better for both**, and each is easy alone:
# put everything on one point, or scatter everything at random.

# %% tags=["predict"] id="contrastive.alignment"
predict(
    "contrastive.alignment",
    "Compare the embeddings before and after training. What happens to their alignment?",
    a="it gets larger",
    b="it stays within 10 %",
    c="it gets smaller",
)

# %% [markdown]
# **Write** `alignment_uniformity` (2 points, about 15 minutes).


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
lab.geometry(alignment_uniformity)

# %% [markdown]
# **Play.** The explorer of stage 3, now with the embeddings of the trained network. Compare the two matrices.

# %% tags=["widget"]
lab.explore_temperature("baseline")

# %% [markdown]
# ## 6. Collapse: what the negatives are for
#
# **Idea.** Drop the second half of the loss and keep the attraction, $\ell_i = -\, s_{i,p(i)}/\tau$. Now there is a
# way to be perfect without looking: give every picture the same embedding, **complete collapse**. In **partial**
# (*dimensional*) **collapse** embeddings differ, but along a few directions only. A mean of cosines can miss that;
# the **effective rank** (RankMe, Garrido et al. 2023) counts the directions in use, by the singular values $\sigma_k$
# of the features:
#
# $$ p_k = \frac{\sigma_k}{\sum_j \sigma_j}, \qquad
#    \text{effective rank} = \exp\Big(-\sum_k p_k \ln p_k\Big), \qquad 0 \ln 0 = 0 . $$
#
# If $r$ singular values are equal and the rest are zero, it is exactly $r$.

# %% tags=["predict"] id="contrastive.no_negatives"
predict(
    "contrastive.no_negatives",
    "Train once more from the same start, with the attraction alone. What comes out?",
    a="the loss gets stuck",
    b="almost the lowest loss, kNN no better than untrained",
    c="almost the lowest loss, kNN between untrained and SimCLR",
)

# %% [markdown]
# **Write** `effective_rank` (2 points, about 10 minutes).


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
# **Train** without negatives and watch it happen. The loss cannot be compared with the one above (its minimum is
# $-1/\tau$); the other meters can.

# %% tags=["experiment"]
lab.collapse(effective_rank)

# %% [markdown] tags=["answer"] id="contrastive.why_negatives"
# **Write** (about 15 minutes), with the numbers of *your* runs.

# %% [markdown]
# ## 7. The shortcut: is a harder task better?
#
# **A claim you will meet**: *"SimCLR is sensitive to its augmentations because strong augmentation makes the positive
# pairs too hard to find."* If so, taking transformations *away* makes the task easier and the features better.
# Measure both.
#
# How hard the task is has a direct meter, the **contrastive accuracy**: the share of the $2N$ views whose positive is
# more similar to them than every other view. Ties count as wrong, so that a collapsed network does not score.
#
# Train once more from the same start, with crops and mirroring but *without the colour transformations*.

# %% tags=["predict"] id="contrastive.colour_task"
predict(
    "contrastive.colour_task",
    "Without colour transformations: what happens to contrastive accuracy, the task?",
    a="it rises",
    b="it stays within 0.02",
    c="it falls",
)

# %% tags=["predict"] id="contrastive.colour_features"
predict(
    "contrastive.colour_features",
    "Without colour transformations: what happens to kNN accuracy, the features?",
    a="it rises",
    b="it stays within 0.02",
    c="it falls",
)

# %% [markdown]
# **Write** `contrastive_accuracy` (1 point, about 10 minutes).


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
lab.shortcut(contrastive_accuracy)

# %% [markdown]
# **Look.** Why? Below, a plain histogram of 64 colours takes the place of the network. Nothing in it is learned.

# %% tags=["experiment"]
lab.colours_alone(contrastive_accuracy)

# %% [markdown]
# ## 8. Find the mistake
#
# **Another kind of exercise.** Somebody's NT-Xent has one mistake. It was trained from the same start as yours, for a
# quarter of the steps, and no error was raised. Look at its meters beside those of the sound loss. Ask of each
# candidate below what it would do to *every* meter.

# %% tags=["experiment"]
lab.mystery()

# %% tags=["predict"] id="contrastive.mystery"
predict(
    "contrastive.mystery",
    "Which mistake is it?",
    a="the negatives are missing",
    b="the positives are the wrong rows",
    c="multiplied by the temperature, not divided",
    d="the sign is wrong",
)

# %% tags=["experiment"]
lab.solve_mystery()

# %% [markdown]
# ## 9. What it is good for
#
# **Search by picture.** Features that put the same kind of thing close together are of use without a single label:
# give a picture, get the nearest ones. A broken orange frame says: of another class.

# %% tags=["experiment"]
lab.search()

# %% [markdown]
# **Few labels.** Pictures are cheap, labels are not. A linear classifier on the frozen features sees only a few
# labels of each class.

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
# Not graded. At equal cost (network, pictures, steps and batch stay), reach a higher kNN accuracy than is ordinary
# for SimCLR: by the temperature, the learning rate, the views, or a loss of your own, for instance one that leaves
# the positive out of the denominator (Yeh et al. 2021). Write down first what you expect, and why; about one try in
# forty beats the range by luck.

# %% tags=["experiment"]
lab.challenge(temperature=0.1)

# %% [markdown]
# ## Further
#
# **Try** `lab.train_baseline(nt_xent, force=True)` with a loss that keeps the diagonal: which meter tells you first?
# And `ContrastiveLab(images="folder:PATH")` with photographs of your own: does the finding of stage 7 hold?
#
# **Read**
#
# - Chen, Kornblith, Norouzi, Hinton 2020, *A Simple Framework for Contrastive Learning of Visual Representations*
#   (SimCLR), [arXiv:2002.05709](https://arxiv.org/abs/2002.05709). Sections 2 and 3 are this lab; table 5 is stage
#   7's finding in their numbers.
# - Wang, Isola 2020, *Understanding Contrastive Representation Learning through Alignment and Uniformity on the
#   Hypersphere*, [arXiv:2005.10242](https://arxiv.org/abs/2005.10242): stage 5.
# - Jing, Vincent, LeCun, Tian 2021, *Understanding Dimensional Collapse in Contrastive Self-supervised Learning*,
#   [arXiv:2110.09348](https://arxiv.org/abs/2110.09348): partial collapse happens with negatives, too.
# - Garrido, Balestriero, Najman, LeCun 2023, *RankMe: Assessing the Downstream Performance of Pretrained
#   Self-Supervised Representations by Their Rank*, [arXiv:2210.02885](https://arxiv.org/abs/2210.02885): stage 6.
# - Grill et al. 2020, *Bootstrap Your Own Latent* (BYOL), [arXiv:2006.07733](https://arxiv.org/abs/2006.07733):
#   tables 16 and 17 measure batch size and augmentations side by side with SimCLR.
# - Yeh et al. 2021, *Decoupled Contrastive Learning*, [arXiv:2110.06848](https://arxiv.org/abs/2110.06848): a small
#   change to the sum in the denominator that makes small batches work.
#
# **Next**: Lab 2, *Learning without negatives*. Why does BYOL not collapse?
