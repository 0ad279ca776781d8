"""Lab 5, exercise `time`: warm up, wait for the device, look at the clock, and take the median."""

import statistics

HINTS = (
    "`work` returns before the device has done it. Where must you wait, so that between two looks at the clock lies "
    "exactly one call, all of it and nothing else? And which calls should not count?",
    "Warm up; then in each round: synchronise, look at the clock, work, synchronise, look again. The result is the "
    "median of the differences.",
    "`for _ in range(warm_up): work()`; then in a loop over `rounds`: `synchronise(); start = clock(); work(); "
    "synchronise(); seconds.append(clock() - start)`; return `statistics.median(seconds)`.",
)


def fair_time(work, rounds, warm_up, clock, synchronise):
    for _ in range(warm_up):
        work()
    seconds = []
    for _ in range(rounds):
        synchronise()
        start = clock()
        work()
        synchronise()
        seconds.append(clock() - start)
    return statistics.median(seconds)


def waits_once_before_the_rounds(work, rounds, warm_up, clock, synchronise):
    [work() for _ in range(warm_up)]
    synchronise()
    looks = [clock()]
    for _ in range(rounds):
        work()
        synchronise()
        looks.append(clock())
    ordered = sorted(after - before for before, after in zip(looks, looks[1:]))
    return (ordered[rounds // 2] + ordered[(rounds - 1) // 2]) / 2


def times_all_and_drops_the_first(work, rounds, warm_up, clock, synchronise):
    seconds = []
    synchronise()
    for _ in range(warm_up + rounds):
        start = clock()
        work()
        synchronise()
        seconds.append(clock() - start)
    return statistics.median(seconds[warm_up:])


def _seconds(work, rounds, warm_up, clock, synchronise, before=True, after=True):
    """The seconds of the rounds after a warm-up, with or without waiting before and after each call."""
    for _ in range(warm_up):
        work()
    seconds = []
    for _ in range(rounds):
        if before:
            synchronise()
        start = clock()
        work()
        if after:
            synchronise()
        seconds.append(clock() - start)
    return seconds


def stops_the_clock_too_soon(work, rounds, warm_up, clock, synchronise):
    """Your clock stops when the device has just begun: that is the time it takes to *ask* for the work. Call
    `synchronise` before the second look at the clock, and before the first."""
    return statistics.median(_seconds(work, rounds, warm_up, clock, synchronise, after=False))


def starts_the_clock_too_soon(work, rounds, warm_up, clock, synchronise):
    """When you start the clock, the device is still busy with what it was given before, the warm-up for one. Call
    `synchronise` before the first look at the clock, too."""
    return statistics.median(_seconds(work, rounds, warm_up, clock, synchronise, before=False))


def does_not_warm_up(work, rounds, warm_up, clock, synchronise):
    """The warm-up is missing. The first calls take longer (memory is asked for, kernels are chosen): make `warm_up`
    calls that do not count."""
    return statistics.median(_seconds(work, rounds, 0, clock, synchronise))


def counts_the_warm_up(work, rounds, warm_up, clock, synchronise):
    """The calls of the warm-up are among those that you time. They are slower than the rest and must not count."""
    return statistics.median(_seconds(work, warm_up + rounds, 0, clock, synchronise))


def takes_the_mean(work, rounds, warm_up, clock, synchronise):
    """You take the mean: one round that something else disturbed moves it. The median does not feel it."""
    return statistics.mean(_seconds(work, rounds, warm_up, clock, synchronise))


def takes_the_best_round(work, rounds, warm_up, clock, synchronise):
    """You take the fastest round. That is luck as much as speed, and more rounds make it faster: take the median."""
    return min(_seconds(work, rounds, warm_up, clock, synchronise))


def takes_one_of_two_in_the_middle(work, rounds, warm_up, clock, synchronise):
    """Of an even number of rounds you take the lower one of the two in the middle, as `torch.median` does. The median
    is the mean of these two: `statistics.median`, or `.quantile(0.5)`."""
    return statistics.median_low(_seconds(work, rounds, warm_up, clock, synchronise))


def takes_the_higher_one_in_the_middle(work, rounds, warm_up, clock, synchronise):
    """Of an even number of rounds you take the higher one of the two in the middle, as `sorted(...)[rounds // 2]` does.
    The median is the mean of these two: `statistics.median`, or `.quantile(0.5)`."""
    return statistics.median_high(_seconds(work, rounds, warm_up, clock, synchronise))


def waits_when_the_clock_runs_already(work, rounds, warm_up, clock, synchronise):
    """You look at the clock and only then wait for what the device was given before, the warm-up for one: that wait is
    in your seconds. Call `synchronise` before the first look at the clock."""
    for _ in range(warm_up):
        work()
    seconds = []
    for _ in range(rounds):
        start = clock()
        synchronise()
        work()
        synchronise()
        seconds.append(clock() - start)
    return statistics.median(seconds)


def times_the_whole_loop(work, rounds, warm_up, clock, synchronise):
    """You time all rounds together and divide: a mean, which one disturbed round moves, and the calls overlap. Time
    each round by itself."""
    for _ in range(warm_up):
        work()
    synchronise()
    start = clock()
    for _ in range(rounds):
        work()
    synchronise()
    return (clock() - start) / rounds
