"""What the course's ledger says of a claim: many pairs of runs, beside the reader's own few."""

from sslcourse.notebook.card import Table, show_card


def show_claims(*names: str, scale: str = "cpu") -> None:
    """Show the claims of these ids, with the verdict on each and the effects it rests on, as far as they are measured.

    Raises KeyError for a claim that there is not.
    """
    from sslcourse.claims.catalogue import CLAIMS
    from sslcourse.claims.rows import counted_again, latest, read_rows
    from sslcourse.claims.seen import seen_in_runs
    from sslcourse.claims.verdict import UNMEASURED, find_all, find_elsewhere, judge

    lines = read_rows(scale)
    last = list(latest(lines).values())
    for name in names:
        claim = CLAIMS[name]
        try:
            findings = find_all(claim, claim.data, scale, last)
        except ImportError as problem:
            show_card(f"Claim {claim.number}: {claim.sentence}", f"Not shown: {problem}", kind="wait")
            continue
        word, why = judge(claim, findings, find_elsewhere(claim, claim.data, scale, last))
        if known := len(counted_again(claim, scale, lines)):
            why += f". The claim was changed when {known} of its runs {'was' if known == 1 else 'were'} known"
        rows = [_row(finding) for finding in findings if finding.effect is not None]
        table = [Table(["", "pictures", "effect", "95 % interval", "pairs", ""], rows)] if rows else []
        title = f"The ledger of claims, {claim.number}: {word}"
        text = seen_in_runs(name, scale) if word != UNMEASURED else ""
        seen = [f"Seen in the runs: {text}"] if text else []
        show_card(title, f"“{claim.sentence}” {why[:1].upper()}{why[1:]}.", *table, *seen)


def _row(finding) -> list[str]:
    from sslcourse.claims.report import signed
    from sslcourse.claims.verdict import PAIRS

    effect = finding.effect
    mean, low, high = (signed(value, finding.contrast.least) for value in (effect.mean, effect.low, effect.high))
    interval = f"{low} to {high}" if effect.pairs >= PAIRS else ""  # of fewer it would be too narrow to be shown
    return [finding.contrast.name, finding.data, mean, interval, str(effect.pairs), finding.words]
