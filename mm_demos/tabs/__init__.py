"""The tabs of the suite, one row each; the order here is the order on screen."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mm_demos.errors import InvalidInputError

if TYPE_CHECKING:
    from mm_demos.models.catalog import Role
    from mm_demos.ui import Frame


@dataclass(frozen=True, slots=True)
class TabSpec:
    """A tab: everything its page, its Space and its tests follow from.

    Args:
        name: used on the command line, in addresses and as the element id.
        title: on the tab.
        emoji: in the front matter of its Space.
        icon: path data of a line icon on a 24 × 24 grid.
        summary: one sentence that says what the visitor can do here.
        module: has `build(frame: Frame) -> None`, which makes the tab inside the current `gr.Blocks`; imported on first use.
        api_names: its public endpoints.
        roles: roles of the models it runs, for the cost preview.
        on_demand: roles of models that only some of its requests need.
        short: what it does in at most 60 characters, as the hub wants it for a Space.
    """

    name: str
    title: str
    emoji: str
    icon: str
    summary: str
    module: str
    api_names: tuple[str, ...]
    roles: tuple[Role, ...]
    on_demand: tuple[Role, ...] = ()
    short: str = ""

    def build(self, frame: Frame) -> None:
        """Make the tab's components and events inside the current `gr.Blocks`."""
        importlib.import_module(self.module).build(frame)


TABS: tuple[TabSpec, ...] = (
    TabSpec(
        name="speech",
        title="Speech",
        emoji="🎙️",
        icon="M12 3a3 3 0 0 1 3 3v6a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zM5 11v1a7 7 0 0 0 14 0v-1M12 19v3",
        summary="Turn speech into text you can read, correct, click and export.",
        module="mm_demos.tabs.speech",
        api_names=("transcribe", "transcribe_many"),
        roles=("speech",),
        short="Speech to text that you can click, correct and export",
    ),
    TabSpec(
        name="captioning",
        title="Captioning",
        emoji="🖼️",
        icon="M4 4h16v11H4zM4 13l4-4 4 4 3-3 5 5M6 19h12M9 22h6",
        summary="Get captions for a picture, ranked by how well each one fits.",
        module="mm_demos.tabs.captioning",
        api_names=("caption", "caption_many"),
        roles=("captioner",),
        short="Captions for pictures, ranked, with where words looked",
    ),
    TabSpec(
        name="visual-qa",
        title="Visual QA",
        emoji="❓",
        icon="M21 12a8 8 0 0 1-8 8H4l2-3a8 8 0 1 1 15-5zM10.5 10a2.3 2.3 0 1 1 3.3 2.1c-.8.4-1.3.8-1.3 1.6M12.5 16.3v.1",
        summary="Ask a question about a picture, typed or spoken, and see how sure the answer is.",
        module="mm_demos.tabs.visual_qa",
        api_names=("answer", "answer_many"),
        roles=("answerer",),
        on_demand=("speech",),
        short="Ask a picture a question and see how sure the answer is",
    ),
    TabSpec(
        name="retrieval",
        title="Audio search",
        emoji="🎧",
        icon="M4 10v4M8 6v12M12 9v6M16 4v7M17 14a3.2 3.2 0 1 0 .01 0zM19.4 19.6L22 22",
        summary="Find the moment in your recordings by what is said or how it sounds: type, speak, or give a sound or a picture.",
        module="mm_demos.tabs.retrieval",
        api_names=("search_sounds", "index_sounds", "describe_sound"),
        roles=("speech", "text-embedder", "sound-tagger"),
        on_demand=("joint-embedder",),
        short="Find the moment in recordings by words, sound or picture",
    ),
    TabSpec(
        name="classification",
        title="Classification",
        emoji="🏷️",
        icon="M3 12V4h8l10 10-8 8zM7.5 8.4v.1",
        summary="Sort text, pictures and sound into any labels you type, alone or together.",
        module="mm_demos.tabs.classification",
        api_names=("classify", "train", "predict"),
        roles=("joint-embedder", "text-embedder", "speech", "sound-tagger"),
        short="Text, picture and sound into labels of your own",
    ),
    TabSpec(
        name="picture-search",
        title="Picture search",
        emoji="🔎",
        icon="M4 4h7v7H4zM13 4h7v4M4 13h4v7H4M15 11a4.5 4.5 0 1 0 .01 0zM18.3 18.3L22 22",
        summary="Find pictures of yours by what they show or by another picture, and rank sentences for a picture.",
        module="mm_demos.tabs.picture_search",
        api_names=("search_pictures", "rank_sentences", "embed"),
        roles=("joint-embedder",),
        short="Find your pictures by words or by another picture",
    ),
    TabSpec(
        name="assistant",
        title="Assistant",
        emoji="💬",
        icon="M4 5h16v11H11l-4 4v-4H4zM8.5 10.5v.1M12 10.5v.1M15.5 10.5v.1",
        summary="Write, speak or show a picture: answers come from documents and tools, and quote where they come from.",
        module="mm_demos.tabs.assistant",
        api_names=("reply", "speak"),
        roles=("chat", "text-embedder"),
        on_demand=("speech", "speaker", "captioner", "text-reader", "joint-embedder"),
        short="Answers from documents and tools, with their sources",
    ),
    TabSpec(
        name="image-generation",
        title="Image generation",
        emoji="🎨",
        icon="M4 20c3 0 5-1 5-3a2.4 2.4 0 0 0-4.8 0c0 1 .2 2-.2 3zM9 15.6L18 4.6a1.7 1.7 0 0 1 2.6 2.3L11 17M5 4v5M3 6h4",
        summary="Type, speak or send a prompt and watch it become pictures, each of which can be painted again.",
        module="mm_demos.tabs.image_generation",
        api_names=("generate", "replay"),
        roles=("image-generator",),
        on_demand=("joint-embedder", "speech"),
        short="Prompts to pictures that keep their own settings",
    ),
    TabSpec(
        name="models",
        title="Models",
        emoji="🧩",
        icon="M12 2l9 5v10l-9 5-9-5V7zM3 7l9 5 9-5M12 12v10",
        summary="See every model, what it costs, and what is in memory now.",
        module="mm_demos.tabs.models",
        api_names=(
            *("models_list", "models_load", "models_eject", "models_download", "models_pin", "models_choose"),
            *("models_add", "models_remove"),
        ),
        roles=(),
        short="Every model: licence, size, memory, load and eject",
    ),
)


def find(name: str) -> TabSpec:
    """The tab of this name.

    Raises:
        InvalidInputError: there is none; the message lists the names.
    """
    for tab in TABS:
        if tab.name == name:
            return tab
    raise InvalidInputError(f"There is no tab called {name!r}; the tabs are {', '.join(tab.name for tab in TABS)}.")
