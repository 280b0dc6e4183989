"""Multimodal demos: speech, vision and language models behind one loader, in the browser and in Python."""

__version__ = "0.1.0"
