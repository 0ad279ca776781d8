"""Training: one loop for all methods, with exact resume."""

from sslcourse.training.checkpoint import SettingsChanged
from sslcourse.training.fit import FitSettings, NonFiniteLoss, fit

__all__ = ["FitSettings", "NonFiniteLoss", "SettingsChanged", "fit"]
