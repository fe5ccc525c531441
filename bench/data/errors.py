"""The error of a data set."""


class ProblemError(ValueError):
    """A data set cannot be used. The message is one sentence: what is wrong, what was found, what to do."""
