"""Lab 7, exercise `verdict`: what an interval lets one say of a claim."""

HINTS = (
    "Two questions, in this order. Is the effect as large as it should be, and is 0 ruled out? If not: is an "
    "effect that counts ruled out? If that is not so either, nothing can be said.",
    "supported: middle >= smallest effect and low > 0. contradicted: high < smallest effect. undecided: all else, "
    "also if the ends are NaN (a comparison with NaN is False).",
    '`low, high = interval`; `if low > 0 and (low + high) / 2 >= smallest_effect: return "supported"`; then test '
    "`high < smallest_effect`; everything that is left is undecided.",
)


def verdict(interval, smallest_effect):
    low, high = interval.tolist()
    if low > 0 and (low + high) / 2 >= smallest_effect:
        return "supported"
    if high < smallest_effect:
        return "contradicted"
    return "undecided"


def by_tensors(interval, smallest_effect):
    is_there = bool(interval.min() > 0)
    counts = bool(interval.mean() >= smallest_effect)
    too_small = bool((interval < smallest_effect).all())
    return {(True, True): "supported"}.get((is_there, counts), "contradicted" if too_small else "undecided")


def by_what_is_possible(interval, smallest_effect):
    low, high = interval
    words = ["undecided", "contradicted", "supported"]
    contradicted = 1 if high < smallest_effect else 0
    supported = 2 if low > 0 and low + high >= 2 * smallest_effect else 0
    return words[max(contradicted, supported)]


def is_content_with_an_effect(interval, smallest_effect):
    """You support whatever lies above 0. That it is *there* is not enough: the claim says that it is large enough to
    count. An effect that is surely there and surely too small contradicts the claim."""
    low, high = interval.tolist()
    if low > 0:
        return "supported"
    return "contradicted" if high < smallest_effect else "undecided"


def looks_at_the_middle_alone(interval, smallest_effect):
    """You support every effect whose middle is large enough, although the interval reaches down to 0: nothing at all
    may be behind it. Ask for both."""
    low, high = interval.tolist()
    if (low + high) / 2 >= smallest_effect:
        return "supported"
    return "contradicted" if high < smallest_effect else "undecided"


def contradicts_what_may_be_nothing(interval, smallest_effect):
    """You call a claim contradicted where the interval holds 0. That nothing *may* be there does not rule out an effect
    that counts: as long as the interval reaches the smallest effect, nobody knows."""
    low, high = interval.tolist()
    if low > 0 and (low + high) / 2 >= smallest_effect:
        return "supported"
    return "contradicted" if low <= 0 else "undecided"


def wants_the_whole_interval_to_count(interval, smallest_effect):
    """You ask that the *whole* interval lies beyond the smallest effect. Asked for is less: that its middle does, and
    that 0 is ruled out."""
    low, high = interval.tolist()
    if low >= smallest_effect:
        return "supported"
    return "contradicted" if high < smallest_effect else "undecided"


def takes_no_evidence_for_evidence(interval, smallest_effect):
    """You call a claim contradicted because 0 lies in the interval. A wide interval rules nothing out: no evidence for
    an effect is no evidence against it. Contradicted is what *excludes* an effect that counts."""
    low, high = interval.tolist()
    if low > 0 and (low + high) / 2 >= smallest_effect:
        return "supported"
    return "contradicted" if low <= 0 or high < smallest_effect else "undecided"


def contradicts_only_below_0(interval, smallest_effect):
    """You call a claim contradicted only where the effect points the other way. If the whole interval is below the
    smallest effect, that is enough: an effect that counts is ruled out."""
    low, high = interval.tolist()
    if low > 0 and (low + high) / 2 >= smallest_effect:
        return "supported"
    return "contradicted" if high < 0 else "undecided"


def takes_either_direction(interval, smallest_effect):
    """You look at the size of the effect alone. One that is as large the *other* way does not support the claim, it
    contradicts it: the whole interval is below the smallest effect. Use no absolute values."""
    low, high = interval.tolist()
    if (low > 0 or high < 0) and abs(low + high) / 2 >= smallest_effect:
        return "supported"
    return "contradicted" if high < smallest_effect else "undecided"


def rules_out_by_the_middle(interval, smallest_effect):
    """You call a claim contradicted because the *middle* is below the smallest effect. As long as the interval reaches
    it, an effect that counts is not ruled out: compare the high end."""
    low, high = interval.tolist()
    if low > 0 and (low + high) / 2 >= smallest_effect:
        return "supported"
    return "contradicted" if (low + high) / 2 < smallest_effect else "undecided"


def lets_0_in(interval, smallest_effect):
    """An interval that ends exactly at 0 does not rule 0 out. Supported needs low > 0, not >=."""
    low, high = interval.tolist()
    if low >= 0 and (low + high) / 2 >= smallest_effect:
        return "supported"
    return "contradicted" if high < smallest_effect else "undecided"


def shuts_the_smallest_effect_out(interval, smallest_effect):
    """An interval that ends exactly at the smallest effect still contains it, so it is not ruled out. Contradicted
    needs high < smallest effect, not <=."""
    low, high = interval.tolist()
    if low > 0 and (low + high) / 2 >= smallest_effect:
        return "supported"
    return "contradicted" if high <= smallest_effect else "undecided"


def wants_more_than_the_smallest_effect(interval, smallest_effect):
    """A middle of exactly the smallest effect counts: the claim says *at least*. Use >= there."""
    low, high = interval.tolist()
    if low > 0 and (low + high) / 2 > smallest_effect:
        return "supported"
    return "contradicted" if high < smallest_effect else "undecided"


def contradicts_what_is_left(interval, smallest_effect):
    """What is left over in your last line is "contradicted", so that an interval of NaN, of which nothing is known,
    ends there: every comparison with NaN is False. Let the last line be "undecided"."""
    low, high = interval.tolist()
    if low > 0 and (low + high) / 2 >= smallest_effect:
        return "supported"
    return "undecided" if high >= smallest_effect else "contradicted"


def supports_what_is_left(interval, smallest_effect):
    """What is left over in your last line is "supported", so that an interval of NaN, of which nothing is known, ends
    there: every comparison with NaN is False. Let the last line be "undecided"."""
    low, high = interval.tolist()
    if high < smallest_effect:
        return "contradicted"
    return "undecided" if low <= 0 or (low + high) / 2 < smallest_effect else "supported"
