"""What is true of self-supervised learning: claims as data, runs that measure them, a ledger, verdicts."""
