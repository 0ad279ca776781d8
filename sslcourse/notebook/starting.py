"""`start`: the first words of a lab: what it runs on, how long it takes, where progress is kept."""

import os
import platform
import random

import sslcourse
from sslcourse.notebook import state
from sslcourse.notebook.card import Table, show_card
from sslcourse.notebook.scales import SCALES, scale

_current: str | None = None

_SCALE_WORDS = {
    "smoke": "everything runs and nothing learns, for a quick look",
    "cpu": "for two CPU cores",
    "gpu": "for a GPU",
}


def start(lab: str, scale_name: str | None = None, seed: int = 0) -> None:
    """Begin a lab: seed Python, numpy and torch, and show a summary.

    `scale_name` ("smoke", "cpu" or "gpu") sets the scale for this kernel; without it the machine decides.
    Raises ValueError for an unknown lab or scale.
    """
    global _current
    import numpy
    import torch

    from sslcourse import exercises

    if lab not in exercises.LABS:
        raise ValueError(f"there is no lab {lab!r}; there are {', '.join(exercises.LABS)}")
    if scale_name is not None:
        if scale_name not in SCALES:
            raise ValueError(f"the scale can be {', '.join(SCALES)}; got {scale_name!r}")
        os.environ["SSLCOURSE_SCALE"] = scale_name
    _current = lab
    random.seed(seed)
    numpy.random.seed(seed)
    torch.manual_seed(seed)

    chosen = scale()
    info = exercises.LABS[lab]
    other = " or ".join(f'`start("{lab}", "{name}")`' for name in SCALES if name != chosen)
    rows = [
        ["scale", f"{chosen}: {_SCALE_WORDS[chosen]} (to change it: {other})"],
        ["device", _device(torch)],
        [
            "versions",
            f"sslcourse {sslcourse.__version__}, torch {torch.__version__}, Python {platform.python_version()}",
        ],
        ["progress", f"kept in {state.place()[1]}"],
    ]
    show_card(f"Lab {info.number}: {info.title}", Table(["", ""], rows))


def current_lab() -> str | None:
    """The lab that this kernel has started."""
    return _current


def _device(torch) -> str:
    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()}, {torch.cuda.get_device_properties(0).total_memory / 2**30:.0f} GiB"
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread" + ("" if threads == 1 else "s")
