"""All measured figures, one after the other: `python -m mm_demos.evaluation [DATA]`, or `make bench DATA=…`.

Each runs in a process of its own, so that none finds memory or models that another left behind.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

from mm_demos.evaluation import NEEDS_DATA, NEEDS_MODEL, SUBJECTS


def main(arguments: list[str] | None = None) -> int:
    """Run every measurement; those on data only when a folder is given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", help="folder with speech/ and vision/")
    data = parser.parse_args(arguments).data
    failed = 0
    for subject, module in SUBJECTS.items():
        if subject in NEEDS_MODEL:
            continue
        if subject in NEEDS_DATA and not data:
            print(f"== {subject}: needs a folder of data, left out", flush=True)
            continue
        print(f"== {subject}", flush=True)
        command = [sys.executable, "-m", module, *(["--data", data] if subject in NEEDS_DATA else [])]
        failed += subprocess.run(command, check=False).returncode != 0
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
