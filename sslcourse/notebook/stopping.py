"""Why an experiment stops, said in one sentence where a traceback would help nobody."""

import functools
from collections.abc import Callable
from typing import Any

from torch import Tensor

from sslcourse.notebook.card import show_card

NO_GRADIENT = "Your loss has no gradient: something in it leaves PyTorch, such as `.item()` or `.detach()`."


class Stopped(Exception):
    """An experiment cannot go on, for a reason that the reader can do something about: it is shown as one sentence."""


def in_a_card(experiment: Callable) -> Callable:
    """A method of a lab that shows what stopped it as one sentence instead of a traceback; it then gives None."""

    @functools.wraps(experiment)
    def call(*arguments: Any, **options: Any) -> Any:
        try:
            return experiment(*arguments, **options)
        except Stopped as problem:
            show_card("Stopped", str(problem), kind="bad")
        except KeyboardInterrupt:
            show_card("Stopped", "Run the cell again to go on.", kind="wait")
        except ModuleNotFoundError as problem:
            if problem.name != "ipywidgets":
                raise
            words = "This needs ipywidgets: `pip install ipywidgets`, then restart the kernel."
            show_card("Stopped", words, kind="bad")
        except Exception as problem:
            if not options.get("force"):
                raise
            words = f"This does not work with your function. {type(problem).__name__}: {problem}"
            show_card("Stopped", words, kind="bad")

    return call


def checked_loss(loss: Callable) -> Callable:
    """`loss` as training calls it: an error in it, or a value that is no loss, stops the run with one sentence."""

    @functools.wraps(loss)
    def checked(*arguments: Any) -> Tensor:
        try:
            value = loss(*arguments)
        except Exception as error:  # noqa: BLE001 (whatever a student's function may raise)
            raise Stopped(f"Your loss raised {type(error).__name__}: {error}") from error
        if not isinstance(value, Tensor):
            raise Stopped(f"Your loss returns {type(value).__name__}; training needs a tensor without dimensions.")
        if value.ndim:
            raise Stopped(f"Your loss has shape {tuple(value.shape)}; it must have none: take the mean over the views.")
        if any(getattr(one, "requires_grad", False) for one in arguments) and not value.requires_grad:
            raise Stopped(NO_GRADIENT)
        return value

    return checked
