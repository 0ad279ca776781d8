"""What Lab 1's findings mean, shown by the experiments once they are found: reading on spoils the predictions."""

from __future__ import annotations

# Prediction -> (the option that the measurement usually supports, what it shows).
LESSONS = {
    "contrastive.alignment": (
        "a",
        "Alignment gets *worse*. Untrained embeddings are nearly one point, so everything is aligned, the "
        "wrong pairs too. What training gains is the *difference* between positive and negative pairs.",
    ),
    "contrastive.no_negatives": (
        "b",
        "Every cosine is 1: complete collapse of the embeddings. The loss alone would have looked like a "
        "triumph. SimCLR needs its negatives; not *every* method does. BYOL and SimSiam train without any, by "
        "making the two branches unequal: later labs.",
    ),
    "contrastive.colour_features": (
        "ac",
        "The task got easier and the features worse. Colour transformations do not help by making the task "
        "harder *as such*: they take away a *shortcut*, a feature that solves the task and is worth nothing "
        "for what the features are wanted for. On ImageNet SimCLR falls from 67.9 % to 45.7 % without them "
        "(BYOL paper, table 17). So the claim has it the wrong way round: without colour transformations the "
        "pairs are too *easy*. And contrastive accuracy is not the quality of a representation.",
    ),
    "contrastive.mystery": (
        "c",
        "Multiplied by the temperature, cosines lie between -0.2 and 0.2, so the softmax is almost uniform and "
        "the loss can hardly leave that of a guess. Yet its gradient points the right way: the cosines of positive "
        "and negative pairs part. With the wrong rows as positives they would have stayed together; without "
        "negatives, or with the other sign, the loss would not stay at a guess.",
    ),
}
