"""Add a model: any hub repository or folder of a known family, on the user's own page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from mm_demos.errors import DemoError, InvalidInputError, UnknownModelError
from mm_demos.models import added, catalog, families
from mm_demos.models.local_files import folder_at
from mm_demos.progress import Progress
from mm_demos.tasks import model_states
from mm_demos.tasks.model_states import Catalog
from mm_demos.ui import render
from mm_demos.ui.page import Page
from mm_demos.ui.sound_library import is_own

QUEUE = "models"
NOT_HERE = "Models are added where the program runs: open the page on that machine, or use `models add` there."
KNOWN = f"Known families: {families.known(families.FAMILIES)}."


def build(page: Page, chosen: gr.Dropdown, shown: Sequence[Any], show: Callable[[Catalog], tuple[Any, ...]]) -> None:
    """Make the box; call it inside `inputs()`, after every tab that offers models.

    Args:
        page: of the tab.
        chosen: the tab's own choice of a model.
        shown: what shows the catalog.
        show: values for `shown`.
    """
    with gr.Accordion("Add a model", open=False, visible=False, elem_classes="mm-adding") as box:
        place = gr.Textbox(
            label="Hub id or folder",
            placeholder="owner/name, owner/name:q4_k_m or a folder of this machine",
            max_lines=1,
            info=KNOWN,
        )
        with gr.Row():
            name = gr.Textbox(label="Name", placeholder="as it is called there", max_lines=1, min_width=120)
            revision = gr.Textbox(label="Revision", placeholder="the newest commit", max_lines=1, min_width=120)
        with gr.Row(elem_classes="mm-actions"):
            add = gr.Button("Add", variant="primary", min_width=70)
            remove = gr.Button("Remove the chosen one", min_width=150)
        status = gr.HTML(elem_classes="mm-plain")
    lists = menus(page.frame.blocks, chosen)

    def offered(**more: Any) -> tuple[Any, ...]:
        """The choices of every menu; kept in the menus too, for programs and for visits that begin later."""
        choices = [[row.name for row in catalog.rows(role=role)] for role in (None, *(role for _, role in lists))]
        for menu, names in zip((chosen, *(menu for menu, _ in lists)), choices, strict=True):
            menu.choices = [(name, name) for name in names]
        return gr.update(choices=choices[0], **more), *(gr.update(choices=names) for names in choices[1:])

    def entered(request: gr.Request) -> tuple[Any, ...]:
        return gr.update(visible=is_own(request)), *offered()

    def after(message: str, kind: str, name: str) -> tuple[Any, ...]:
        return render.notice(message, kind), *offered(value=name), *show(model_states.listing(name))

    def adding(place: str, name: str, revision: str, now: str, request: gr.Request) -> tuple[Any, ...]:
        try:
            _check_own(request)
            row = added.add(place.strip(), revision.strip() or None, name.strip() or None)
        except DemoError as error:
            return after(str(error), "warn", now)
        return after(
            f"{row.name} was added for {row.role}: tabs offer it now, and it is fetched when it is used.", "info", row.name
        )

    def removing(now: str, request: gr.Request) -> tuple[Any, ...]:
        try:
            _check_own(request)
            added.remove(now)
        except DemoError as error:
            return after(str(error), "warn", _present(now))
        return after(f"{now} was removed; its files stay where they are.", "info", catalog.rows()[0].name)

    def known(run: Callable[..., Catalog]) -> Callable[..., Catalog]:
        def changed(*values: Any, progress: Progress) -> Catalog:
            result = run(*values, progress=progress)
            offered()
            return result

        return changed

    _endpoints(page, known, [place, name, revision], chosen)
    outputs = [status, chosen, *(menu for menu, _ in lists), *shown]
    quiet: dict[str, Any] = {"show_progress": "minimal", "api_visibility": "private", "queue": False}
    add.click(adding, [place, name, revision, chosen], outputs, **quiet)
    place.submit(adding, [place, name, revision, chosen], outputs, **quiet)
    remove.click(removing, [chosen], outputs, **quiet)
    page.frame.blocks.load(entered, outputs=[box, *outputs[1 : len(lists) + 2]], **quiet | {"show_progress": "hidden"})


def _endpoints(
    page: Page,
    known: Callable[[Callable[..., Catalog]], Callable[..., Catalog]],
    given: Sequence[gr.components.Component],
    chosen: gr.Dropdown,
) -> None:
    """The same for programs of this machine."""
    same: dict[str, Any] = {"queue": QUEUE, "allow": _check_own}
    page.endpoint(add_repository, does=known(add_repository), inputs=given, api_name="models_add", check=check_place, **same)
    page.endpoint(remove, does=known(remove), inputs=[chosen], api_name="models_remove", **same)


def add_repository(place: str, name: str = "", revision: str = "", *, progress: Progress | None = None) -> Catalog:
    """Put a repository of the Hugging Face hub of a known family into the catalog; it is fetched when it is used.

    Args:
        place: owner/name, or owner/name:packing for one of several GGUF files.
        name: in the catalog; what the repository is called when left out.
        revision: commit, branch or tag; the newest commit when left out.
        progress: told what is being asked.
    """
    row = added.add(place.strip(), (revision or "").strip() or None, (name or "").strip() or None, progress=progress)
    return model_states.listing(row.name)


def check_place(place: str | None, *_rest: Any) -> None:
    """Refuse a folder of this machine, which a program may not name."""
    given = (place or "").strip()
    if not added.REPOSITORY.fullmatch(given.partition(":")[0]) or folder_at(given) is not None:
        raise InvalidInputError("Give a hub repository as owner/name; a folder is added on the page, or with `models add`.")


def remove(model: str, *, progress: Progress | None = None) -> Catalog:  # noqa: ARG001 (every task takes it)
    """Forget a model that was added; its files stay where they are.

    Args:
        model: its name in the catalog.
        progress: not needed.
    """
    added.remove(model)
    return model_states.listing()


def menus(blocks: gr.Blocks, chosen: gr.Dropdown) -> list[tuple[gr.Dropdown, catalog.Role]]:
    """The menus of other tabs that offer every model of one role."""
    found: list[tuple[gr.Dropdown, catalog.Role]] = []
    offers = {tuple(row.name for row in catalog.rows(role=role)): role for role in {row.role for row in catalog.rows()}}
    for block in blocks.blocks.values():
        if isinstance(block, gr.Dropdown) and block is not chosen:
            role = offers.get(tuple(str(value) for _, value in block.choices or ()))
            if role is not None:
                found.append((block, role))
    return found


def _check_own(request: gr.Request) -> None:
    if not is_own(request):
        raise InvalidInputError(NOT_HERE)


def _present(name: str) -> str:
    try:
        return catalog.spec(name).name
    except UnknownModelError:
        return catalog.rows()[0].name
