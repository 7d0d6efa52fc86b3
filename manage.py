#!/usr/bin/env python
"""Django's command line."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main(arguments: list[str]) -> None:
    """Run one command; a setting that cannot be read is told in one line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "brainscan.settings")
    if arguments[1:2] == ["run_site"]:
        # A fresh site has no secret key yet, and without one no command gets as far as being found.
        from brainscan.launcher import data_dir

        data_dir.prepare(os.environ)
    if arguments[1:2] == ["restore"]:
        from brainscan.backup import keys

        keys.prepare(os.environ, arguments[2:])
    try:
        execute_from_command_line(arguments)
    except ImproperlyConfigured as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main(sys.argv)
