"""Mistakes that people make in Lab 5, and what they must be told: see `mistakes.py`."""

from __future__ import annotations

import statistics
import time

import torch

MISTAKES: list[tuple[str, object, str | None]] = []


def mistake(exercise, told):
    def add(function):
        MISTAKES.append((f"removal.{exercise}", function, told))
        return function

    return add


# ---- attention


@mistake("attention", "a sum where a mean is asked for")
def adds_the_heads(q, k):
    weights = (q[:, :, :1] @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).softmax(-1)
    return weights[:, :, 0, 1:].sum(1)


@mistake("attention", "= leaves the heads apart")
def forgets_the_mean(q, k):
    return (q[:, :, 0:1] @ k.mT / q.shape[-1] ** 0.5).softmax(-1)[:, :, 0, 1:]


@mistake("attention", "`exp` is where it begins")
def takes_the_exponentials_itself(q, k):
    weights = (q[:, :, :1].float() @ k.float().mT / q.shape[-1] ** 0.5 * (1 if k.dtype == torch.float32 else 40)).exp()
    return (weights / weights.sum(-1, keepdim=True))[:, :, 0, 1:].mean(1).to(q.dtype)


@mistake("attention", "= forgets the scale")
def multiplies_and_goes_on(q, k):
    return torch.einsum("bhd,bhnd->bhn", q[:, :, 0], k).softmax(-1)[..., 1:].mean(1)


@mistake("attention", "= lets the rows sum to one")
def renormalises_over_the_patches_after_the_mean(q, k):
    rows = (q[:, :, :1] @ k.mT / q.shape[-1] ** 0.5).softmax(-1)[:, :, 0, 1:].mean(1)
    return rows / rows.sum(1, keepdim=True)


@mistake("attention", "changes its argument q")
def scales_in_place(q, k):
    q /= q.shape[-1] ** 0.5
    return (q[:, :, :1] @ k.mT).softmax(-1)[:, :, 0, 1:].mean(1)


# ---- keep


@mistake("keep", "expected shape")
def returns_a_mask(scores, keep):
    return torch.zeros_like(scores, dtype=torch.bool).scatter(1, scores.topk(keep, dim=1).indices, True)


@mistake("keep", "it holds several things")
def returns_everything_that_sort_gives(scores, keep):
    return scores.topk(keep, dim=1).indices.sort(dim=1)


@mistake("keep", "changes its argument scores")
def takes_one_maximum_after_the_other(scores, keep):
    found = []
    for _ in range(keep):
        best = scores.argmax(dim=1)
        found.append(best)
        scores[torch.arange(len(scores)), best] = -float("inf")
    return torch.stack(found, dim=1).sort(dim=1).values


@mistake("keep", "positions must be whole numbers")
def returns_positions_as_floats(scores, keep):
    return scores.topk(keep, dim=1).indices.sort(dim=1).values.float()


@mistake("keep", "= keeps the lowest")
def slices_the_wrong_end(scores, keep):
    return scores.argsort(dim=1)[:, :keep].sort(dim=1).values


@mistake("keep", "torch.stack(...) turns a list")
def returns_a_list(scores, keep):
    return [row.topk(keep).indices.sort().values for row in scores]


# ---- gather


@mistake("gather", "no gradient reaches tokens")
def cuts_the_gradient(tokens, indices):
    return tokens.detach()[torch.arange(len(tokens))[:, None], indices]


@mistake("gather", "no gradient reaches tokens")
def copies_into_a_new_tensor(tokens, indices):
    return torch.tensor([[tokens[b, i].tolist() for i in row] for b, row in enumerate(indices)], dtype=tokens.dtype)


@mistake("gather", "Index tensor must have the same number of dimensions")
def forgets_the_channels(tokens, indices):
    return tokens.gather(1, indices)


@mistake("gather", "= takes every choice from every picture")
def indexes_the_second_dimension(tokens, indices):
    return torch.stack([one[indices] for one in tokens])


# ---- speed


@mistake("speed", None)
def divides_the_patches(keep, patches, dim, local_crops, local_patches):
    return patches / keep


@mistake("speed", None)
def takes_the_student_alone_with_its_square(keep, patches, dim, local_crops, local_patches):
    return ((1 + patches) / (1 + keep)) ** 2


@mistake("speed", "= returns the share of the time")
def divides_after_by_before(keep, patches, dim, local_crops, local_patches):
    cost = [24 * t * dim**2 + 4 * t * t * dim for t in (1 + patches, 1 + keep, 1 + local_patches)]
    rest = 2 * cost[0] + 3 * local_crops * cost[2]
    return (rest + 6 * cost[1]) / (rest + 6 * cost[0])


@mistake("speed", None)
def takes_one_global_crop(keep, patches, dim, local_crops, local_patches):
    whole, kept, local = (24 * t * dim**2 + 4 * t * t * dim for t in (1 + patches, 1 + keep, 1 + local_patches))
    rest = whole + 3 * max(local_crops, 1) * local
    return (rest + 3 * whole) / (rest + 3 * kept)


@mistake("speed", "= counts one global crop")
def takes_one_crop_for_teacher_and_student(keep, patches, dim, local_crops, local_patches):
    whole, kept, local = ((6 * dim + n + 1) * (n + 1) for n in (patches, keep, local_patches))
    return (4 * whole + 3 * local_crops * local) / (whole + 3 * kept + 3 * local_crops * local)


# ---- time


IDLE = "whether each round lies between two looks at `clock` while the device is idle"


@mistake("time", IDLE)
def looks_the_seconds_up(work, rounds, warm_up, clock, synchronise):
    for _ in range(warm_up + rounds):
        work()
    clock()
    machine = clock.__closure__[0].cell_contents
    return statistics.median(machine.seconds[warm_up : machine.calls]) + machine.launch


@mistake("time", "AttributeError")
def looks_for_the_machine_behind_its_method(work, rounds, warm_up, clock, synchronise):
    return statistics.median(clock.__self__.seconds)


@mistake("time", "= takes the higher one in the middle")
def takes_the_middle_of_the_sorted_list(work, rounds, warm_up, clock, synchronise):
    [work() for _ in range(warm_up)]
    seconds = []
    for _ in range(rounds):
        synchronise()
        start = clock()
        work()
        synchronise()
        seconds.append(clock() - start)
    return sorted(seconds)[len(seconds) // 2]


@mistake("time", "whether you read `clock`")
def reads_the_clock_of_the_machine(work, rounds, warm_up, clock, synchronise):
    for _ in range(warm_up):
        work()
    seconds = []
    for _ in range(rounds):
        synchronise()
        start = time.perf_counter()
        work()
        synchronise()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


@mistake("time", "unsupported operand")
def forgets_to_call_the_clock(work, rounds, warm_up, clock, synchronise):
    work()
    start = clock
    work()
    synchronise()
    return clock() - start


@mistake("time", "= does not warm up")
def leaves_the_first_lines_out(work, rounds, warm_up, clock, synchronise):
    seconds = []
    synchronise()
    for _ in range(rounds):
        start = clock()
        work()
        synchronise()
        seconds += [clock() - start]
    return sorted(seconds)[rounds // 2] / 2 + sorted(seconds)[(rounds - 1) // 2] / 2


@mistake("time", "= takes one of two in the middle")
def takes_torchs_median(work, rounds, warm_up, clock, synchronise):
    for _ in range(warm_up):
        work()
    seconds = torch.zeros(rounds, dtype=torch.float64)
    for at in range(rounds):
        synchronise()
        start = clock()
        work()
        synchronise()
        seconds[at] = clock() - start
    return seconds.median().item()


@mistake("time", None)
def measures_the_wait_alone(work, rounds, warm_up, clock, synchronise):
    for _ in range(warm_up):
        work()
    seconds = []
    for _ in range(rounds):
        synchronise()
        work()
        start = clock()
        synchronise()
        seconds.append(clock() - start)
    return statistics.median(seconds)
