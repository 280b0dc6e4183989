"""Classification: text, pictures and sound, alone or together, into labels of the visitor's own."""

from __future__ import annotations

from mm_demos import ui
from mm_demos.tabs import find
from mm_demos.ui import zero_shot


def build(frame: ui.Frame) -> None:
    """Make the tab."""
    zero_shot.build(frame.page(find("classification")))
