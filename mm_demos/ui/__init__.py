"""What every tab's page is made of: the frame around it, the handler that runs a task, and the renderers of results."""

from __future__ import annotations

from mm_demos.ui import render
from mm_demos.ui.components import image_input, microphone, result_area
from mm_demos.ui.events import Export, error_of
from mm_demos.ui.frame import Frame, cost_line
from mm_demos.ui.handler import Fault, Step, TaskRun, fault_of
from mm_demos.ui.page import DEVICE_QUEUE, Actions, Page

__all__ = [
    "DEVICE_QUEUE",
    "Actions",
    "Export",
    "Fault",
    "Frame",
    "Page",
    "Step",
    "TaskRun",
    "cost_line",
    "error_of",
    "fault_of",
    "image_input",
    "microphone",
    "render",
    "result_area",
]
