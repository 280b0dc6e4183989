"""`python -m mm_demos` and the `mm-demos` command."""

from __future__ import annotations

import sys

from mm_demos.cli import main

if __name__ == "__main__":
    sys.exit(main())
