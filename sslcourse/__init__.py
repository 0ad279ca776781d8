"""Self-supervised vision learning: the package that the eight labs walk through."""

__version__ = "0.1.0"
