"""What all tabs share: the page around them, the header with memory, the address."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from html import escape

import gradio as gr

import mm_demos
from mm_demos import accelerator
from mm_demos.models import added, catalog, loader, weights
from mm_demos.settings import settings
from mm_demos.tabs import TabSpec
from mm_demos.ui import endpoints, languages, refusals, render, theme
from mm_demos.ui.examples import ExampleRows
from mm_demos.ui.page import Page
from mm_demos.ui.send_to import Sending

HEADER_SECONDS = 6.0  # between two readings of the header when nothing runs
HEADER_MODELS = 2  # named in the header; the Models tab names all
TAGLINE = "speech, pictures and language on an ordinary computer"
CACHE_CHECK_SECONDS = 600
CACHE_SECONDS = 3600  # uploads and results leave the disk after an hour


class Frame:
    """The suite's page while it is built, and what its tabs share while it runs.

    Args:
        specs: the tabs, in order.
        url: where the page will be, for the code examples.
    """

    def __init__(self, specs: Sequence[TabSpec], url: str) -> None:
        added.register_all()
        self.specs = tuple(specs)
        self.url = url
        self.lane = threading.Lock()
        self.examples: list[ExampleRows] = []
        self.sending = Sending([spec.name for spec in specs])
        self._costs: list[tuple[gr.HTML, tuple[catalog.Role, ...]]] = []
        self.blocks = gr.Blocks(
            title="mm-demos", analytics_enabled=False, delete_cache=(CACHE_CHECK_SECONDS, CACHE_SECONDS), fill_width=True
        )
        # Before there is anything on the page: Gradio makes its whole application anew for a queue, of all that is there.
        self.blocks.queue(max_size=settings().queue_size, default_concurrency_limit=1)
        with self.blocks:
            self.header = gr.HTML(elem_classes="mm-plain mm-header")
            self._tabs()
            gr.HTML(_footer(), elem_classes="mm-plain mm-footer")
            self._refresh()
        refusals.guard(self.blocks)
        endpoints.describe(self.blocks)

    def page(self, spec: TabSpec) -> Page:
        """The common frame of a tab, begun in the current layout."""
        return Page(self, spec)

    def cost(self, roles: tuple[catalog.Role, ...]) -> None:
        """A line that says what the next run must download and load; filled when the page opens and kept fresh."""
        self._costs.append((gr.HTML(elem_classes="mm-plain mm-cost"), roles))

    def header_html(self) -> str:
        """Name, device and what is in memory now; cheap enough for a timer."""
        models = loader.shared()
        resident = models.resident()
        models_now = _largest([(item.name, item.memory_bytes) for item in resident])
        names = render.chips(models_now) if models_now else '<span class="mm-none">no model in memory</span>'
        return (
            f'<div class="mm-top">{theme.LOGO}<div class="mm-name"><h1>mm-demos</h1><span>{TAGLINE}</span></div>'
            f'<div class="mm-now">{names}</div>'
            f'<div class="mm-machine"><span class="mm-device" title="{escape(accelerator.device_summary())}">'
            f"{escape(_device())}</span>"
            f"{render.memory_bar(resident, models.used_bytes, models.budget_bytes)}</div>{languages.SWITCH}</div>"
        )

    def costs_html(self) -> list[str]:
        """The cost lines of all tabs, in the order they were built."""
        return [cost_line(roles) for _, roles in self._costs]

    def _tabs(self) -> None:
        if len(self.specs) == 1:
            self.specs[0].build(self)
            return
        with gr.Tabs(elem_classes="mm-tabs", selected=self.specs[0].name) as tabs:
            for spec in self.specs:
                with gr.Tab(spec.title, id=spec.name, elem_id=f"tab-{spec.name}"):
                    spec.build(self)
        self.sending.connect(tabs)

    def _refresh(self) -> None:
        shown = [self.header, *(line for line, _ in self._costs)]

        def refresh() -> list[str]:
            return [self.header_html(), *self.costs_html()]

        quiet = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        self.blocks.load(refresh, outputs=shown, api_name="refresh", **quiet)
        gr.Timer(HEADER_SECONDS).tick(refresh, outputs=shown, api_name="refresh_tick", **quiet)


def _largest(models: list[tuple[str, int]]) -> list[tuple[str, str]]:
    """The largest models by name, the others as a number."""
    models.sort(key=lambda item: -item[1])
    others = sum(size for _, size in models[HEADER_MODELS:])
    shown = [(name, render.size(size)) for name, size in models[:HEADER_MODELS]]
    return [*shown, (f"+ {len(models) - HEADER_MODELS}", render.size(others))] if len(models) > HEADER_MODELS else shown


def _device() -> str:
    kind = accelerator.device(("cuda", "mps", "cpu"))
    return f"CPU · {accelerator.threads()} threads" if kind == "cpu" else kind


def _footer() -> str:
    return (
        f"<span>mm-demos {escape(mm_demos.__version__)} · Apache-2.0 · model licences: Models tab · made with Gradio</span>"
        "<span>Nothing you give leaves the computer that serves this page; uploads go after an hour, conversations when you "
        "delete them.</span>"
        '<span><a href="docs/api">API</a></span>'
    )


def cost_line(roles: Sequence[catalog.Role]) -> str:
    """What the next run of these roles must download and load, and what is free."""
    there = [role for role in roles if catalog.rows("embedded", role)]  # an installation may come without its painter
    names = dict.fromkeys(part.name for role in there for part in catalog.expand(catalog.default(role)))
    resident = {item.name for item in loader.shared().resident()}
    cold = [catalog.spec(name) for name in names if name not in resident]
    missing = sum(weights.missing_bytes(spec) for spec in cold)
    memory = sum(spec.memory_bytes for spec in cold)
    if not names:
        return ""
    if not memory and not missing:
        return '<span class="mm-ready">Models are in memory: runs start at once.</span>'
    disk = render.size(accelerator.free_disk_bytes(settings().cache_dir))
    fetch = f"downloads {render.size(missing)} to a disk with {disk} free and " if missing else ""
    free = render.size(accelerator.available_bytes())
    if len(cold) < len(names):
        return f"<span>The next run may load more: it {fetch}needs {render.size(memory)} of memory; {free} are free.</span>"
    return f"<span>The first run {fetch}needs {render.size(memory)} of memory; {free} are free.</span>"
