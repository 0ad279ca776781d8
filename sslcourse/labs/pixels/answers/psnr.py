"""Lab 6, exercise `psnr`: the peak signal-to-noise ratio of each picture, in decibels."""

import math

HINTS = (
    "One squared error for each picture first, over channels and pixels. Then a logarithm: each factor of ten in the "
    "error is worth ten decibels.",
    "PSNR = 10 log10(peak^2 / MSE) with peak = 1 for pixels in [0, 1], so -10 log10(MSE).",
    "`error = (predicted - true).square().mean(dim=(1, 2, 3))`; return `-10 * error.log10()`.",
)


def psnr(predicted, true):
    error = (predicted - true).square().mean(dim=(1, 2, 3))  # B
    return -10 * error.log10()


def by_the_root(predicted, true):
    difference = (predicted - true).flatten(1)
    root = difference.norm(dim=1) / difference.shape[1] ** 0.5
    return 20 * (1 / root).log() / math.log(10)


def picture_by_picture(predicted, true):
    result = true.new_zeros(len(true))
    for b in range(len(true)):
        result[b] = 10 * (1 / ((predicted[b] - true[b]) ** 2).mean()).log10()
    return result


def _error(predicted, true):
    return (predicted - true).square().mean((1, 2, 3))


def takes_one_error_for_all(predicted, true):
    """You take one error over all pictures. Each picture has a PSNR of its own: the mean is over dimensions 1, 2 and
    3."""
    return -10 * (predicted - true).square().mean().log10()


def averages_in_decibels(predicted, true):
    """You take the PSNR of each channel and then their mean. A logarithm and a mean cannot change places: first one
    error for the whole picture, then the logarithm."""
    return (-10 * (predicted - true).square().mean((2, 3)).log10()).mean(1)


def takes_the_natural_logarithm(predicted, true):
    """You take the natural logarithm. Decibels count powers of ten: `log10`."""
    return -10 * _error(predicted, true).log()


def takes_twenty_times(predicted, true):
    """Twenty belongs to the *root* of the error: 20 log10(1 / RMSE). Of the squared error it is ten times."""
    return -20 * _error(predicted, true).log10()


def forgets_the_ten(predicted, true):
    """These are powers of ten (bels). A decibel is a tenth of one: ten times as many."""
    return -_error(predicted, true).log10()


def has_a_peak_of_255(predicted, true):
    """Your peak is 255, so the numbers are 48 dB too high. These pixels lie in [0, 1]: the peak is 1."""
    return 10 * (255**2 / _error(predicted, true)).log10()


def takes_absolute_errors(predicted, true):
    """You take the mean *absolute* error. PSNR is defined by the mean squared one."""
    return -10 * (predicted - true).abs().mean((1, 2, 3)).log10()
