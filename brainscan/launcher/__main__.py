"""`python -m brainscan.launcher`: what Django's settings need to be read at all, then the command `run_site`."""

import os
import sys

from django.core.management import execute_from_command_line

from brainscan.launcher import data_dir
from brainscan.launcher.errors import LaunchError


def main() -> None:
    """Make DATA_DIR and its secret key, and hand over."""
    try:
        folder = data_dir.resolve(os.environ.get("DATA_DIR", ""))
        os.environ["DATA_DIR"] = str(folder)
        if not os.environ.get("SECRET_KEY"):
            os.environ["SECRET_KEY"] = data_dir.secret_key(folder)
    except LaunchError as error:
        sys.exit(f"Error: {error}")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "brainscan.settings")
    execute_from_command_line(["manage.py", "run_site", *sys.argv[1:]])


if __name__ == "__main__":
    main()
