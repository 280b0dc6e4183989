"""The suite: every tab of the table on one page. `python app.py --help` lists the options."""

from __future__ import annotations

import argparse
import gc
import os


def main() -> None:
    """Read the flags, put them into the settings, and serve."""
    parser = argparse.ArgumentParser(description="Multimodal demos on your own machine.")
    parser.add_argument("--host", help="address to listen at (default 127.0.0.1: this machine only)")
    parser.add_argument("--port", type=int, help="first port tried (default 7860)")
    parser.add_argument("--profile", choices=("embedded", "base", "large"), help="which models the tabs use")
    parser.add_argument("--tab", action="append", help="show this tab alone; may be repeated")
    parser.add_argument("--share", choices=("yes", "no"), default="no", help="make a public Gradio link (default no)")
    flags = parser.parse_args()
    for name in ("host", "port", "profile"):
        if getattr(flags, name) is not None:
            os.environ[f"MM_DEMOS_{name.upper()}"] = str(getattr(flags, name))
    gc.disable()  # imports make no garbage, and looking for it takes a sixth of the start; `ui.launch` turns it on again
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported

    from mm_demos import tabs
    from mm_demos.errors import DemoError
    from mm_demos.settings import settings

    try:
        host, port = settings().host, settings().port
        specs = [tabs.find(name) for name in flags.tab or [tab.name for tab in tabs.TABS]]
        from mm_demos import ui

        ui.launch(specs, host=host, port=port, share=flags.share == "yes")
    except DemoError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
