"""The command line. Arguments are parsed before anything heavy is imported, so typos fail at once."""

import argparse
import sys
from collections.abc import Sequence

from ml.cli import arguments
from ml.contracts import BrainscanError

USAGE_ERROR = 2
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    options = arguments.parser().parse_args(argv)
    try:
        return _run(options)
    except BrainscanError as error:
        print(f"brainscan: {error.message}", file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output stopped, such as `| head`
        sys.stderr.close()
        return 0


def _run(options: argparse.Namespace) -> int:
    if options.command in ("predict", "benchmark"):
        from ml.cli import serving

        return serving.COMMANDS[options.command](options)
    from ml.cli import training

    return training.COMMANDS[options.command](options)
