"""Attribute synthetic images to the generator architecture that made them."""

from importlib.metadata import version

__version__ = version("ganprint")
