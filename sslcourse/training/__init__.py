"""Training: one loop for all methods, with exact resume; recipes for each of them."""

from sslcourse.training.checkpoint import SettingsChanged
from sslcourse.training.experiment import Experiment, run, train_recipe
from sslcourse.training.fit import FitSettings, NonFiniteLoss, fit
from sslcourse.training.many import run_all
from sslcourse.training.recipes import Recipe, find_recipe
