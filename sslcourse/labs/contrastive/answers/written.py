"""Lab 1, the written question: why negatives, and what collapse is."""

from __future__ import annotations

from sslcourse.exercises.task import WrittenQuestion

WHY_NEGATIVES = WrittenQuestion(
    id="contrastive.why_negatives",
    question=(
        "Why does SimCLR need negative pairs, and what is model collapse? Tell complete from partial (dimensional) "
        "collapse, and say by which of the lab's meters you would see each. Use a number that you measured."
    ),
    points=4,
    rubric=(
        (
            "Says that the loss without negatives (alignment only) has a trivial minimum: an encoder that gives all "
            "images the same embedding makes every positive pair agree perfectly. (1 point)"
        ),
        (
            "Says what negatives do: in the denominator they push embeddings of different images apart, so that a "
            "constant embedding is no longer a minimum (its NT-Xent is ln(2n - 1), the loss of guessing). (1 point)"
        ),
        (
            "Tells complete collapse (all embeddings equal; channel standard deviation near 0, effective rank near 1, "
            "positive and negative cosine both near 1) from partial or dimensional collapse (embeddings differ but "
            "use few dimensions; cosines may look healthy, the effective rank is far below the dimension). One of the "
            "two only: half a point. (1 point)"
        ),
        (
            "Rests on a measurement of the lab (effective rank, kNN, channel standard deviation, cosines, with and "
            "without negatives), and does not claim too much: negatives are what *SimCLR's loss* needs; other methods "
            "avoid collapse without them. (1 point)"
        ),
    ),
    model_answer="""\
SimCLR's loss does two things: the numerator pulls the two views of an image together, the denominator pushes views of
different images apart. Without negatives only the first remains, and it has a trivial best answer: map every image to
the same vector. All positive pairs then agree perfectly, the loss is as low as it can be, and the embedding says
nothing about the image. Nothing in an alignment-only loss with shared weights and gradients to both sides stands
against this; in the BYOL paper that arrangement reached 0.1 % on ImageNet, which is guessing. With negatives the
constant embedding is no minimum any more: all similarities are then equal and NT-Xent is ln(2n - 1), the loss of
guessing among the other 2n - 1 views. To get below it, embeddings of different images must differ.

Model collapse means that the encoder's outputs stop depending on the input as they should.
- Complete collapse: all embeddings are (nearly) the same vector. The standard deviation of each channel of the
  normalised embedding goes to 0 (healthy is about 1/sqrt(d)), the cosine of positive *and* of negative pairs goes to
  1, the effective rank to 1, and kNN is no better than that of an untrained encoder. After normalisation this vector
  has length 1; it is not the zero vector.
- Partial (dimensional) collapse: embeddings of different images do differ, but they lie in a subspace of few
  dimensions. The loss and the mean cosines can look healthy; one sees it in the spectrum of singular values, many of
  which are near zero, and in an effective rank far below d. Negatives do not rule it out: it has been reported for
  contrastive training too.

In the lab the run without negatives ended with a much lower effective rank than the run with them (put your two
numbers here), with positive and negative cosines close to each other, and a kNN accuracy no better than before
training.

This says what SimCLR's loss needs, not what all self-supervised learning needs. BYOL and SimSiam have no negatives:
they depend on a predictor together with a stop-gradient (the moving-average teacher of BYOL alone, without the
predictor, collapses: 0.2 %; SimSiam, with the predictor and without the moving average, does not: 67.7 %). DINO uses
centring and sharpening with a moving-average teacher, others whiten or decorrelate the channels. How many negatives
are needed is a separate question: with small batches much of the accuracy lost has been reported to come back when
the positive is left out of the denominator (decoupled contrastive learning), without any more negatives.""",
)
