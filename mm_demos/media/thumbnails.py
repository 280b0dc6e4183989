"""Small pictures as text, for pages and reports that must stand alone."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

QUALITY = 82  # of 95; at these sizes the eye sees no more


def data_uri(image: Image, side: int) -> str:
    """The RGB picture as a JPEG of at most `side` pixels each way, in a form that a page can hold."""
    small = image.copy()
    small.thumbnail((side, side))
    content = io.BytesIO()
    small.save(content, "JPEG", quality=QUALITY)
    return jpeg_uri(content.getvalue())


def jpeg_uri(content: bytes) -> str:
    """The bytes of a JPEG file in a form that a page can hold."""
    return f"data:image/jpeg;base64,{base64.b64encode(content).decode('ascii')}"
