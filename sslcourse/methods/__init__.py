"""The methods of the course, each in a file of its own; `Method` says what a method is."""

from sslcourse.methods.byol import BYOL, BYOLSettings
from sslcourse.methods.combined import Combined
from sslcourse.methods.combined_settings import CombinedSettings
from sslcourse.methods.dino import DINO, DINOSettings
from sslcourse.methods.distillation import Distillation
from sslcourse.methods.ibot import IBOT, IBOTSettings
from sslcourse.methods.logo import LoGo, LoGoSettings
from sslcourse.methods.method import Method
from sslcourse.methods.removal import Removal
from sslcourse.methods.simclr import SimCLR, SimCLRSettings
from sslcourse.methods.supervised import Supervised, SupervisedSettings
