"""Pictures to sentences and answers on the suite's own small models, as `load_…` functions of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mm_demos.models.loader import LoadRequest
    from mm_demos.models.protocols import Captioner, QuestionAnswerer


def load_mini_captioner(request: LoadRequest) -> Captioner:
    """The caption decoder over the joint embedder in `request.components`."""
    from mm_demos.models.caption_decoder import CaptionDecoder
    from mm_demos.models.mini_captioner import MiniCaptioner

    return MiniCaptioner(request.components["mm-mini-clip"], CaptionDecoder.open(request.folder))


def load_mini_answerer(request: LoadRequest) -> QuestionAnswerer:
    """The answer head over the joint embedder in `request.components`."""
    from mm_demos.models.answer_head import AnswerHead
    from mm_demos.models.mini_answerer import MiniAnswerer

    return MiniAnswerer(request.components["mm-mini-clip"], AnswerHead.open(request.folder))
