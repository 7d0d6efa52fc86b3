"""The one error the launcher shows to the person at the keyboard: what is wrong and what to do about it."""


class LaunchError(Exception):
    """The site cannot start, or could not go on; the message says why and how to mend it."""
