"""Assistant: a conversation in text, pictures and speech, answered from documents and by tools, with every source to open."""

from __future__ import annotations

from typing import Any

import gradio as gr

from mm_demos import ui
from mm_demos.assistant.documents import SUFFIXES
from mm_demos.tabs import find
from mm_demos.ui import assistant, read_aloud, render
from mm_demos.ui import assistant_actions as actions
from mm_demos.ui import assistant_kept as kept
from mm_demos.ui import assistant_view as view
from mm_demos.ui import assistant_voice as voice
from mm_demos.ui.assistant_exports import EXPORTS
from mm_demos.ui.page import PRESS_RUN_JS

QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
HEARD = render.line("done", "Heard: correct the text if need be, then press Send")
# In one column the panel is far below the conversation.
SHOW_SOURCE_JS = """() => {
  const panel = document.querySelector(".mm-as-open");
  if (panel && window.innerWidth <= 900) panel.scrollIntoView({ behavior: "smooth", block: "center" });
}"""
HUSH_JS = """() => { document.dispatchEvent(new Event("mm-quiet")); }"""
PLACEHOLDER = "Write a message, add pictures"


def _composer() -> gr.MultimodalTextbox:
    return gr.MultimodalTextbox(
        label="Message",
        show_label=False,
        placeholder=PLACEHOLDER,
        sources=["upload"],
        file_types=["image"],
        file_count="multiple",
        lines=1,
        max_lines=6,
        submit_btn=False,
        max_plain_text_length=4000,
        elem_classes="mm-as-composer",
    )


def _style() -> list[gr.components.Component]:
    """Persona, house rules, temperature."""
    persona = gr.Textbox("", label="Persona", placeholder="warm and brief", max_lines=2)
    policy = gr.Textbox("", label="House rules", placeholder="Always thank the customer.", lines=2, max_lines=4)
    temperature = gr.Slider(0, 1.5, value=0, step=0.1, label="Temperature", info="0 gives the same answer every time")
    return [persona, policy, temperature]


def build(frame: ui.Frame) -> None:
    """Make the tab."""
    page = frame.page(find("assistant"))
    talk, documents, shelf = gr.State(None), gr.State(None), gr.State(None)
    shown_last = gr.Textbox("", visible=False)
    dictated = gr.Checkbox(False, visible=False)
    with page.inputs(), gr.Column(elem_classes="mm-as-left"):
        chat = view.area()
        composer = _composer()
        with gr.Row(elem_classes="mm-as-speech"):
            with gr.Accordion("Speak instead", open=False):
                recording = ui.microphone("Voice message")
            aloud = gr.Checkbox(False, label="Read answers aloud", container=False, min_width=180)
        sound, row = voice.area(), page.actions("Send")
        frame.sending.row("assistant", gives={"picture": talk}, takes={"text": composer, "picture": composer})
    with page.results():
        with gr.Tabs(elem_classes="mm-modes mm-as-panels", selected="sources") as panels:
            with gr.Tab("Sources", id="sources"):
                source = gr.HTML(view.SOURCES_EMPTY, elem_classes="mm-plain mm-result")
            with gr.Tab("Operator", id="operator"):
                operator = gr.HTML(view.OPERATOR_EMPTY, elem_classes="mm-plain mm-result")
            with gr.Tab("Documents", id="documents"):
                in_use = gr.HTML(actions.in_use(None), elem_classes="mm-plain")
                files = gr.File(label="Markdown, PDF, CSV or TXT", file_count="multiple", file_types=sorted(SUFFIXES), height=140)
                learning = page.actions("Answer from these")
            with gr.Tab("Style", id="style"):
                style = _style()
            with gr.Tab("Earlier", id="earlier") as earlier_tab:
                earlier = kept.area()
        with gr.Accordion("Read aloud", open=False):  # a sixth tab would hide behind a menu
            read_aloud.build(page)
        downloads = page.exports(*EXPORTS)
    # Its own Clear, and no jump to the right column on a phone, where the conversation is what a visitor looks at.
    sending = ui.Actions(row.run, row.stop, None, row.status)
    page.connect(
        assistant.send,
        actions=sending,
        inputs=[composer, dictated, *style, aloud, documents, shelf, talk],
        outputs=[chat, composer, dictated, operator, sound, talk],
        show=view.show,
        api_name=None,
        check=assistant.check_send,
        submit=[composer],
        exports=downloads,
    )
    heard = page.connect(
        assistant.dictate,
        actions=row,
        inputs=[recording, composer],
        outputs=[composer, dictated],
        show=lambda result: ({"text": result.text, "files": list(result.files)}, True),
        api_name=None,
        triggers=[recording.stop_recording, recording.upload],
    )
    heard.success(lambda: (HEARD, None), outputs=[row.status, recording], **QUIET)
    page.connect(
        actions.learn,
        actions=learning,
        inputs=[files],
        outputs=[in_use, documents],
        show=actions.show_documents,
        api_name=None,
        check=actions.check_documents,
    )
    chat.submit(actions.ready, talk, [composer, talk], **QUIET).then(None, js=PRESS_RUN_JS, api_visibility="private")
    chat.edit(actions.change, [shelf, talk], [chat, composer, operator, talk], **QUIET)
    chat.like(actions.rate, [shelf, talk], [chat, talk], **QUIET)
    chat.select(actions.open_source, [talk, documents], [source, panels], **QUIET).then(
        None, js=SHOW_SOURCE_JS, api_visibility="private"
    )
    shown = [chat, operator, talk, earlier, *downloads.values()]
    frame.blocks.load(kept.enter, shown_last, [shelf, earlier_tab, *shown], js=kept.SHOWN_LAST_JS, **QUIET)
    earlier_tab.select(kept.refreshed, [shelf, talk], earlier, **QUIET)
    earlier.select(kept.choose, shelf, shown, **QUIET)
    earlier.delete(kept.forget, [shelf, talk], shown, **QUIET)
    assert row.clear is not None  # noqa: S101 (for the type checker: `actions` made it)
    emptied = [chat, composer, dictated, operator, sound, talk, source, row.status, *downloads.values()]
    row.clear.click(view.cleared, outputs=emptied, **QUIET)
    for button in (row.stop, row.clear, row.run):
        button.click(None, js=HUSH_JS, api_visibility="private")
    _endpoint(page, frame)


def _endpoint(page: ui.Page, frame: ui.Frame) -> None:
    """The conversation for programs, which bring its earlier turns along."""
    given = [gr.Textbox(visible=False, label="text"), ui.image_input("image", visible=False)]
    given += [ui.microphone("audio", visible=False), gr.JSON(visible=False, label="history")]
    page.endpoint(
        assistant.reply_once,
        inputs=given,
        api_name="reply",
        lane=frame.lane,
        check=assistant.check_once,
        snippet={"text": "Where is my order S-10241?"},
    )
