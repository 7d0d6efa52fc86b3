"""The environment, read by django-environ, which reads most words as "off" and an empty value as a value."""

from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

_ON, _OFF = {"1", "true", "yes", "on", "y", "ok"}, {"0", "false", "no", "off", "n"}


class Environment(environ.Env):  # type: ignore[misc]
    """Raises ImproperlyConfigured, which names the variable, for a word where a switch or a number has to be."""

    def get_value(
        self, var: str, cast: Any = None, default: Any = environ.Env.NOTSET, parse_default: Any = False
    ) -> Any:
        """An empty variable counts as not set: compose files and Kubernetes cannot unset one otherwise."""
        if default is not self.NOTSET and not self.ENVIRON.get(var, "set").strip():
            return default
        return super().get_value(var, cast, default, parse_default)

    def bool(self, var: str, *, default: Any) -> Any:
        """Whether the variable turns something on; not set, it leaves the default."""
        value = self.str(var, default="").strip().lower()
        if value and value not in _ON | _OFF:
            raise ImproperlyConfigured(f"{var} is {value!r}; it is 1 or 0.")
        return value in _ON if value else default

    def int(self, var: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().int(var, *args, **kwargs)
        except ValueError:
            raise ImproperlyConfigured(f"{var} must be a whole number.") from None

    def float(self, var: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().float(var, *args, **kwargs)
        except ValueError:
            raise ImproperlyConfigured(f"{var} must be a number.") from None
