"""What can go wrong from outside, each with the exit code that scripts rely on."""

from __future__ import annotations


class UserError(Exception):
    """One line for the user: who, what was expected, what came, the mend."""

    code = 1


class UsageError(UserError):
    """An option or a combination of them that cannot be."""

    code = 2


class DataError(UserError):
    """A data file that is missing, damaged, or does not say what it should."""

    code = 3


class CheckpointError(UserError):
    """A model or checkpoint that cannot be read or does not fit."""

    code = 4


class Diverged(UserError):
    """The loss or a gradient became non-finite."""

    code = 5


class DiskError(UserError):
    """The disk cannot be read or written."""

    code = 6
