"""The suite: every tab of the table on one page. `python app.py --help` lists the options."""

from __future__ import annotations

import sys

from mm_demos.cli import main

if __name__ == "__main__":
    sys.exit(main(["demo", *sys.argv[1:]]))
