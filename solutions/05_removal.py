# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Lab 5: Removing tokens
#
# A transformer computes as much on a patch of sky as on the bird in it. Several methods therefore remove the patches
# that get little attention, and their papers and blogs say: the network becomes faster, and better too, because what
# goes is noise. **Is the background noise?** In this lab you remove it: you choose patches by attention, train
# without the rest, hold a claim against the control that it needs, and put a clock beside the count of operations.
#
# **You will be able to**
#
# - read off what the class token attends to, and measure whether that is the object;
# - keep the patches with the highest scores, in tensors whose shape depends on no value;
# - design the control that a claim about removal needs;
# - count what a training step saves, teacher and local crops included;
# - measure seconds fairly, and hold the count against the clock;
# - tell removal before a network from removal inside it.
#
# | | `smoke` | `cpu` (two cores) | `gpu` |
# |---|---|---|---|
# | your own work | – | one to two hours | one to two hours |
# | waiting | under a minute | about five minutes | not timed yet |
# | what it shows | everything runs, nothing learns | all findings | all findings, with longer runs |
#
# **You need** what tokens, attention, the class token and kNN accuracy are (Lab 0), and what a student and its teacher
# are (Lab 2). No code of theirs, and nothing is downloaded.
#
# **The course**: 0 Tokens and probes · 1 Contrastive learning · 2 Learning without negatives · 3 Local and global
# crops · 4 Distillation at two levels · **5 Removing tokens (you are here)** · 6 Reconstructing pixels · 7 Putting it
# together
#
# In every stage you first *predict*, which is never graded; then you write a function of a few lines, and `check`
# tells you what differs; then an *experiment* runs and settles the prediction. No stage blocks the next: where a
# function of yours is missing or wrong, the experiments take the course's own and say so.

# %% tags=["setup"]
import statistics
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.notebook import check, hint, predict, prediction_table, progress, solution, start

start("removal")

# %% tags=["experiment"]
from sslcourse.labs.removal.experiments import RemovalLab

# or images="cifar10", or images="folder:PATH": your own photographs, as many as there are
lab = RemovalLab(images="objects")
lab.show_step()

# %% [markdown]
# ## 1. What does attention mark?
#
# **Idea.** In the last block of a ViT the class token, token 0, gathers what the network will say of the picture. How
# much it takes from patch $i$ is its *attention*: with its query $q_0$, the keys $k_j$ of all $1 + N$ tokens, each of
# width $d$, and the mean over $H$ heads,
#
# $$ a_i = \frac1H \sum_{h=1}^{H}
#    \frac{\exp(q_0^h \cdot k_i^h / \sqrt d)}{\sum_{j=0}^{N} \exp(q_0^h \cdot k_j^h / \sqrt d)} . $$
#
# Patches of high $a_i$ are "attended". Whether they are the *object* is a question of fact: the drawn pictures come
# with masks, so it can be measured. Take the half of the patches that is attended most. What share of the object's
# area lies in it? A random half holds .5 of it.
#
# The course comes with seven small networks, trained on these pictures without labels: SimCLR, BYOL, DINO, iBOT, LoGo,
# one that reconstructs pixels, and one that combines distillation, removal and reconstruction.

# %% tags=["predict"] id="removal.objects"
predict(
    "removal.objects",
    "In how many of the seven networks does the attended half hold clearly more of the object (above .6)?",
    a="in all seven",
    b="in four to six",
    c="in three or fewer",
)

# %% [markdown]
# A rule that learns nothing, for comparison: the **contrast of colours** scores a patch by how far its mean colour is
# from that of the whole picture.

# %% tags=["predict"] id="removal.rule"
predict(
    "removal.rule",
    "How many of the seven find clearly more of the object (by .02) than the contrast of colours does?",
    a="none",
    b="some: one to three",
    c="most: four or more",
)

# %% [markdown]
# **Write** `cls_attention` (3 points, about 15 minutes).


# %% tags=["exercise"] id="removal.attention"
def cls_attention(q: Tensor, k: Tensor) -> Tensor:
    """How much the class token attends to each patch: the mean over the heads.

    q, k: [B, H, 1 + N, d], queries and keys of B pictures in H heads; token 0 is the class token
    returns [B, N]: the class token's softmax over *all* 1 + N tokens, without its own entry,
    so that a row sums to less than 1

    >>> q = torch.zeros(1, 1, 4, 2)    # all logits alike: a quarter for each of four tokens
    >>> cls_attention(q, torch.ones(1, 1, 4, 2))
    tensor([[0.2500, 0.2500, 0.2500]])
    """


# %% tags=["check", "nbval-check-output"] id="removal.attention"
check("removal.attention", cls_attention)

# %% tags=["experiment"]
lab.attention_maps(cls_attention)

# %% [markdown]
# **While it learns.** An untrained network's attention is an accident of its weights. Train one, a small DINO on whole
# crops, and watch what its attended half holds, and the *entropy* of its attention: ln 64 = 4.16 where all 64 patches
# get alike, and less the fewer it looks at. It is also the network that everything below is compared with.

# %% tags=["experiment"]
lab.train_baseline()

# %% [markdown]
# **One network is one network.** The course keeps a *ledger*: more runs, in pairs of one seed, six pairs before
# anything is said, with the smallest effect that counts written down before the first run that counts. On attention
# it also asks a question that you have not asked: deal the same values out to other patches, at random or in the
# order of their contrast of colours. Only the places differ then; is the object found less well?

# %% tags=["experiment"]
lab.claims("attention-marks-objects")

# %% [markdown]
# ## 2. Keep a part
#
# **Idea.** Removal means: the student gets fewer tokens. Not tokens set to zero, on which it would compute as before;
# *fewer*. A mask of varying length would have to be counted on the device before the next operation could start, and
# rows of different lengths do not fit into one tensor. So one keeps the $K$ patches of the highest scores, by their
# *numbers*, `[B, K]`, always the same shape.

# %% [markdown]
# **Write** `keep_highest` (2 points, about 5 minutes).


# %% tags=["exercise"] id="removal.keep"
def keep_highest(scores: Tensor, keep: int) -> Tensor:
    """The numbers of the patches with the highest scores, picture by picture, in rising order.

    scores: [B, N], a score for each patch, no two in a row alike; keep: how many stay, 1 to N
    returns whole numbers [B, keep], counted from 0, rising in each row

    >>> keep_highest(torch.tensor([[0.1, 0.4, 0.2, 0.3], [0.9, 0.5, 0.7, 0.6]]), 2)
    tensor([[1, 3],
            [0, 2]])
    """


# %% tags=["check", "nbval-check-output"] id="removal.keep"
check("removal.keep", keep_highest)

# %% [markdown]
# **Write** `gather` (2 points, about 10 minutes). The student learns through what you return.


# %% tags=["exercise"] id="removal.gather"
def gather(tokens: Tensor, indices: Tensor) -> Tensor:
    """The tokens of these numbers, picture by picture.

    tokens: [B, N, D]; indices: whole numbers [B, K], in any order; a number may stand twice
    returns [B, K, D]: row i of picture b is its token number indices[b, i], with a gradient to `tokens`

    >>> tokens = torch.tensor([[[1., 2.], [3., 4.], [5., 6.]]])
    >>> gather(tokens, torch.tensor([[2, 0]]))
    tensor([[[5., 6.],
             [1., 2.]]])
    """


# %% tags=["check", "nbval-check-output"] id="removal.gather"
check("removal.gather", gather)

# %% [markdown]
# Now take half of the patches away from two of the networks, iBOT and DINO, which were trained on whole pictures:
# those that the network's own attention marks least, or random ones, or those that it marks most. The last row of the
# table takes the *true* background first, by the masks. For kNN accuracy, held-out pictures are compared with a bank of
# pictures that have labels; both lose patches in the same way.

# %% tags=["predict"] id="removal.half"
predict(
    "removal.half",
    "iBOT gets only the half of the patches that it attends to most. Its kNN accuracy ...",
    a="rises by more than 0.03",
    b="stays within 0.03",
    c="falls by more than 0.03",
)

# %% tags=["experiment"]
lab.keep_half(keep_highest, gather)

# %% [markdown]
# **Play.** Choose what marks the patches and how many stay. Find a picture where the attended quarter holds the whole
# object, and one where it misses it. What happens when *high* attention goes?

# %% tags=["widget"]
lab.explore()

# %% [markdown]
# ## 3. Train without it
#
# **Idea.** Those networks had learned with the background. The claim is about *training* without: the teacher sees
# the whole crop, attention chooses, and the student gets the rest. "**Low** removed" takes away what is attended
# least, which should be background; "**high** removed" takes away what is attended most, which makes the task hard.
#
# Whose attention? In the papers it is that of the run's own teacher, and in the first fifth of a run removal is random,
# for an untrained teacher's attention means nothing. In a run as short as yours it means little to the end: see its
# entropy. So that "low" is what it should be, *iBOT* chooses here, whose attended half you have measured. One more
# run, "**by its own teacher**", does as the papers do.
#
# **Another kind of exercise.** A report says: *"Trained without the half of the patches that get least attention, our
# network reaches a kNN accuracy of .50 instead of .45. The background is noise, and attention finds it."* Suppose the
# numbers are right. Which second run would you ask for, before you believe the *reason*? Set it up below; change it
# until the experiment has nothing left to object to. `policy` is "none", "low", "random" or "high".

# %% tags=["experiment"]
lab.design(policy="none", keep_rate=0.5)

# %% [markdown]
# Now the runs, the *arms* of the experiment. They share first weights, pictures and crops, and are judged on whole
# pictures. One run of each is one draw: six more of every arm, with other seeds, were run for you and will stand
# beside yours, pair by pair.

# %% tags=["predict"] id="removal.accuracy"
predict(
    "removal.accuracy",
    "Trained without the half that iBOT attends to least, at equal steps, in seven pairs of runs (yours and six "
    "more): against nothing removed, kNN accuracy is",
    a="higher by more than 0.03 in at least six of the seven",
    b="neither",
    c="lower by more than 0.03 in at least six of the seven",
)

# %% tags=["predict"] id="removal.policy"
predict(
    "removal.policy",
    "And against random patches removed, as many of them, kNN accuracy with low attention removed is",
    a="higher by more than 0.03 in at least six of the seven",
    b="neither",
    c="lower by more than 0.03 in at least six of the seven",
)

# %% tags=["experiment"]
lab.policies()

# %% [markdown]
# The ledger's pairs, in which the run's own teacher chooses:

# %% tags=["experiment"]
lab.claims("removal-accuracy")

# %% [markdown] tags=["answer"] id="removal.criterion"
# **Write** (about 15 minutes), with the numbers of *your* tables.

# %% [markdown]
# ## 4. How much faster?
#
# **Idea.** A block on $T$ tokens of width $D$ takes about
#
# $$ 24\, T D^2 + 4\, T^2 D $$
#
# operations: the first part is the layers that treat each token by itself, the second is the attention. A forward
# pass counts once, a backward pass twice. In a training step
#
# - the **teacher** sees two global crops, whole, forward only;
# - the **student** sees two global crops, of which `keep` patches are left, and all local crops, which lose none; it
#   goes forward and backward.
#
# Every crop brings a class token. The number of blocks is the same everywhere and cancels.

# %% tags=["predict"] id="removal.counted"
predict(
    "removal.counted",
    "Half of the patches go; there are two local crops. By counting, the step gets faster by a factor of",
    a="more than 1.7: about two",
    b="1.2 to 1.7",
    c="less than 1.2",
)

# %% [markdown]
# **Write** `speed_up` (3 points, about 15 minutes).


# %% tags=["exercise"] id="removal.speed"
def speed_up(keep: int, patches: int, dim: int, local_crops: int, local_patches: int) -> float:
    """How many times faster a training step gets, if time goes with operations.

    A block on T tokens takes 24 T D^2 + 4 T^2 D; a crop of n patches has n + 1 tokens.
    keep: how many of a global crop's `patches` the student gets; dim: the width D of a token
    local_crops: how many local crops the student sees, each of `local_patches` patches (0 crops: none)
    returns a Python float: operations of the step with all patches / operations with `keep`

    >>> round(speed_up(2, 196, 384, 0, 36), 2), speed_up(196, 196, 384, 8, 36)    # two kept, all kept
    (3.84, 1.0)
    """


# %% tags=["check", "nbval-check-output"] id="removal.speed"
check("removal.speed", speed_up)

# %% tags=["experiment"]
lab.count(speed_up)

# %% [markdown]
# **By the clock.** A device such as a GPU takes its orders and returns at once; it works on while your program runs
# ahead. The first calls are slow: memory is asked for, kernels are chosen. And now and then something else on the
# machine gets in between. A fair look at the clock heeds all three: it calls `synchronise()`, which waits until the
# device has nothing left to do; it warms up; and it takes the *median* of several rounds.

# %% tags=["predict"] id="removal.measured"
predict(
    "removal.measured",
    "The measured factor of a step of this lab's arms, beside the one that your function counts, will be",
    a="higher by more than a tenth",
    b="within a tenth of it",
    c="lower by more than a tenth",
)

# %% [markdown]
# **Write** `fair_time` (3 points, about 15 minutes). The check brings a clock and a device that are made up, so that
# the right answer is known exactly and nothing on your machine can disturb it.


# %% tags=["exercise"] id="removal.time"
def fair_time(
    work: Callable[[], None],
    rounds: int,
    warm_up: int,
    clock: Callable[[], float],
    synchronise: Callable[[], None],
) -> float:
    """How many seconds one call of `work` takes, until the device has done it: the median over some rounds.

    work: gives the device something to do and returns before that is done
    warm_up: so many calls come first and do not count; rounds: so many are timed, one by one
    clock: what it returns is the time in seconds; synchronise: returns when the device is idle
    The device may be busy when you are called. `work` is called warm_up + rounds times.
    returns the median of the seconds; of an even number of rounds, the mean of the two in the middle

    >>> class Toy:
    ...     now = 0.0
    ...     def work(self): self.now += 2.0    # a device that makes its callers wait
    >>> toy = Toy()
    >>> fair_time(toy.work, 3, 1, clock=lambda: toy.now, synchronise=lambda: None)
    2.0
    """


# %% tags=["check", "nbval-check-output"] id="removal.time"
check("removal.time", fair_time)

# %% tags=["experiment"]
lab.clock(fair_time, speed_up)

# %% [markdown]
# **Equal time.** At equal steps, removal also spends less. Is it better for the same *money*? In the time of a run with
# half of the patches, one with all of them gets through about five sixths of the steps (measured once, on another
# machine; what yours says stands above). Here the run's own teacher chooses, whose attention costs nothing more.

# %% tags=["predict"] id="removal.equal_time"
predict(
    "removal.equal_time",
    "For as long a time, in seven pairs: against nothing removed, kNN accuracy with low attention removed by its own "
    "teacher is",
    a="higher by more than 0.03 in at least six of the seven",
    b="neither",
    c="lower by more than 0.03 in at least six of the seven",
)

# %% tags=["experiment"]
lab.equal_time()

# %% [markdown]
# ## 5. And in use?
#
# **Idea.** Training is done, and the features of new pictures are wanted, quickly. Two ways to spend half of the
# patches on them:
#
# - **a teacher chooses**, as in training: a network looks at the whole picture, and its attention says which half a
#   second pass gets;
# - **the network itself drops them**, after the attention of its first block, by the attention it has just computed
#   there; the others may be summed up into one *fused* token (EViT).

# %% tags=["predict"] id="removal.inference"
predict(
    "removal.inference",
    "The features of new pictures, with half of the patches chosen by a teacher, are there",
    a="sooner than without removal",
    b="as soon (within 5 %)",
    c="later than without removal",
)

# %% tags=["experiment"]
lab.inference(fair_time)

# %% tags=["experiment"]
lab.claims("removal-training-speed", "removal-inference-speed")

# %% [markdown] tags=["answer"] id="removal.accuracy_and_speed"
# **Write** (about 15 minutes), with the numbers of *your* runs and of *your* clock.

# %% [markdown]
# ## 6. What it is good for
#
# **Few labels.** A linear classifier on the frozen features of two of your networks sees only a few labels of each
# class. Was anything lost that you would miss?

# %% tags=["experiment"]
lab.few_labels()

# %% [markdown]
# **Search by picture.** The nearest training pictures of four held-out ones. A dashed orange frame marks a picture of
# another class. Do the neighbours share the object, or the background?

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
# Not graded. How much can go? Remove *three quarters* of the patches (`keep_rate=0.25`), at equal steps, and stay
# within what is ordinary with *nothing* removed: reach the lower end of its range. Try `policy`, how long removal
# stays random (`removal_warmup`), a keep rate that falls in steps (`keep_levels=4`), the learning rate;
# `lab.settings()` shows all. Write down first what you expect, and why; and let what wins run once more with another
# seed, `RemovalLab(seed=1)`, before you believe it.

# %% tags=["experiment"]
lab.challenge(keep_rate=0.25, policy="random")

# %% [markdown]
# ## Further
#
# **Try** `lab.attention_maps(cls_attention, force=True)` with a softmax over the patches only: does the object recall
# notice? And `lab.design(policy="high", keep_rate=0.5)`: what could that control say?
#
# **Read**
#
# - Caron et al. 2021, *Emerging Properties in Self-Supervised Vision Transformers* (DINO),
#   [arXiv:2104.14294](https://arxiv.org/abs/2104.14294): figure 1 shows this lab's attention row, figure 4 measures it
#   against masks, beside random and supervised networks.
# - Li et al. 2021, *MST: Masked Self-Supervised Transformer for Visual Representation*,
#   [arXiv:2106.05656](https://arxiv.org/abs/2106.05656): hides what gets *low* attention.
# - Kakogeorgiou et al. 2022, *What to Hide from Your Students: Attention-Guided Masked Image Modeling* (AttMask),
#   [arXiv:2203.12719](https://arxiv.org/abs/2203.12719): hides what gets *high* attention, and says why.
# - Liang et al. 2022, *Not All Patches are What You Need: Expediting Vision Transformers via Token Reorganizations*
#   (EViT), [arXiv:2202.07800](https://arxiv.org/abs/2202.07800): removal inside the network, with its price.
# - Darcet et al. 2024, *Vision Transformers Need Registers*, [arXiv:2309.16588](https://arxiv.org/abs/2309.16588): in
#   large networks the most attended patches may be background.
#
# **Next**: Lab 6, *Reconstructing pixels*. What is painting worth?
