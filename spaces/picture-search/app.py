"""Picture search: a Space of mm-demos; README.md names the command that wrote it."""

from __future__ import annotations

import importlib.util

if importlib.util.find_spec("spaces"):  # on ZeroGPU it has to come before anything that touches CUDA
    import spaces  # noqa: F401

from mm_demos.publish.start import start

TABS = ("picture-search",)

if __name__ == "__main__":
    start(TABS, __file__)
