# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Lab 6: Reconstructing pixels
#
# Take half of a picture's patches away and ask a network to paint them. Nobody has to say what is in the picture, and
# the network cannot paint the second ear of a cat without knowing something of cats. So it is often said that painting
# teaches a network to see, and makes it robust besides: whoever has learned to fill gaps is not troubled by gaps.
# **What is painting worth?** In this lab you build a masked autoencoder, look at its pictures and at its features, and
# put the claims to the test, one by one.
#
# **You will be able to**
#
# - put tokens back in order after some of them were removed;
# - say what exactly a masked autoencoder predicts, and which patches its loss counts;
# - judge a painting in decibels, and a network by its features, and not take one for the other;
# - measure robustness to occlusion fairly: equally many patches, several fills, a control;
# - say for which scenes reconstruction is worth something, and which evidence there is.
#
# | | `smoke` | `cpu` (two cores) | `gpu` |
# |---|---|---|---|
# | your own work | – | one to two hours | one to two hours |
# | waiting | under a minute | about four minutes | not timed yet |
# | what it shows | everything runs, nothing learns | all findings | all findings, with a larger network |
#
# **You need** Lab 0's ideas (patches and their order, tokens, kNN), DINO's in one sentence (a student predicts what its
# own moving average says of another view), though none of their code. Nothing is downloaded.
#
# **The course**: 0 Tokens and probes · 1 Contrastive learning · 2 Learning without negatives · 3 Local and global
# crops · 4 Distillation at two levels · 5 Removing tokens · **6 Reconstructing pixels (you are here)** · 7 Putting it
# together
#
# In every stage you first *predict*, which is never graded; then you write a function of a few lines, and `check`
# tells you what differs; then an *experiment* runs and settles the prediction. No stage blocks the next: where a
# function of yours is missing or wrong, the experiments take the course's own and say so.

# %% tags=["setup"]
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.notebook import check, hint, predict, prediction_table, progress, solution, start

start("pixels")

# %% tags=["experiment"]
from sslcourse.labs.pixels.experiments import PixelsLab

# or images="cifar10", or images="folder:PATH": your own photographs, as many as there are
lab = PixelsLab(images="objects")
lab.show_painting()

# %% [markdown]
# ## 1. Back in order
#
# **Idea.** A masked autoencoder (MAE) shuffles the N patches of a picture, keeps the first K and throws the others
# away: that is random removal. The encoder sees the kept patches only. The decoder needs all N places again, in their
# old order: kept tokens where they were, and in every gap the same *mask token*, a vector that is learned.
#
# The shuffling is a row of `indices`: the patch in position j of the shuffled row came from place `indices[j]`.

# %% tags=["predict"] id="pixels.order"
predict(
    "pixels.order",
    "Somebody shuffles 64 patches by `indices` and wants them back. The result is shuffled by `indices` once more. How "
    "many of the 64 are in their old place?",
    a="hardly any (fewer than 8)",
    b="about half",
    c="all, or nearly all",
)

# %% [markdown]
# **Write** `restore_order` (3 points, about 15 minutes).


# %% tags=["exercise"] id="pixels.restore"
def restore_order(kept: Tensor, mask_token: Tensor, indices: Tensor) -> Tensor:
    """All tokens in their places: the kept ones where they came from, the mask token everywhere else.

    kept: [B, K, D], the tokens in the first K positions of the shuffled order
    mask_token: [D], one vector for all gaps; it learns
    indices: [B, N], whole numbers, K < N: position j of picture b's shuffled order came from place indices[b, j].
        Every picture has an order of its own; kept[b, j] belongs at place indices[b, j]
    returns [B, N, D], with gradients to `kept` and to `mask_token`

    >>> kept = torch.tensor([[[10.], [20.]]])
    >>> order = torch.tensor([[3, 0, 2, 1]])    # 10 came from place 3, 20 from place 0
    >>> restore_order(kept, torch.tensor([-1.]), order).flatten().tolist()
    [20.0, -1.0, -1.0, 10.0]
    """


# %% tags=["check", "nbval-check-output"] id="pixels.restore"
check("pixels.restore", restore_order)

# %% tags=["experiment"]
lab.orders(restore_order)

# %% [markdown]
# ## 2. What is to be painted
#
# **Idea.** The decoder could predict the pixels as they are. Part of that is only how bright a patch is and of what
# colour. MAE's better variant takes this away: each patch is shifted and scaled to mean 0 and variance 1 *by itself*,
# and what remains is its texture (MAE paper, section 4.1, "Reconstruction target"):
#
# $$ t = \frac{x - \operatorname{mean}(x)}{\sqrt{\operatorname{var}(x) + 10^{-6}}} . $$

# %% tags=["predict"] id="pixels.colour"
predict(
    "pixels.colour",
    "Paint every patch of 8 x 8 pixels in its own mean colour. How much of the variance of the pixels (around the mean "
    "colour of each picture) is explained by that alone?",
    a="less than 20 %",
    b="20 to 80 %",
    c="more than 80 %",
)

# %% [markdown]
# **Write** `normalised_targets` (2 points, about 5 minutes).


# %% tags=["exercise"] id="pixels.targets"
def normalised_targets(patches: Tensor) -> Tensor:
    """Each patch with mean 0 and variance 1 over its own P numbers.

    patches: [B, N, P]; a patch of one colour becomes 0
    returns [B, N, P]: the mean is taken off, and the rest divided by the root of (variance + 1e-6);
    the variance is the one that divides by P - 1

    >>> patches = torch.tensor([[[1., 2., 3.], [10., 20., 30.]]])    # the same texture twice
    >>> normalised_targets(patches)
    tensor([[[-1.0000,  0.0000,  1.0000],
             [-1.0000,  0.0000,  1.0000]]])
    """


# %% tags=["check", "nbval-check-output"] id="pixels.targets"
check("pixels.targets", normalised_targets)

# %% tags=["experiment"]
lab.targets(normalised_targets)

# %% [markdown]
# ## 3. A painter, from your own parts
#
# **Idea.** The decoder says something of *every* patch. The loss is the squared error of the removed ones alone: mean
# over the P values of a patch, then mean over the removed patches of all pictures. The kept ones were seen, so to
# paint them would be copying. An error of 1 is that of a patch painted in its own mean colour, 0 is perfect.

# %% tags=["predict"] id="pixels.visible"
predict(
    "pixels.visible",
    "The decoder says something of every patch. After training, those that the encoder has *seen* are painted ...",
    a="nearly perfectly (error below 0.2)",
    b="not perfectly, but better than the removed ones (by more than 0.05)",
    c="no better than the removed ones",
)

# %% [markdown]
# **Write** `removed_only` (3 points, about 10 minutes).


# %% tags=["exercise"] id="pixels.loss"
def removed_only(predicted: Tensor, target: Tensor, kept: Tensor) -> Tensor:
    """The mean squared error of the patches that were removed.

    predicted, target: [B, N, P]
    kept: [B, K], whole numbers: which patches of each picture were kept, the same number in each
    returns a tensor without dimensions, with a gradient to `predicted`

    >>> predicted, target = torch.zeros(1, 3, 2), torch.tensor([[[1., 3.], [50., 50.], [0., 2.]]])
    >>> removed_only(predicted, target, torch.tensor([[1]]))    # (1 + 9) / 2 and (0 + 4) / 2, and their mean
    tensor(3.5000)
    """


# %% tags=["check", "nbval-check-output"] id="pixels.loss"
check("pixels.loss", removed_only)

# %% [markdown]
# **Train** a small masked autoencoder with *your* order, *your* targets and *your* loss. Half of the patches are
# removed at random. Shaded is what is ordinary: 95 of 100 new runs of the course's own functions lie there.

# %% tags=["experiment"]
lab.train_baseline(restore_order, normalised_targets, removed_only)

# %% [markdown]
# ## 4. What it is worth as a picture
#
# **Idea.** Your painter predicts textures: as pictures they would need each patch's true mean and contrast, which
# nobody has predicted. The *course's painter* was trained longer (its card:
# `sslcourse/checkpoints/reconstruction.json`) and predicts plain pixels. Is it better than a rule that has learned
# nothing: every missing pixel is a smooth *blend* of the kept ones around it?
#
# Pictures are compared in decibels. With the *mean squared error* (MSE) of a picture's pixels, which lie in [0, 1],
# the *peak signal-to-noise ratio* is
#
# $$ \text{PSNR} = 10 \log_{10} \frac{1}{\text{MSE}} . $$
#
# Ten decibels more are a tenth of the error; about 0.5 dB can be seen.

# %% tags=["predict"] id="pixels.rules"
predict(
    "pixels.rules",
    "Half of the patches are removed at random. On these, compared with the blend of neighbours, the course's painter "
    "is ...",
    a="better by more than 1 dB",
    b="as good (within 1 dB)",
    c="worse by more than 1 dB",
)

# %% [markdown]
# **Write** `psnr` (2 points, about 5 minutes).


# %% tags=["exercise"] id="pixels.psnr"
def psnr(predicted: Tensor, true: Tensor) -> Tensor:
    """The peak signal-to-noise ratio of each picture, in decibels.

    predicted, true: [B, C, H, W], pixels in [0, 1]; the two differ in every picture
    returns [B]: one number a picture, from the mean squared error over its channels and pixels

    >>> true = torch.zeros(2, 3, 4, 4)
    >>> predicted = torch.stack([true[0] + 0.1, true[1] + 0.01])
    >>> psnr(predicted, true).round(decimals=2).tolist()
    [20.0, 40.0]
    """


# %% tags=["check", "nbval-check-output"] id="pixels.psnr"
check("pixels.psnr", psnr)

# %% tags=["experiment"]
lab.paint(psnr)

# %% [markdown]
# **Play.** A brush hides patches; the painter sees the rest. Move it with the arrow keys. Let what it hid stay hidden,
# and see how much of an object can go before the painter forgets what it was.

# %% tags=["widget"]
lab.brush()

# %% [markdown]
# **Which scenes?** The drawn objects stand on three families of backgrounds of equal contrast: *regular* ones
# (stripes, checks, bricks, dots, weave), *natural* ones (noise as in clouds, gradients and the like), and *clutter*
# (heaps of small things). You will read that *"regular scenes profit most from reconstruction: their structure can be
# continued"*. The error is divided by the variance of the patches, so that a lively background is not punished for
# being lively: painting each patch in its own true mean colour would give a share of 1.

# %% tags=["predict"] id="pixels.scenes"
predict(
    "pixels.scenes",
    "The error of the course's painter, as a share of the variance, is, on regular backgrounds compared with "
    "clutter, ...",
    a="smaller by more than 0.02",
    b="the same (within 0.02)",
    c="larger by more than 0.02",
)

# %% tags=["experiment"]
lab.scenes()

# %% [markdown]
# ## 5. What it is worth as a feature
#
# **Idea.** Now throw the decoder away and look at the encoder. kNN asks which pictures have similar features, by the
# cosine; a *linear classifier* finds the useful directions by itself, with labels. Another way, without labels, is
# *whitening*: it turns the features to their principal directions and gives each of these the same variance. That helps
# where a few large directions drown useful ones, and hurts where the small ones are noise.

# %% tags=["predict"] id="pixels.whitened"
predict(
    "pixels.whitened",
    "The features of the course's painter are whitened. Its kNN accuracy ...",
    a="rises by more than 0.05",
    b="stays (within 0.05)",
    c="falls by more than 0.05",
)

# %% tags=["experiment"]
lab.features()

# %% [markdown]
# ## 6. Occlusion
#
# **A claim you will meet**: *"Whoever has learned to fill gaps is robust to occlusion."* To test it, hide patches of
# the held-out pictures and see what is left of kNN accuracy. Three things can fool you:
#
# - *which* patches: those of the object, any, or those of the background;
# - *how many*: as many in every picture and for every choice. (A famous experiment hid the patches that hold half of
#   the *attention*; of the object's that was far fewer than of the background's.)
# - *what takes their place*: the mean colour, noise, or the same patches of another picture.
#
# What is left is counted above chance, as a share of what the network knew of the whole pictures.

# %% tags=["predict"] id="pixels.robust"
predict(
    "pixels.robust",
    "Random patches are hidden. Of what it knows of whole pictures, the course's painter keeps, compared with the "
    "course's DINO, which never painted, ...",
    a="more, by over 0.1",
    b="about as much (within 0.1)",
    c="less, by over 0.1",
)

# %% [markdown]
# **Write** `drop_patches` (3 points, about 15 minutes).


# %% tags=["exercise"] id="pixels.drop"
def drop_patches(images: Tensor, scores: Tensor, count: int, fill: Tensor) -> Tensor:
    """Pictures whose `count` patches with the highest scores are hidden, as many in each.

    images: [B, C, H, W]; the images themselves stay as they were
    scores: [B, rows, columns], a number for each patch of the grid, no two of a picture alike;
        a patch has H / rows times W / columns pixels
    fill: what takes the place of hidden pixels, [B, C, H, W] or a shape that broadcasts to it: a colour [1, C, 1, 1],
        noise, or other pictures, of which the same patches are taken
    returns [B, C, H, W]

    >>> images, scores = torch.ones(1, 1, 2, 4), torch.tensor([[[0.2, 0.7]]])    # two patches of 2 x 2 pixels
    >>> drop_patches(images, scores, 1, torch.full((1, 1, 1, 1), 5.))
    tensor([[[[1., 1., 5., 5.],
              [1., 1., 5., 5.]]]])
    """


# %% tags=["check", "nbval-check-output"] id="pixels.drop"
check("pixels.drop", drop_patches)

# %% tags=["experiment"]
lab.occlusion(drop_patches)

# %% [markdown]
# ## 7. What is wrong with this experiment?
#
# **Another kind of exercise.** Somebody else measured DINO, too, with random patches set to *zero*, and concludes:
# *"With a quarter of the patches gone it knows almost nothing. It needs to see everything."* Compare with your own
# table above.

# %% tags=["experiment"]
lab.black()

# %% tags=["predict"] id="pixels.black"
predict(
    "pixels.black",
    "What is wrong?",
    a="besides taking patches away, it put something into the pictures",
    b="patches that are drawn at random say nothing about occlusion",
    c="kNN cannot be used on pictures with gaps",
    d="pictures with large objects lose more than pictures with small ones",
)

# %% [markdown]
# A control settles it: hide a quarter of every picture where *nothing of the object* is lost.

# %% tags=["experiment"]
lab.solve_black()

# %% [markdown]
# ## 8. With painting and without
#
# **Idea.** The course's painter and the course's DINO differ in everything. For a fair answer, train the *same*
# network twice, on the same crops with the same half of the patches removed: once *distilling* only (DINO's loss on
# the class token), once with painting added at a quarter of its weight. Then damage pictures for both: hidden
# patches, noise, blur, low resolution. (These two have a convolutional stem, which learns faster. Its windows reach a
# few pixels into removed patches, so that their painting is a little easier than yours.)

# %% tags=["predict"] id="pixels.pair"
predict(
    "pixels.pair",
    "Random patches are hidden. Of what it knows of whole pictures, the network that also painted keeps ...",
    a="more, by over 0.1",
    b="about as much (within 0.1)",
    c="less, by over 0.1",
)

# %% tags=["predict"] id="pixels.accuracy"
predict(
    "pixels.accuracy",
    "And on whole pictures, in seven pairs (yours and six more): with painting, kNN accuracy is",
    a="higher by more than 0.03 in at least six of the seven",
    b="neither",
    c="lower by more than 0.03 in at least six of the seven",
)

# %% tags=["experiment"]
lab.pair()

# %% [markdown]
# **One pair is one pair.** The course's *ledger* has more runs of the same comparison, six pairs before anything is
# said, with the smallest effect that counts written down before the first run that counts.

# %% tags=["experiment"]
lab.claims("reconstruction-occlusion", "reconstruction-corruption", "regular-scenes", "without-reconstruction")

# %% [markdown] tags=["answer"] id="pixels.worth"
# **Write** (about 15 minutes), with the numbers of *your* tables.

# %% [markdown] tags=["answer"] id="pixels.which_scenes"
# **Write** (about 10 minutes), with the numbers of *your* tables.

# %% [markdown]
# ## 9. What it is good for
#
# **Few labels.** A linear classifier on frozen features sees only a few labels of each class: on the course's painter
# and on its DINO.

# %% tags=["experiment"]
lab.few_labels()

# %% [markdown]
# **Search by picture.** The nearest training pictures of four held-out ones. A dashed orange frame marks a picture of
# another class. By what does each of the two networks find pictures similar?

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
# Not graded. How good can features become by painting alone, at equal cost (network, pictures, steps and batch stay)?
# Try the share that is kept (`keep_rate`), plain pixels (`normalize_targets=False`), a deeper decoder
# (`decoder_depth`), other views (`**{"global_crop.color": 0, "global_crop.scale": "0.5,1"}`); `lab.settings()` shows
# all. Write down first what you expect, and why; about one try in forty beats the range by luck.

# %% tags=["experiment"]
lab.challenge(keep_rate=0.25)

# %% [markdown]
# ## Further
#
# **Try** `lab.train_baseline(restore_order, normalised_targets, removed_only, force=True)` with a `restore_order` that
# gathers by `indices` themselves. Does the error tell you? And with a loss that counts every patch: what becomes of the
# kept ones, and of the removed ones?
#
# **Read**
#
# - He et al. 2022, *Masked Autoencoders Are Scalable Vision Learners* (MAE),
#   [arXiv:2111.06377](https://arxiv.org/abs/2111.06377). Section 3 is this lab's method; table 1 has its ablations:
#   the decoder's depth, mask tokens, targets, views and what is masked.
# - Naseer et al. 2021, *Intriguing Properties of Vision Transformers*,
#   [arXiv:2105.10497](https://arxiv.org/abs/2105.10497), section 3.1: occlusion by black patches, as many
#   as hold a share of the attention.
# - Hendrycks, Dietterich 2019, *Benchmarking Neural Network Robustness to Common Corruptions and Perturbations*,
#   [arXiv:1903.12261](https://arxiv.org/abs/1903.12261): the noise and blur of stage 8 come from there.
# - Zhou et al. 2022, *iBOT: Image BERT Pre-Training with Online Tokenizer*,
#   [arXiv:2111.07832](https://arxiv.org/abs/2111.07832), table 8: robustness without a single painted pixel.
#
# **Next**: Lab 7, *Putting it together*. Does the whole beat its parts?
