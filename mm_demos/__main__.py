"""`python -m mm_demos` and the `mm-demos` command."""

from __future__ import annotations

import os
import sys

from mm_demos import cli


def main() -> int:
    """Run the command line; what prints while the process ends, e.g. a native library's threads, is no result."""
    status = cli.main()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        status = status or cli.FAILED
    os.dup2(2, 1)
    return status


if __name__ == "__main__":
    sys.exit(main())
