"""The one exception that users see."""


class FusevadError(Exception):
    """Bad input or environment; the message is one line: which file, what is wrong, what to do."""


class DivergedError(FusevadError):
    """Training gave scores that are no finite numbers."""
