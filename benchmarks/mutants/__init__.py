"""Backwards that are wrong on purpose, each with the kind of finding that should say so."""

from .case import Mutant

__all__ = ["Mutant"]
