"""The page with all tabs, or with some of them, at an address of this machine."""

from __future__ import annotations

import argparse
import gc
import os

from mm_demos.cli import UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    parser.add_argument("--host", help="address to listen at (default 127.0.0.1: this machine only)")
    parser.add_argument("--port", type=int, help="first port tried (default 7860)")
    parser.add_argument("--tab", action="append", metavar="NAME", help="show this tab alone; may be repeated")
    parser.add_argument("--users-file", metavar="FILE", help="ask for a log-in of those in this file, see `users add`")
    parser.add_argument("--keys-file", metavar="FILE", help="ask programs for one of the keys in this file, see `keys add`")
    parser.add_argument("--log", choices=("text", "json"), help="json: a line per request and run on the error output")
    parser.add_argument("--metrics", choices=("private", "open", "off"), help="who may read /metrics (default private)")
    parser.add_argument("--share", choices=("yes", "no"), default="no", help="make a public Gradio link (default no)")


def run(flags: argparse.Namespace) -> int:
    """Serve until interrupted."""
    gc.disable()  # imports make no garbage, and looking for it takes a sixth of the start; `launch` turns it on again
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported
    from mm_demos import tabs
    from mm_demos.errors import DemoError
    from mm_demos.settings import LOOPBACK, settings

    try:
        specs = [tabs.find(name) for name in flags.tab or [tab.name for tab in tabs.TABS]]
    except DemoError as error:
        raise UsageError(str(error)) from None

    if flags.share == "yes" or settings().host not in LOOPBACK:
        os.environ.setdefault("MM_DEMOS_FETCH", "profile")
        settings.cache_clear()

    from mm_demos.serving.launch import launch

    launch(specs, host=settings().host, port=settings().port, share=flags.share == "yes")
    return 0
