# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Lab 4: Distillation at two levels
#
# A label says what is in a picture. Nobody says where the object ends, or which part is its tail. **Can a network teach
# itself both the whole and the parts?** In this lab a teacher, which is nothing but the student's own running mean,
# says what it makes of a picture and of every patch, and the student learns to say the same without seeing as much.
#
# **You will be able to**
#
# - make targets of a teacher's logits in two ways, and recognise by two curves when one of the tricks is missing;
# - write the loss of class tokens over all pairs of crops (DINO), and that of hidden patches (iBOT);
# - train both levels, and each alone, with your own functions, and say what either of them buys;
# - judge a segmentation by intersection over union;
# - say which limits of ordinary segmentation networks frozen tokens meet, and which not.
#
# | | `smoke` | `cpu` (two cores) | `gpu` |
# |---|---|---|---|
# | your own work | – | one to two hours | one to two hours |
# | waiting | a minute | about five minutes | not timed yet |
# | what it shows | everything runs, nothing learns | all findings | all findings, with a larger network |
#
# **You need** Lab 0's tokens and kNN, and the teacher of Lab 2 (a moving average), though none of their code. Nothing
# is downloaded: two of the course's trained networks are looked at more closely.
#
# **The course**: 0 Tokens and probes · 1 Contrastive learning · 2 Learning without negatives · 3 Local and global
# crops · **4 Distillation at two levels (you are here)** · 5 Removing tokens · 6 Reconstructing pixels · 7 Putting it
# together
#
# In every stage you first *predict*, which is never graded; then you write a function of a few lines, and `check`
# tells you what differs; then an *experiment* runs and settles the prediction. No stage blocks the next: where a
# function of yours is missing or wrong, the experiments take the course's own and say so.

# %% tags=["setup"]
import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.notebook import check, hint, predict, prediction_table, progress, solution, start

start("two_levels")

# %% tags=["experiment"]
from sslcourse.labs.two_levels.experiments import LevelsLab

# or images="folder:PATH": your own photographs, as many as there are
lab = LevelsLab(images="objects")
lab.show_levels()

# %% [markdown]
# ## 1. A teacher without labels
#
# **Idea.** Behind the encoder a *head* gives each picture a number for each of $K$ *prototypes*, its *logits* $g$. A
# softmax makes them a distribution: which of $K$ kinds is this? The student, at temperature $\tau_s = 0.1$, is to give
# the teacher's distribution. Nobody has said what the kinds are, so nothing forbids *one* kind for all, or *all* kinds
# alike for each. DINO (section 3.1) works against both with two tricks on the teacher's side alone:
#
# $$ P_t = \operatorname{softmax}\!\left(\frac{g_t - c}{\tau_t}\right). $$
#
# The *centre* $c$ is a running mean of the teacher's logits, one number a prototype: **centring** takes from each what
# it gets on average. A low *temperature* $\tau_t$ **sharpens**.
#
# **Write** `center_and_sharpen` (2 points, about 5 minutes).


# %% tags=["exercise"] id="two_levels.center"
def center_and_sharpen(logits: Tensor, center: Tensor, temperature: float) -> Tensor:
    """The teacher's targets: softmax of (logits - center) / temperature, over the prototypes.

    logits: [..., K], of the pictures of one or several crops
    center: [K]
    returns probabilities [..., K], of the dtype of `logits`, also where logits are large

    >>> logits, center = torch.tensor([[3., 1.]]), torch.tensor([2., 0.])    # prototype 0 always gets 2 more
    >>> center_and_sharpen(logits, center, 0.04)
    tensor([[0.5000, 0.5000]])
    """


# %% tags=["check", "nbval-check-output"] id="two_levels.center"
check("two_levels.center", center_and_sharpen)

# %% [markdown]
# **Another kind of exercise: read two curves.** Three short runs with *your* targets, class tokens only. One has both
# tricks at $\tau_t = 0.03$. One has its centre fixed at 0. One is not sharpened: $\tau_t = 1$. They stand under
# letters, dealt for you alone. The *entropy* of the targets is $-\sum_k P_k \ln P_k$: 0 when a target names one
# prototype, $\ln K$ when it names all alike. The *divergence* is how far the student is from the targets (Kullback and
# Leibler's): 0 when there is nothing left to learn.

# %% tags=["experiment"]
lab.tricks(center_and_sharpen)

# %% [markdown]
# Ask of each trick what would happen to a *single* target, and to the mean of all targets, without it.

# %% tags=["predict"] id="two_levels.no_center"
predict("two_levels.no_center", "Which run has no centre?", a="run A", b="run B", c="run C")

# %% tags=["predict"] id="two_levels.no_sharp"
predict("two_levels.no_sharp", "Which run is not sharpened?", a="run A", b="run B", c="run C")

# %% tags=["experiment"]
lab.solve_tricks()

# %% [markdown]
# ## 2. Balance by force
#
# **Idea.** A centre follows slowly and only on average. Another way asks for balance outright: of $n$ pictures, each of
# the $K$ prototypes is to get the same total, $n/K$. Begin with $Q = \exp(g / \tau_t)$, a matrix $n \times K$. An
# *iteration* divides every column by its sum, so that all prototypes get the same, and then every row by its sum, so
# that each picture has a distribution again. That disturbs the columns a little, and the next iteration less. This is
# Sinkhorn's algorithm (Cuturi 2013; as targets first in SwAV, Caron et al. 2020, section 3.1).
#
# At $\tau_t = 0.01$ the exponential overflows in float32, or a whole column becomes 0. Logarithms do neither.

# %% tags=["predict"] id="two_levels.balanced"
predict(
    "two_levels.balanced",
    "The run without a centre has favourites. After 3 iterations on its logits, how many prototypes are in use?",
    a="less than a quarter of all",
    b="up to six in ten",
    c="more",
)

# %% [markdown]
# **Write** `sinkhorn` (3 points, about 15 minutes).


# %% tags=["exercise"] id="two_levels.sinkhorn"
def sinkhorn(logits: Tensor, temperature: float, iterations: int) -> Tensor:
    """Balanced targets: columns of exp(logits / temperature), then rows, divided by their sums, `iterations` times.

    logits: [n, K], one row a picture
    returns [n, K], of the dtype of `logits`: rows sum to 1, columns nearly to n / K.
    It must hold at temperature 0.01 in float32, where exp(logits / temperature) overflows or vanishes

    >>> logits = torch.tensor([[2., 0.], [2., 1.]])    # both pictures prefer prototype 0
    >>> sinkhorn(logits, 1.0, 50).sum(dim=0).round(decimals=3).tolist()
    [1.0, 1.0]
    """


# %% tags=["check", "nbval-check-output"] id="two_levels.sinkhorn"
check("two_levels.sinkhorn", sinkhorn)

# %% [markdown]
# *Prototypes in use*: the exponential of the entropy of the mean target. It is 1 if all targets name one prototype, and
# $K$ if all prototypes get the same in the mean.

# %% tags=["experiment"]
lab.balance(sinkhorn)

# %% [markdown]
# ## 3. The whole: every crop but one's own
#
# **Idea.** The student sees $S$ crops of each picture: $T$ *global* ones, which show most of it, and smaller *local*
# ones. The teacher sees the global ones only. Every crop of the student's is to say what the teacher says of every
# *other* crop (DINO, equation 3). With $P_t$ the targets and $P_s$ the student's distributions,
#
# $$ L_{\text{CLS}} = \frac{1}{\text{pairs}} \sum_{t=1}^{T} \; \sum_{s \neq t} H\big(P_t, P_s\big), \qquad
#    H(P, Q) = - \sum_k P_k \ln Q_k . $$
#
# The crops of the teacher are the first $T$ of the student's. The targets are constants.

# %% tags=["predict"] id="two_levels.best_loss"
predict(
    "two_levels.best_loss",
    "A student says of every crop exactly what the teacher says. Its loss is ...",
    a="0",
    b="the entropy of the targets",
    c="ln K",
)

# %% [markdown]
# **Write** `cls_loss` (3 points, about 15 minutes).


# %% tags=["exercise"] id="two_levels.cls"
def cls_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Cross-entropy of every student crop to every teacher crop but its own: the mean over pairs and pictures.

    student: [S, n, K], logits of S crops of n pictures, already divided by the student's temperature
    teacher: [T, n, K], probabilities for the first T of these crops
    returns a tensor without dimensions, with a gradient to `student` and none to `teacher`.
    A crop's own view counts for nothing at all, however far off it is

    >>> student = torch.zeros(3, 2, 4)                # three crops, all prototypes alike
    >>> teacher = torch.full((2, 2, 4), 0.25)
    >>> cls_loss(student, teacher)                    # ln 4
    tensor(1.3863)
    """


# %% tags=["check", "nbval-check-output"] id="two_levels.cls"
check("two_levels.cls", cls_loss)

# %% tags=["experiment"]
lab.best_loss(cls_loss)

# %% [markdown]
# ## 4. The parts: what is hidden
#
# **Idea.** The same can be asked of every patch. Student and teacher see the *same* crop, but from the student some
# patches are hidden: in their place stands one learned vector, the *mask token*. At the hidden places $m_i = 1$ the
# student has to say what the teacher, who sees everything, says of that patch (iBOT, equation 3):
#
# $$ L_{\text{patch}} = \frac{1}{\sum_i m_i} \sum_i m_i \, H\big(P_{t,i}, P_{s,i}\big), $$
#
# for each picture; then the mean over the pictures. Where a picture has no hidden patch, its share is 0 (the official
# code divides by at least 1).
#
# **Write** `masked_patch_loss` (3 points, about 15 minutes).


# %% tags=["exercise"] id="two_levels.patch"
def masked_patch_loss(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    """Cross-entropy of the student's patches to the teacher's at the masked places: each picture's mean, then the mean.

    student: [n, N, K], logits of N patches, already divided by the student's temperature
    teacher: [n, N, K], probabilities
    mask: [n, N], bool, True where a patch is hidden from the student
    returns a tensor without dimensions, with a gradient to `student` and none to `teacher`.
    Places that are not masked count for nothing at all; a picture without a masked place counts as 0

    >>> student, teacher = torch.zeros(2, 3, 4), torch.full((2, 3, 4), 0.25)
    >>> mask = torch.tensor([[True, False, True], [False, False, False]])
    >>> masked_patch_loss(student, teacher, mask)     # the mean of ln 4 and 0
    tensor(0.6931)
    """


# %% tags=["check", "nbval-check-output"] id="two_levels.patch"
check("two_levels.patch", masked_patch_loss)

# %% [markdown]
# **Train** four networks with *your* Sinkhorn and *your* two losses: the class token's loss alone, the patches' loss
# alone, both, and both with nothing hidden (then every patch has a loss, and the student sees what the teacher sees).
# Where patches are hidden, three in ten are, and one head serves both levels.
#
# Two numbers say what a network knows. *kNN* judges class tokens, as in Lab 0: the whole. For the parts: take a patch
# on an object, and the most similar patch token (by cosine, around the mean) in other pictures. *Same part* is how
# often both show the same part of the same kind of object, the tail of a fish, say.

# %% tags=["predict"] id="two_levels.patch_knn"
predict(
    "two_levels.patch_knn",
    "kNN rises above the untrained network's by some amount when the class token alone has a loss. Patches alone reach",
    a="less than half of that gain",
    b="half of it to all",
    c="more than all of it",
)

# %% tags=["experiment"]
lab.train_levels(sinkhorn, cls_loss, masked_patch_loss)

# %% [markdown]
# ## 5. What the second level adds
#
# Minutes of training are few. The course has two checkpoints that were trained for longer, on larger pictures:
# **DINO**, the class token's loss alone, and **iBOT**, both, where blocks of patches are hidden in every other crop.
# All other settings are equal: network, first weights, pictures, crops, Sinkhorn, steps.

# %% tags=["predict"] id="two_levels.parts"
predict(
    "two_levels.parts",
    "Whose nearest patch shows the same part more often?",
    a="iBOT's (by more than 0.02)",
    b="they are equal (within 0.02)",
    c="DINO's (by more than 0.02)",
)

# %% tags=["experiment"]
lab.whole_and_parts()

# %% [markdown]
# **Play.** Choose a patch of one picture; the explorer shows where in another picture a network sees the same. Try an
# eye or a wheel, then the background. Which of the networks goes by colour? Where do both levels fail?

# %% tags=["widget"]
lab.explore_patches()

# %% [markdown]
# **One pair of networks is one pair.** What the ledger has, in pairs of runs (six before anything is said), with the
# smallest effect that counts written down before the first run that counts:

# %% tags=["experiment"]
lab.claims("patches-give-detail")

# %% [markdown] tags=["answer"] id="two_levels.detail"
# **Write** (about 15 minutes), with the numbers of *your* runs.

# %% [markdown]
# ## 6. Drawing objects
#
# **Idea.** A *segmentation* gives every pixel a class. To judge one, take for each class $c$ the pixels that are
# predicted to be of it, $A_c$, and those that truly are, $B_c$, over all pictures together:
#
# $$ \text{IoU}_c = \frac{|A_c \cap B_c|}{|A_c \cup B_c|}, $$
#
# and the mean over the classes that occur in either. The background is a class, too.
#
# **Write** `mean_iou` (2 points, about 10 minutes).


# %% tags=["exercise"] id="two_levels.iou"
def mean_iou(predicted: Tensor, true: Tensor, classes: int) -> float:
    """Intersection over union of each class, over all pixels of all pictures; the mean over the classes.

    predicted, true: [n, h, w], whole numbers from 0 to classes - 1
    returns a Python float; a class that is in neither map is left out

    >>> predicted = torch.tensor([[[0, 0, 1, 1]]])
    >>> true = torch.tensor([[[0, 1, 1, 1]]])
    >>> round(mean_iou(predicted, true, 3), 4)        # the mean of 1/2 and 2/3; nobody has seen class 2
    0.5833
    """


# %% tags=["check", "nbval-check-output"] id="two_levels.iou"
check("two_levels.iou", mean_iou)

# %% [markdown]
# **Ordinary segmentation networks** learn from maps that somebody has drawn. A *strided* network halves its positions
# again and again, so that it sees far for little work, and what it knows in the end it knows of large places. A
# *dilated* one leaves out a halving and spreads its filters instead: the same weights at four times as many places, for
# more work.
#
# Here both learn from **five labelled pictures a class**, from random weights on. Beside them: one *linear* classifier
# on the **frozen patch tokens** of an untrained network, DINO and iBOT, from the same five. Those had thousands of
# pictures more, without any label. Networks and tokens are of about one size; the strided network's last map and the
# tokens both have 8 x 8 places.
#
# Beside the classes, *outlines* are judged, of all objects whatever their class. A drawn pixel of an outline is right
# if a true one is at most one pixel away, and a true one is found if a drawn one is. *F* is one number for both shares,
# their harmonic mean: 1 is perfect.

# %% tags=["predict"] id="two_levels.outlines"
predict(
    "two_levels.outlines",
    "Whose outlines of held-out objects are best, by F?",
    a="the strided network's",
    b="the dilated network's",
    c="those of the linear classifier on iBOT's tokens",
)

# %% tags=["experiment"]
lab.segment(mean_iou)

# %% [markdown]
# The last line of the table is a yardstick: maps that know the true class of every patch, and nothing finer. It is no
# strict bound, for what a probe says of patches is enlarged smoothly to pixels, and may meet an outline by that.
#
# The ledger has the frozen places of a strided and a dilated network, trained as DINO is, beside those of the ViT:

# %% tags=["experiment"]
lab.claims("strides-lose-detail")

# %% [markdown] tags=["answer"] id="two_levels.limits"
# **Write** (about 15 minutes), with the numbers of *your* table.

# %% [markdown]
# ## What you predicted, and what was measured

# %%
prediction_table()

# %%
progress()

# %% [markdown]
# ## Challenge
#
# Not graded. At equal cost (network, pictures, steps and batch stay), how far can you bring kNN of both levels? Try the
# weight of the patches (`patch_weight=1.0`), more hidden patches (`mask_ratio="0.5,0.5"`), softer targets
# (`teacher_temperature=0.04, first_teacher_temperature=0.04`), the `learning_rate` (0.002 so far), larger global crops
# (`**{"crops.global_crop.scale": (0.5, 1)}`). Write down first what you expect, and why.
#
# One run decides nothing here: six runs of both levels, alike but for the seed, had 0.38 to 0.55. So your run is put
# beside your own one of the same seed, and a setting counts that wins by 0.03 or more with each of three seeds:
# `LevelsLab(seed=1).challenge(...)` and `seed=2` train two networks each. It can be done: one of the settings named
# here won by 0.04, 0.05 and 0.13. Of those that gain nothing, about one in twenty wins three times by luck.

# %% tags=["experiment"]
lab.challenge(patch_weight=1.0)

# %% [markdown]
# ## Further
#
# **Try** `lab.train_levels(sinkhorn, cls_loss, masked_patch_loss, force=True)` with a loss that counts a crop's own
# view: what happens to the prototypes in use, and to kNN?
#
# **Read**
#
# - Caron et al. 2021, *Emerging Properties in Self-Supervised Vision Transformers* (DINO),
#   [arXiv:2104.14294](https://arxiv.org/abs/2104.14294). Section 3.1 is stages 1 and 3; figure 7 has the two curves of
#   stage 1; table 7 takes the parts away.
# - Zhou et al. 2022, *iBOT: Image BERT Pre-Training with Online Tokenizer*,
#   [arXiv:2111.07832](https://arxiv.org/abs/2111.07832). Table 9 is stage 4 at full size; appendix E distils visible
#   patches.
# - Caron et al. 2020, *Unsupervised Learning of Visual Features by Contrasting Cluster Assignments* (SwAV),
#   [arXiv:2006.09882](https://arxiv.org/abs/2006.09882): Sinkhorn's targets.
# - Yu, Koltun, Funkhouser 2017, *Dilated Residual Networks*, [arXiv:1705.09914](https://arxiv.org/abs/1705.09914):
#   what strides cost a segmentation, and what undoing them costs.
#
# **Next**: Lab 5, *Removing tokens*. Is the background noise?
