"""How the page is served: the port, Gradio's options, the start."""

from __future__ import annotations

import errno
import gc
import os
import socket
from collections.abc import Sequence

import gradio as gr
from starlette.middleware import Middleware

from mm_demos.errors import SettingError
from mm_demos.samples import FOLDER as SAMPLES
from mm_demos.serving import api_page, fetching, tool_server
from mm_demos.serving.doors import Doors
from mm_demos.serving.plain_faults import PlainFaults
from mm_demos.settings import settings
from mm_demos.tabs import TabSpec
from mm_demos.ui import Frame, languages, theme

PORTS_TRIED = 100


def free_port(host: str, first: int) -> int:
    """The first port from `first` on that nothing listens at.

    Raises:
        SettingError: a hundred ports in a row are taken, or nobody may listen there.
    """
    last = min(first + PORTS_TRIED, 65536) - 1
    for port in range(first, last + 1):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                    continue
                raise SettingError(
                    f"Nothing can listen at the address {host} ({error.strerror}): choose one of this machine with --host."
                ) from None
            return port
    raise SettingError(f"The ports {first} to {last} are taken or not allowed: choose another one with --port.")


def launch(specs: Sequence[TabSpec], *, host: str, port: int, share: bool = False, block: bool = True) -> gr.Blocks:
    """Build the page, serve it, and say where it is.

    Args:
        specs: the tabs to show.
        host: address to listen at; loopback unless the user asked otherwise.
        port: first port tried; the next free one is taken when it is busy.
        share: make a public Gradio link.
        block: wait until interrupted.
    """
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    fetching.install()
    doors = Doors(specs, host, share=share)
    chosen = free_port(host, port)
    url = f"http://{host if host not in {'0.0.0.0', '::'} else '127.0.0.1'}:{chosen}"  # noqa: S104 (compared, not bound)
    blocks = Frame(specs, url).blocks
    options = launch_options(doors) | doors.log_in()
    blocks.launch(**options, server_name=host, server_port=chosen, share=share, prevent_thread_lock=True)
    doors.measures.listen(blocks)
    blocks.config["mcp_server"] = settings().mcp  # Gradio's own list of doors names this one, too
    gc.freeze()  # what the start made stays; later collections need not look at it
    gc.enable()
    taken = f" (port {port} is taken)" if chosen != port else ""
    print(f"mm-demos is at {url}{taken}; press Ctrl+C to stop.", flush=True)
    if block:
        blocks.block_thread()
    return blocks


def launch_options(doors: Doors) -> dict[str, object]:
    """How every door of the project launches Gradio: private, bounded, quiet."""
    tools = tool_server.routes() if settings().mcp else []
    return {
        "theme": theme.theme(),
        "css_paths": [theme.CSS, languages.CSS],
        "css": theme.icons_css(),
        "head": theme.head() + languages.head(),
        "quiet": True,
        "_frontend": False,  # the start has asked this server already; asking for the page too fails on a busy machine, after 3 s
        "show_error": False,
        "max_file_size": settings().max_upload_mb * 1_000_000,
        "allowed_paths": [str(SAMPLES)],
        "run_history": False,  # it would keep every visitor's recordings in the browser
        "enable_monitoring": False,
        "mcp_server": False,  # its results are no JSON, and it cannot be cancelled: the tools below can
        "strict_cors": True,
        "footer_links": ["api", "settings"],
        "pwa": False,
        "ssr_mode": False,
        "max_threads": 40,
        # The outermost part first; whoever refuses a request does so before PlainFaults reads its body.
        "app_kwargs": {
            "middleware": [*doors.middleware(), Middleware(PlainFaults)],
            "routes": [*doors.routes(), *api_page.routes(), languages.route(), *tools],
        },
    }
