"""What to say of mistakes that can be made in every exercise: wrong types and shapes, calls that fail, NaN."""

import re

import torch

from sslcourse.exercises.explain import Numbers, kind_of, text_of
from sslcourse.exercises.task import Tree

# What to do about exceptions: a regular expression for "source line: message", and the advice; the first that fits.
ERRORS: dict[str, str] = {
    r"Loss\(.*Boolean value of Tensor": "make the loss first, then call it: "
    "nn.CrossEntropyLoss()(logits, labels). F.cross_entropy(logits, labels) does both in one step",
    r"Boolean value of Tensor with more than one value": "`if`, `and` and `or` need one True or False, and this tensor "
    "has several. Decide for each element with torch.where or a mask, or go through the elements one by one",
    r"Expected all tensors to be on the same device|Cannot copy out of meta": "the tensors are on different devices. "
    "Make new tensors where the arguments are: device=z1.device, for example",
    r"only (integer tensors of a single element|one element tensors) can be converted": "a tensor with several numbers "
    "stands where one number belongs. Take the numbers one by one, for example in a loop over the rows",
    r"torch\.return_types": "some torch functions return several things at once: x.max(dim=1), x.min(dim=1) and "
    "x.sort() give (values, indices), torch.linalg.svd gives (U, S, Vh). Pick the one you need, for example "
    "x.max(dim=1).values",
    r"'bool' object has no attribute": "this is one plain True or False, not a tensor. A comparison gives that when "
    "one of the two is not a tensor: x.max(dim=1), for example, gives two things, values and indices",
    r"must be tuple of Tensors": "give torch.cat and torch.stack one list of tensors, as in torch.cat([a, b])",
    r"step must be greater than zero": "torch has no negative steps: x.flip(dim) reverses a dimension",
    r"could not infer output dtype|not implemented for '(Long|Int|Bool)'": "this operation needs floating-point "
    "numbers and got whole numbers or booleans. Convert them with .float(), unless two arguments are exchanged",
    r"target dtype to be Long|scalar type Long": "positions of classes must be whole numbers: .long() makes them so",
    r"numpy\(\) on Tensor that requires grad": "NumPy cannot pass gradients on, and .detach() would cut them off. "
    "Stay in torch",
    r"can't be cast to the desired output type": "a whole-number tensor, such as BatchNorm's count of batches, cannot "
    "take the result of an average. Copy it instead",
    r"more than 1 value per channel": "in training BatchNorm takes the statistics of the batch, so it "
    "needs more than one row. Call the network on the whole batch",
    r"must be batches of square matrices|must be square|square matrix": "this operation takes square matrices only, "
    "[n, n], and yours is not square. Every matrix has singular values (torch.linalg.svdvals)",
    r"view size is not compatible": "`view` only draws other borders between numbers as they lie in memory. After a "
    "permute or transpose they lie elsewhere: `reshape` copies them where it must",
    r"stack expects each tensor to be equal size|[Ss]izes of tensors must match": "the pieces that you put together "
    "have different sizes. Print their shapes; a slice of a given length runs from start to start + length",
    r"must match the (existing )?size|shapes cannot be multiplied|(shape|size) mismatch|inconsistent tensor size|"
    r"batch_size .* to match|Expected target size|Expected size for first two dimensions": "the shapes of two tensors "
    "do not fit together. Print both: an elementwise operation needs equal sizes (or 1), a matrix product [n, d] @ "
    "[d, m]",
    r"out of range|out of bounds|index \d+ is out": "positions and dimensions are counted from 0, so the last one is "
    "the size minus 1",
    r"too many indices|at most \d+ dimensions": "this tensor has fewer dimensions than you index. Print its shape",
    r"maximum recursion depth": "the function calls itself without end. Does one of your own functions call it back?",
    r"expected scalar type|same dtype|to have the same dtype|dtype to be equal|expected m1 and m2": "the dtypes of two "
    "tensors differ. New tensors are float32 unless you say otherwise: give dtype=z1.dtype, for example",
    r"positional arguments? but|missing \d+ required positional|unexpected keyword": "a function gets more or fewer "
    "arguments than it takes. Keep the arguments that the lab gives yours",
    r"modified by an inplace operation|leaf Variable that requires grad": "a tensor that the gradient needs was "
    "changed in place. Make a new tensor instead of writing into the old one",
    r"name '\w+' is not defined": "a name that is used must be an argument, made in this cell, or imported in the "
    "setup cell",
    r"Bad file descriptor|closed file": "the code uses a file or a stream that it has closed before. An answer has no "
    "reason to close any: take out what closes sys.stdout or calls os.close",
    r"'NoneType' object": "something here is None. Functions that change a list in place, such as append, return None; "
    "so does a function without a return statement",
    r"'list' object has no attribute": "this is a list, not a tensor: torch.stack or torch.cat makes one of it",
}

# How NaN and infinities begin, by the operation in which they first appear.
ORIGINS: dict[str, str] = {
    "log": "`log` is where it begins: log of 0 is -inf (and 0 * log(0) is NaN), log of a negative number is NaN. Leave "
    "those terms out, or use a function that handles them (torch.special.entr, torch.xlogy, log_softmax)",
    "exp": "`exp` is where it begins: it is infinite beyond an exponent of about 88 in float32 and 709 in float64. Let "
    "softmax, logsumexp, log_softmax or cross_entropy take the exponentials: they subtract the largest exponent first",
    "div": "a division is where it begins: the divisor is 0 somewhere, or nearly",
    "cross_entropy": "`cross_entropy` is where it begins: -inf takes an entry out of the sum, but the entry that a "
    "label points at must stay in; +inf and NaN spoil the whole row",
    "nothing": "a mean of no values is where it begins. Where there is nothing to take the mean of, leave it out, or "
    "give it the value that is asked for there",
    "sqrt": "`sqrt` is where it begins: the square root of a negative number is NaN",
}
ORIGINS |= dict.fromkeys(("truediv", "true_divide", "rtruediv", "rdiv", "reciprocal"), ORIGINS["div"])
ORIGINS |= dict.fromkeys(("log2", "log10"), ORIGINS["log"]) | dict.fromkeys(("exp2", "expm1"), ORIGINS["exp"])


def explain_broken(origin: Tree) -> str:
    """Say where NaN or an infinity in a result comes from, as far as that is known.

    >>> explain_broken("div")
    'a division is where it begins: the divisor is 0 somewhere, or nearly'
    """
    if type(origin) is not str or not origin:
        return ""
    return ORIGINS.get(origin, f"`{text_of(origin, 40)}` is where it begins")


def explain_type(expected: Tree, observed: Tree) -> str:
    """Say that a type is wrong, and how to mend the usual ways of getting it wrong."""
    said = f"expected {kind_of(expected)}, yours is {kind_of(observed)}"
    if type(expected) is float and type(observed) is torch.Tensor:
        if observed.numel() == 1:
            return f"{said}; float(...) or .item() turns it into a Python number"
        return f"{said}; return one number: is a mean or a sum missing?"
    if type(expected) is torch.Tensor and type(observed) in Numbers:
        return f"{said}; keep it a tensor (no .item() and no float(...)), so that gradients can flow"
    if type(expected) is torch.Tensor and type(observed) is list:
        tensors = [item for item in observed if type(item) is torch.Tensor]
        if len(tensors) < len(observed) or not tensors:
            return f"{said}; torch.tensor(...) turns numbers into a tensor"
        for dim in range(expected.dim()):
            if all(item.shape == expected.shape[:dim] + expected.shape[dim + 1 :] for item in tensors):
                call = f"torch.stack(..., dim={dim})" if dim else "torch.stack(...)"
                return f"{said}; {call} turns a list of tensors of one shape into one tensor"
        return f"{said}; return one tensor only"
    if type(expected) is list and type(observed) is torch.Tensor:
        return f"{said}; return the values one by one, separated by commas"
    if type(expected) is list:
        return f"{said}; {len(expected)} values are asked for, separated by commas"
    return said


def explain_dtype(expected: torch.dtype, observed: torch.dtype) -> str:
    """Say that a dtype is wrong, and why it usually is.

    >>> explain_dtype(torch.int64, torch.float32)
    'expected dtype int64, yours is float32; positions must be whole numbers: .long() makes them so'
    """
    one, other = (str(dtype).removeprefix("torch.") for dtype in (expected, observed))
    said = f"expected dtype {one}, yours is {other}"
    if expected.is_floating_point and observed.is_floating_point:
        return f"{said}; .float() and .double() change it, and a new tensor is float32 unless you give it dtype=..."
    if not expected.is_floating_point and observed.is_floating_point:
        return f"{said}; positions must be whole numbers: .long() makes them so"
    return f"{said}; .to(...) changes a dtype"


def shape_cause(expected: Tree, observed: Tree) -> str:
    """What the shape of a result suggests, or ""; certain enough only if all inputs suggest the same.

    >>> shape_cause(torch.ones(4, 2), torch.ones(2, 4))
    'transposed?'
    """
    if type(expected) is not torch.Tensor or type(observed) is not torch.Tensor:
        return ""
    one, other = tuple(expected.shape), tuple(observed.shape)
    if [size for size in one if size != 1] == [size for size in other if size != 1]:
        return f"a dimension of size 1 is {'missing' if len(other) < len(one) else 'left over'} (squeeze, keepdim)"
    if not one:
        return "the values are not reduced to one number yet (mean or sum)"
    if len(one) == len(other):
        if other == (1, *one[1:]):
            return "only the first of several; is `return` inside a loop?"
        odd = sorted(mine / size for size, mine in zip(one, other) if size and mine != size)
        if set(odd) == {0.5}:
            return "half as many as expected; is only one of the two views in it?"
        if set(odd) == {2.0}:
            return "twice as many as expected; is each view in it twice?"
        if sorted(one) == sorted(other):
            return "transposed?" if one == other[::-1] else "the dimensions are in another order"
        if odd == [0.5, 2.0]:
            return "two halves seem to be joined along the wrong dimension (dim= of torch.cat)"
    if len(other) == len(one) - 1:
        for at in range(len(other)):
            if other == one[:at] + (one[at] * one[at + 1],) + one[at + 2 :]:
                both = f"dimensions {at} and {at + 1} have become one"
                return f"{both}; torch.cat joins, torch.stack makes a new dimension"
        if any(other == one[:at] + one[at + 1 :] for at in range(len(one))):
            return "a dimension is missing: one too many was reduced or indexed away"
    if len(other) == len(one) + 1:
        for at in range(len(one)):
            if one == other[:at] + (other[at] * other[at + 1],) + other[at + 2 :]:
                return f"dimensions {at} and {at + 1} should be one: .flatten({at}, {at + 1}) joins them"
    if len(other) == len(one) + 1 and any(one == other[:at] + other[at + 1 :] for at in range(len(other))):
        return "there is one dimension too many: one was not reduced"
    return ""


def explain_failure(failure: dict) -> str:
    """Say why a call has no result; unknown or strange entries are left out.

    >>> explain_failure({"kind": "exception", "type": "KeyError", "message": "'a'", "line": 2, "source": "x['a']"})
    "KeyError in line 2 of your function (`x['a']`): 'a'"
    """
    kind, name, message, source, function = (
        text_of(failure.get(key)) for key in ("kind", "type", "message", "source", "function")
    )
    if kind == "printed":
        return f"the function printed “{message}” and returned nothing; write `return` where you print"
    if kind == "not_attempted":
        if name == "NotImplementedError":
            return "not attempted yet: the function still raises NotImplementedError"
        return f"not attempted yet, or the return statement is missing: {message or 'the function returned nothing'}"
    if kind == "type":
        return f"{message or 'the result is of a type that cannot be judged'}{_remedy(name)}"
    line = failure.get("line")
    owner = f"`{function}`" if function else "your function"
    where = f" in line {line} of {owner}" if type(line) is int else ""
    shown = f" (`{source}`)" if source else ""
    said = f"{name or 'an exception'}{where}{shown}" + (f": {message}" if message else "")
    known = (advice for pattern, advice in ERRORS.items() if re.search(pattern, f"{source}: {message}"))
    advice = next(known, "")
    return f"{said.rstrip('.')}. {advice[:1].upper()}{advice[1:]}" if advice else said


def _remedy(type_name: str) -> str:
    if type_name.startswith("numpy."):
        return "; stay in torch: torch.from_numpy(...) turns an array into a tensor, float(...) one value into a number"
    if type_name == "torch.nn.parameter.Parameter":
        return "; return a plain tensor (.detach() makes one)"
    if type_name.startswith("torch.return_types"):
        return "; it holds several things: pick one, for example x.max(dim=1).values"
    if type_name in ("set", "frozenset", "generator", "map", "filter", "zip", "range") or "itertools." in type_name:
        return "; list(...) makes a list of it"
    return "; plain torch tensors and Python numbers can be judged"
