"""Pictures to sentences and answers: for now from what the other embedded models saw, as `load_…` functions of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mm_demos.models.loader import LoadRequest
    from mm_demos.models.protocols import Captioner, QuestionAnswerer


def load_evidence_captioner(request: LoadRequest) -> Captioner:
    """A captioner over the tagger, the text reader, the joint embedder and the chat model in `request.components`."""
    from mm_demos.models.evidence_captioner import EvidenceCaptioner

    return EvidenceCaptioner(*(request.components[name] for name in request.spec.components))


def load_evidence_answerer(request: LoadRequest) -> QuestionAnswerer:
    """An answerer over the tagger, the text reader, the joint embedder and the chat model in `request.components`."""
    from mm_demos.models.evidence_answerer import EvidenceAnswerer

    return EvidenceAnswerer(*(request.components[name] for name in request.spec.components))
