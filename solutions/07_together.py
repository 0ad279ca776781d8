# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Lab 7: Putting it together
#
# Distil the class token and the patches, remove tokens, paint what is missing: each sounds good alone, so a method
# that does all of it should be better still. That is how most methods are sold, with one table in which one row is
# bold. **Does the whole beat its parts?** In this lab you put the parts together, and then ask what it takes to
# answer such a question: pairs of runs instead of single ones, chance, an effect that is large enough to matter, all
# combinations instead of one, and a hypothesis that was written down before anybody knew. At the end you see every
# claim of the course beside what you predicted.
#
# **You will be able to**
#
# - write one loss of three parts, each with a switch that really switches;
# - say what few pairs of runs show, with an interval, and how easily chance could have done it;
# - tell "nothing was found" from "nothing is there", and an effect from one that matters;
# - say what a part is worth, and why leaving it out of the whole may not tell;
# - write a hypothesis down so that it can fail, and run it.
#
# | | `smoke` | `cpu` (two cores) | `gpu` |
# |---|---|---|---|
# | your own work | – | one to two hours | one to two hours |
# | waiting | under a minute | about five and a half minutes | not timed yet |
# | what it shows | everything runs, nothing learns | all findings | all findings, with a larger network |
#
# **You need** the ideas of Labs 4 to 6 in a sentence each (a student predicts its own moving average's distribution,
# for the class token and for patches; tokens go by attention; a decoder paints patches), though none of their code,
# and a mean and a standard deviation. Nothing is downloaded.
#
# **The course**: 0 Tokens and probes · 1 Contrastive learning · 2 Learning without negatives · 3 Local and global
# crops · 4 Distillation at two levels · 5 Removing tokens · 6 Reconstructing pixels · **7 Putting it together (you
# are here)**
#
# In every stage you first *predict*, which is never graded; then you write a function of a few lines, and `check`
# tells you what differs; then an *experiment* runs and settles the prediction. No stage blocks the next: where a
# function of yours is missing or wrong, the experiments take the course's own and say so.

# %% tags=["setup"]
import itertools
import math

import torch
from torch import Tensor

from sslcourse.notebook import check, hint, predict, prediction_table, progress, solution, start

start("together")

# %% tags=["experiment"]
from sslcourse.labs.together.experiments import TogetherLab

# or images="folder:PATH": your own photographs, as many as there are
lab = TogetherLab(images="objects")
lab.show_parts()

# %% [markdown]
# ## 1. One loss of three parts
#
# **Idea.** A teacher, the student's moving average, sees all patches. **Removal** takes away the half that the
# teacher attends to least, and the student encodes the rest. The class token is always distilled. **Patches** adds
# the cross-entropy of every patch that the student has to the teacher's patch in that place. **Pixels** adds the
# error of what a small decoder paints: the removed patches, or all of them where nothing is removed. So there are
# three switches and eight methods:
#
# $$ L = L_{CLS} + [\text{patches}]\; w_1\, \overline{L_{patch}} + [\text{pixels}]\; w_2\, \overline{L_{pix}} . $$
#
# A part that is off was never computed. Here its numbers are NaN, so that nothing of it can get into the loss unseen.

# %% tags=["predict"] id="together.pair"
predict(
    "together.pair",
    "The same network is trained twice: the class token alone, and all three parts on. With all three, kNN accuracy is",
    a="higher by more than 0.03",
    b="the same (within 0.03)",
    c="lower by more than 0.03",
)

# %% [markdown]
# **Write** `combined_loss` (3 points, about 15 minutes).


# %% tags=["exercise"] id="together.loss"
def combined_loss(
    cls_loss: Tensor, patch_losses: Tensor, pixel_errors: Tensor, removed: Tensor, switches: dict, weights: dict
) -> Tensor:
    """The loss of the class token, and of patches and pixels where they are switched on.

    cls_loss: no dimensions
    patch_losses: [B, N], the loss of every patch; NaN where the student does not have the patch
    pixel_errors: [B, N], the error of every patch as it was painted
        (all of patch_losses is NaN where patches are off, and all of pixel_errors where pixels are off)
    removed: [B, N], bool: the patches that the teacher attends to least, as many in each picture, whether removal is on
        or not. Only if it is on are they gone; if it is off, the student has all patches, and all are painted
    switches: {"patches": bool, "removal": bool, "pixels": bool}
    weights: {"patches": float, "pixels": float}
    returns a tensor without dimensions: cls_loss, plus the weight times the mean over the patches that the student has,
    plus the weight times the mean over the patches that are painted; with gradients to all that is on

    >>> losses, errors = torch.tensor([[2., 4., math.nan]]), torch.tensor([[9., 9., 5.]])
    >>> removed = torch.tensor([[False, False, True]])
    >>> on = {"patches": True, "removal": True, "pixels": True}
    >>> combined_loss(torch.tensor(1.), losses, errors, removed, on, {"patches": 0.5, "pixels": 0.1})    # 1 + 1.5 + 0.5
    tensor(3.)
    """


# %% tags=["check", "nbval-check-output"] id="together.loss"
check("together.loss", combined_loss)

# %% [markdown]
# **Train** both with *your* loss. They have the switches of two cells of the course's *ledger of claims*, in shorter
# runs, at one learning rate and with a smaller decoder; and your seed is none of the ledger's.

# %% tags=["experiment"]
lab.train_whole(combined_loss)

# %% [markdown]
# And by the ledger's other measures: local detail (a linear probe that draws the object from frozen patches), and
# what is left of kNN accuracy, above chance, in damaged pictures.

# %% tags=["experiment"]
lab.damage()

# %% [markdown]
# **What does it cost?** Removal saves operations; the decoder costs some; the teacher sees everything either way. You
# will read that *"removal gives the method its speed"*. The comparison: patches distilled, nothing removed, nothing
# painted.

# %% tags=["predict"] id="together.speed"
predict(
    "together.speed",
    "A training step with all three parts, beside one without removal and without painting, is",
    a="faster by more than a tenth",
    b="as fast (within a tenth)",
    c="slower by more than a tenth",
)

# %% tags=["experiment"]
lab.speed()

# %% [markdown]
# ## 2. Pairs
#
# **Idea.** So far you have one run of either arm. Another seed draws other first weights and other crops, and gives
# another accuracy. Runs can be compared as two groups, by the means of either; or as *pairs*, where both arms share
# their seed: first weights, the order of the pictures, crops. Then of every pair only the *difference* counts. Of m
# differences d,
#
# $$ \bar d \;\pm\; t \,\frac{s}{\sqrt m}, \qquad s^2 = \frac{1}{m-1} \sum_i (d_i - \bar d)^2 , $$
#
# holds the true mean difference in 95 of 100 studies, if differences are about normally distributed. Student's t is
# 1.96 for very many pairs and 2.571 for six, since $s$ is itself uncertain.

# %% tags=["predict"] id="together.paired"
predict(
    "together.paired",
    "Twelve runs of the ledger: six seeds of BYOL, each with a predictor that learns ten times as fast as the rest, "
    "and with one that does not. As six pairs, the interval of their difference, beside that of two groups of six, is",
    a="less than half as wide",
    b="half to nine tenths as wide",
    c="about as wide, or wider",
)

# %% [markdown]
# **Write** `paired_interval` (3 points, about 15 minutes).


# %% tags=["exercise"] id="together.interval"
def paired_interval(a: Tensor, b: Tensor, t: float) -> Tensor:
    """The interval of the mean of a - b, pair by pair.

    a, b: [n], a figure of either arm for each seed; NaN where the run is missing. A pair with one half missing is left
        out; at least two are complete
    t: how many standard errors of the mean the interval reaches to either side
    returns [2], of the dtype of `a`: the low end and the high end

    >>> a, b = torch.tensor([5., 7., 9., 8.]), torch.tensor([4., 5., 6., math.nan])    # differences 1, 2 and 3
    >>> paired_interval(a, b, 3.0)    # 2 -/+ 3 * 1 / sqrt(3)
    tensor([0.2679, 3.7321])
    """


# %% tags=["check", "nbval-check-output"] id="together.interval"
check("together.interval", paired_interval)

# %% tags=["experiment"]
lab.pairs(paired_interval)

# %% [markdown]
# ## 3. Chance
#
# **Idea.** Does the interval depend on a bell curve that nobody has seen? Another question needs none. *If neither
# arm were better, each difference could as well have come out with the other sign.* So flip the signs in all $2^n$
# ways, the way they are included, and count how often the sum is at least as far from 0, on either side, as the one
# that was seen. That share is the **p value** (Fisher 1935). A small one says: chance rarely goes so far.

# %% tags=["predict"] id="together.smallest"
predict(
    "together.smallest",
    "Six pairs. All six differences point the same way; they lie between 0.1 and 0.3. The p value is",
    a="below 0.01",
    b="from 0.01 to 0.05",
    c="0.05 or more",
)

# %% tags=["predict"] id="together.peeking"
predict(
    "together.peeking",
    "Somebody compares two arms that are in truth equal. From six pairs on he looks after each new pair, up to twelve, "
    "and stops as soon as p < .05. In how many of 100 such studies does he find something?",
    a="in fewer than 8",
    b="in 8 to 20",
    c="in more than 20",
)

# %% [markdown]
# **Write** `sign_flip_p` (3 points, about 15 minutes).


# %% tags=["exercise"] id="together.flips"
def sign_flip_p(differences: Tensor) -> float:
    """The exact p value of the sign-flip test, two-sided.

    differences: [n], of any sign, n at most 12
    returns a Python float: of all 2^n ways to choose the signs (those that were seen among them), the share whose sum
    is at least as far from 0 as the sum that was seen. In floating point 0.1 + 0.2 is not 0.3: a sum that falls short
    by less than 1e-6 counts as equal

    >>> sign_flip_p(torch.tensor([1., 2., 3.]))    # all of one sign: 6 and -6, 2 of 8 sums
    0.25
    >>> sign_flip_p(torch.tensor([-1., 2., 3.]))   # 4; and 6, -4, -6
    0.5
    """


# %% tags=["check", "nbval-check-output"] id="together.flips"
check("together.flips", sign_flip_p)

# %% tags=["experiment"]
lab.flips(sign_flip_p)

# %% [markdown]
# ## 4. What may be said
#
# **Idea.** With pairs enough, every difference is "significant", and none need matter. So the ledger has, for every
# claim, a *smallest effect that counts*, written down before the first run: .03 of kNN accuracy, a tenth of speed. A
# claim says *at least so much*. Then there are three answers:
#
# - **supported**: the middle of the interval is at least the smallest effect, and the whole interval is above 0;
# - **contradicted**: the whole interval is below the smallest effect;
# - **undecided**: everything else. That is no verdict on the claim but on the study: it was too small.

# %% tags=["predict"] id="together.supported"
predict(
    "together.supported",
    "Of the course's claims that the ledger has six pairs of by now, how many will your three functions support?",
    a="fewer than a third",
    b="a third to two thirds",
    c="more than two thirds",
)

# %% [markdown]
# **Write** `verdict` (2 points, about 10 minutes).


# %% tags=["exercise"] id="together.verdict"
def verdict(interval: Tensor, smallest_effect: float) -> str:
    """What an interval says of the claim that an effect is at least `smallest_effect`.

    interval: [2], low and high end; its middle is the mean effect. Both ends are NaN where there was one pair only
    smallest_effect: a positive number
    returns "supported" if the middle is at least the smallest effect and 0 is ruled out (low > 0), "contradicted" if
    the smallest effect is ruled out (high < smallest_effect), else, and for NaN, "undecided"

    >>> verdict(torch.tensor([0.02, 0.08]), 0.03), verdict(torch.tensor([-0.02, 0.12]), 0.03)
    ('supported', 'undecided')
    >>> verdict(torch.tensor([0.01, 0.02]), 0.03)
    'contradicted'
    """


# %% tags=["check", "nbval-check-output"] id="together.verdict"
check("together.verdict", verdict)

# %% [markdown]
# Your three functions on every claim for which the ledger has six pairs. A sentence that says several things is as
# good as the weakest of them. (The ledger asks for p < .05 besides, and its interval is a bootstrap, so that it may
# differ from you at the edge.)

# %% tags=["experiment"]
lab.verdicts(paired_interval, sign_flip_p, verdict)

# %% [markdown]
# ## 5. What every part is worth
#
# **Idea.** Papers take the whole and leave one part out at a time. That answers: what does the part add *to all the
# others*? With three switches there are eight cells, and each part has four cells with it and four without. Its
# **main effect** is the mean of the four with it minus the mean of the four without. The **interaction** of two parts
# says whether they are worth more together: the mean of the four cells where both are on or both are off, minus the
# mean of the four where one is on. (It is half of how much more the one is worth with the other than without.) All
# eight runs speak on every one of these.

# %% tags=["predict"] id="together.same_job"
predict(
    "together.same_job",
    "Two made-up parts do the same job. With either of them, or with both, accuracy is .60, with neither .50. One of "
    "them is left out of the whole. By how much does accuracy fall?",
    a="0.00",
    b="0.05",
    c="0.10",
)

# %% [markdown]
# **Write** `factorial_effects` (3 points, about 20 minutes).


# %% tags=["exercise"] id="together.factorial"
def factorial_effects(table: Tensor) -> Tensor:
    """Main effects and interactions of k parts, from a figure for every combination.

    table: [2, ..., 2] with k axes, floating point; index 1 along axis i: part i is on. table[1, 0, 1] is the figure
        with the first and third of three parts
    returns [k, k], of the dtype of `table`. On the diagonal the main effect of every part: mean of the half of the
    cells with it minus mean of the half without. In row i, column j the interaction of parts i and j: mean of the half
    of the cells where both are on or both are off, minus mean of the half where only one is on

    >>> table = torch.tensor([[1., 2.], [3., 8.]])    # [[none, second], [first, both]]
    >>> factorial_effects(table)    # first: (3 + 8 - 1 - 2) / 2; interaction: (1 + 8 - 2 - 3) / 2
    tensor([[4., 2.],
            [2., 3.]])
    """


# %% tags=["check", "nbval-check-output"] id="together.factorial"
check("together.factorial", factorial_effects)

# %% tags=["experiment"]
lab.same_job(factorial_effects)

# %% [markdown]
# Now the ledger's eight cells: three ways to ask what every part is worth, judged by your interval and your verdict.

# %% tags=["predict"] id="together.order"
predict(
    "together.order",
    "On the mean over the ledger's seeds, which part adds most to kNN accuracy (its main effect)?",
    a="patches",
    b="removal",
    c="pixels",
    d="none adds as much as 0.03",
)

# %% tags=["experiment"]
lab.factorial(factorial_effects, paired_interval, verdict)

# %% [markdown]
# kNN asks for the whole. The three parts were meant for other things, too: detail, speed, robustness. Set
# `measure="segmentation.object"` or `"occlusion.random"` above; or play.
#
# **Play.** Switch parts on and off. Each point is a run of the ledger; shaded is what differs from the cell you chose
# by less than the smallest effect that counts.

# %% tags=["widget"]
lab.switchboard()

# %% [markdown]
# And the four claims that rest on these cells:

# %% tags=["experiment"]
lab.claims("all-three", "without-removal", "without-patches", "without-reconstruction")

# %% [markdown] tags=["answer"] id="together.how_together"
# **Write** (about 15 minutes), with the numbers of *your* tables.

# %% [markdown] tags=["answer"] id="together.what_is_lost"
# **Write** (about 15 minutes), with the numbers of *your* tables.

# %% [markdown]
# ## 6. A hypothesis of your own
#
# **Another kind of exercise.** So far the claims were somebody else's. Now write down one of your own, so that it can
# fail: two arms that differ in *one* thing, what is measured, in which direction, and from how much on it counts. The
# cell below *registers* it: it is kept with its date and a mark that changes with every letter, and it cannot be
# changed any more. Only then are the runs made, by the ledger's own runner: six pairs whose seeds nobody has seen, new
# ones each time.
#
# What stands there is an example, which is run but not kept. Put your own in its place, and leave `example=True` out.
# Both arms are switched as in stage 1 and may have other settings, too, by name: `keep_rate=0.25`, `local_crops=4`,
# `mask_ratio`, `learning_rate`, ... (`lab.settings()` shows them). `measure` is `"knn"`, `"segmentation.object"`,
# `"occlusion.random"` or `"corruptions.both"`. The runs are a third as long as the ledger's.

# %% tags=["experiment"]
lab.register(
    "Removing half of the patches costs the class token accuracy.",
    first={"removal": False},
    second={"removal": True},
    measure="knn",
    direction="higher",
    least=0.03,
    example=True,
)

# %% tags=["experiment"]
lab.run_registered(paired_interval, sign_flip_p, verdict)

# %% [markdown]
# You may register another one, as often as you like. They are all kept, and that is the point: of twenty ideas
# without any truth in them one will have p < .05. Whoever shows the one and not the nineteen has shown nothing.

# %% tags=["experiment"]
lab.hypotheses()

# %% [markdown]
# ## 7. What it is good for
#
# **Few labels.** A linear classifier on the frozen features of your two networks sees only a few labels of each
# class.

# %% tags=["experiment"]
lab.few_labels()

# %% [markdown]
# **Search by picture.** The nearest training pictures of four held-out ones. A dashed orange frame marks a picture of
# another class.

# %% tags=["experiment"]
lab.search()

# %% [markdown]
# ## 8. All claims, and you
#
# Everything that the course claims, what its ledger says by now, and what you predicted in the labs where you met it.
# Not your errors are worth looking at, but which: on what did you believe a sentence because it sounded right?

# %% tags=["experiment"]
lab.all_claims()

# %% tags=["experiment"]
lab.all_predictions()

# %% [markdown]
# ## What you predicted in this lab, and what was measured

# %%
prediction_table()

# %%
progress()

# %% [markdown]
# ## Challenge
#
# Not graded. At equal cost (network, pictures, steps and batch stay), beat all three parts in kNN accuracy: your own
# run, with the same seed, so that the two are a pair. Try which patches are distilled (`patch_loss="masked"`, with
# `policy="none"` and `reconstruction="off"`), the weights (`patch_weight`, `reconstruction_weight`), the share that is
# kept (`keep_rate`); `lab.settings()` shows all. Write down first what you expect, and why. One pair is one pair: let
# what wins run with other seeds, `TogetherLab(seed=1)`, before you believe it.

# %% tags=["experiment"]
lab.challenge(keep_rate=0.75)

# %% [markdown]
# ## Further
#
# **Try** `lab.train_whole(combined_loss, force=True)` with a `combined_loss` that paints nothing. Does kNN tell you
# that a third of the method is missing? And `lab.pairs` with `t=1.0` in mind: how often would two thirds of an
# interval miss?
#
# **Read**
#
# - Fisher 1935, *The Design of Experiments*, section 21: the test of stage 3, on Darwin's fifteen pairs of plants;
#   chapter VI: the factorial design.
# - Bouthillier et al. 2021, *Accounting for Variance in Machine Learning Benchmarks*,
#   [arXiv:2103.03098](https://arxiv.org/abs/2103.03098): what seeds, splits and settings do to a comparison.
# - Li et al. 2021, *MST: Masked Self-Supervised Transformer for Visual Representation*,
#   [arXiv:2106.05656](https://arxiv.org/abs/2106.05656): distillation, low attention hidden, pixels restored: nearest
#   to the whole of this lab.
# - Zhou et al. 2022, *iBOT: Image BERT Pre-Training with Online Tokenizer*,
#   [arXiv:2111.07832](https://arxiv.org/abs/2111.07832), table 9: class token and patches, each alone and both.
#
# **Next**: that was the last lab. `sslcourse claims report` makes the page of all claims with every pair, `sslcourse
# claims run` adds to it, and `docs/reading.md` is the route through the package that you have rebuilt.
