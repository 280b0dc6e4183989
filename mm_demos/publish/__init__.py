"""Tabs as Spaces of the Hugging Face hub: folders that are whole, a page that shows them, the upload, and their start."""
