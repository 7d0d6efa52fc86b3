"""The one error that the launcher shows to the user."""


class LaunchError(Exception):
    """The site cannot start or has to stop; the message says why and what to do."""
