"""Lab 3, exercise `bound`: the smallest cosine that two crops can have, from what each has with a third."""

import torch

HINTS = (
    "Think in angles. If one crop is 30 degrees away from the global one and the other 40, how far apart can the two "
    "be at most? Which cosine has that angle?",
    "cos(alpha + beta) = cos(alpha) cos(beta) - sin(alpha) sin(beta), and sin(alpha) = sqrt(1 - cos(alpha)^2), which "
    "is never negative for angles from 0 to 180 degrees.",
    "Return `first * second - torch.sqrt((1 - first**2) * (1 - second**2))`.",
)


def cosine_bound(first, second):
    sines = torch.sqrt((1 - first**2) * (1 - second**2))  # of the two angles, multiplied
    return first * second - sines


def by_angles(first, second):
    return torch.cos(torch.arccos(first) + torch.arccos(second))


def by_vectors(first, second):
    def on_the_circle(cosines, side):
        return torch.stack([cosines, side * (1 - cosines.square()).clamp(min=0).sqrt()], dim=-1)

    return (on_the_circle(first, 1) * on_the_circle(second, -1)).sum(-1)  # on either side of the global crop


def forgets_the_sines(first, second):
    """The product of the cosines is what two crops have whose ways lead off at a right angle to each other. They can be
    further apart: on opposite sides of the global crop, where the angles add."""
    return first * second


def puts_both_on_one_side(first, second):
    """That is the *largest* cosine: both crops lie on the same side of the global one. For the smallest, they lie on
    opposite sides: the angles add, and the product of the sines is subtracted."""
    return first * second + torch.sqrt((1 - first**2) * (1 - second**2))


def takes_two_c_squared_of_the_product(first, second):
    """2 c c' - 1 is right where the two cosines are equal, and only there. With two different angles it is cos(alpha +
    beta), by the addition theorem."""
    return 2 * first * second - 1


def adds_the_distances(first, second):
    """You add 1 - cosine as if it were a distance along the way. Angles add; 1 - cosine does not: it grows with about
    the square of the angle."""
    return first + second - 1


def takes_the_smaller_one_twice(first, second):
    """You take the smaller of the two cosines for both. That is a bound, but not the sharpest: the other crop is
    nearer to the global one than that."""
    return 2 * torch.minimum(first, second) ** 2 - 1


def takes_the_mean_of_the_cosines(first, second):
    """You take the mean of the cosines for both. It is the mean of the *angles* that may be doubled."""
    return 2 * ((first + second) / 2) ** 2 - 1


def does_not_take_the_root(first, second):
    """You subtract the squares of the sines. 1 - cos^2 is sin^2: take its root."""
    return first * second - (1 - first**2) * (1 - second**2)


def stops_at_a_half_turn(first, second):
    """You cut the sum of the angles off at 180 degrees. Where it is more, the two are not opposite each other: crops
    that are both nearly opposite the global one are near to each other. cos(alpha + beta) knows that without a
    limit."""
    return torch.cos((torch.arccos(first) + torch.arccos(second)).clamp(max=torch.pi))


def returns_the_angle(first, second):
    """That is the angle between the two crops, in radians. Its cosine is asked for."""
    return torch.arccos(first) + torch.arccos(second)
