"""How long everything may take: one switch for a whole lab."""

import os
from typing import Any

SCALES = ("smoke", "cpu", "gpu")


def scale(**values: Any) -> Any:
    """The present scale, "smoke", "cpu" or "gpu"; or, given one value for each, the value for the present scale.

    The environment variable SSLCOURSE_SCALE decides, otherwise whether CUDA is there.
    Raises ValueError for an unknown scale, TypeError when a scale has no value.

    >>> import os
    >>> os.environ["SSLCOURSE_SCALE"] = "smoke"
    >>> scale(), scale(smoke=10, cpu=300, gpu=2000)
    ('smoke', 10)
    """
    if values and set(values) != set(SCALES):
        raise TypeError(f"scale() takes nothing, or a value for each of {', '.join(SCALES)}; got {', '.join(values)}")
    name = os.environ.get("SSLCOURSE_SCALE", "").strip().lower()
    if not name:
        import torch

        name = "gpu" if torch.cuda.is_available() else "cpu"
    if name not in SCALES:
        raise ValueError(f"SSLCOURSE_SCALE is {name!r}; it can be {', '.join(SCALES)}, or not set")
    return values[name] if values else name
