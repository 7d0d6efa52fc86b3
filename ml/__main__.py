"""`python -m ml`: predict, benchmark, train, evaluate, export, card. Exit 2 for wrong arguments or a missing model."""

import sys

from ml.cli import main

if __name__ == "__main__":
    sys.exit(main())
