"""`python -m ml COMMAND`; `--help` lists the commands. Exits with 2 for wrong arguments or a missing model."""

import sys

from ml.cli import main

if __name__ == "__main__":
    sys.exit(main())
