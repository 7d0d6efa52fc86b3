"""`python -m ml`: one command each; `--help` names them. Exit 2 for wrong arguments or a missing model."""

import sys

from ml.cli import main

if __name__ == "__main__":
    sys.exit(main())
