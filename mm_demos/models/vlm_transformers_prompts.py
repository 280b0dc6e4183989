"""What each family of vision-language models is asked, by caption style and kind of answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mm_demos.models.caption_phrases import LANGUAGES

if TYPE_CHECKING:
    from mm_demos.models.protocols import AnswerOptions, CaptionOptions


@dataclass(frozen=True, slots=True)
class Prompts:
    """How a family is asked.

    Args:
        captions: style → prompt; a style that is missing is one it cannot write, "short" is always there.
        answers: kind → prompt with `{question}` and `{choices}`; empty for a family that only captions.
        languages: whether it follows a request for another language than English.
        about: what its answers are built on, in a sentence for the visitor.
    """

    captions: Mapping[str, str]
    answers: Mapping[str, str]
    languages: bool = False
    about: str = ""

    def caption(self, options: CaptionOptions) -> str:
        """The prompt for a caption in the style and language that come nearest to those wanted."""
        prompt = self.captions[options.style if self.styled(options) else "short"]
        return prompt if self.spoken(options) == "en" else f"{prompt} Write in {LANGUAGES[options.language]}."

    def styled(self, options: CaptionOptions) -> bool:
        """Whether it writes in the style wanted."""
        return options.style in self.captions

    def spoken(self, options: CaptionOptions) -> str:
        """The language in which it will write."""
        return options.language if self.languages and self.styled(options) else "en"

    def answer(self, question: str, options: AnswerOptions) -> str:
        """The prompt for an answer."""
        kind = "choice" if options.choices else options.kind
        template = self.answers.get(kind, self.answers.get("open", "{question}"))
        return template.format(question=question, choices=", ".join(options.choices))


LOOKS = "{name} looks at the picture itself; it may be wrong."
UNTRAINED = "{name} looks at the picture itself, but was trained on captions and regions, not on free questions; it may be wrong."

CHAT = Prompts(
    captions={
        "short": "Describe this picture in one short sentence.",
        "detailed": "Describe this picture in detail, in two or three sentences.",
        "alt-text": "Write an alternative text for this picture: one plain sentence of at most 125 characters.",
        "playful": "Write one playful caption for this picture, in a single line.",
    },
    answers={
        "open": "{question} Answer with a word or a short phrase.",
        "yes/no": "{question} Answer yes or no.",
        "count": "{question} Answer with a number.",
        "choice": "{question} Choose one of: {choices}. Answer with your choice only.",
    },
    languages=True,
    about=LOOKS,
)

# By `model_type` of the checkpoint; what is not listed has a chat template and is asked in sentences.
FAMILIES: Mapping[str, Prompts] = {
    # Marafioti et al., 2025, and Laurençon et al., 2024: trained on English.
    **dict.fromkeys(("smolvlm", "idefics3"), replace(CHAT, languages=False)),
    # Li et al., 2022: captions go on from the words they begin with, questions are taken as they are.
    "blip": Prompts({"short": "", "alt-text": ""}, {"open": "{question}"}, about=LOOKS),
    # Li et al., 2023, section 4.3.
    "blip-2": Prompts(
        {"short": "", "alt-text": ""},
        {"open": "Question: {question} Answer:", "choice": "Question: {question} Options: {choices}. Answer:"},
        about=LOOKS,
    ),
    # Xiao et al., 2023: tasks are asked for by their names.
    "florence2": Prompts(
        {"short": "<CAPTION>", "alt-text": "<CAPTION>", "detailed": "<MORE_DETAILED_CAPTION>"},
        {"open": "{question}"},
        about=UNTRAINED,
    ),
}


def prompts_of(model_type: str) -> Prompts:
    """How checkpoints of this type are asked."""
    return FAMILIES.get(model_type, CHAT)
