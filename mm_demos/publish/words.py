"""What a Space says about itself: its README below the front matter, and its licences; all of it from rows and tables."""

from __future__ import annotations

from mm_demos.models.catalog import ModelSpec, Role
from mm_demos.publish import needs, vendor
from mm_demos.publish.selection import SUITE, SpaceSpec

LIMITS: dict[Role, str] = {
    "speech": "Whisper invents words in noise and music; the flags catch silence and loops, not everything.",
    "captioner": "The captioner learnt from 6,063 photos, mostly of people and dogs; elsewhere it guesses.",
    "answerer": "The answerer learnt from the same photos; answers come with a probability, and “not sure” when that is low.",
    "chat": "The language model has half a billion parameters: it words evidence, it does not know the world.",
    "sound-tagger": "The sound head knows ten sounds and hears others as one of them; a tag is a hint.",
    "joint-embedder": "Pictures and words were joined on few photos: likeness is a rank, not a proof.",
    "speaker": "The voice reads English only.",
    "image-generator": "The painter makes emoji-like pictures of 64 × 64 pixels; the check of prompts knows words, not meaning.",
}
GPL = (
    "`piper-tts`, with espeak-ng inside, is under the GPL-3.0-or-later. It is installed from the package index when the Space is "
    "built and imported only when something is to be spoken; whoever passes on an image with it has to keep to that licence."
)


def readme(space: SpaceSpec) -> str:
    """What stands under the front matter, in Markdown."""
    tabs = "\n".join(f"- {tab.emoji} **{tab.title}**: {tab.summary}" for tab in space.tabs)
    limits = "\n".join(f"- {LIMITS[role]}" for role in space.roles if role in LIMITS and space.profile == "embedded")
    return f"""
# {space.title}

{tabs}

{_running(space)}

## Models

{_table(space.models())}

Licences of code, weights and samples: [LICENCES.md](LICENCES.md).

## Limits

- {_hardware(space)}
- Uploads are deleted after an hour; one computation runs at a time, others wait in a queue.
{limits}

## A copy of your own

Press *Duplicate this Space* in its menu, or add `?duplicate=true` to its address. The same page runs on your machine:
`pip install gradio=={needs.gradio_version()} -r requirements.txt`, then `python app.py`.
`MM_DEMOS_…` variables in the settings of the Space change limits, profile and threads.

This folder was written by `python -m mm_demos space build {command(space)}`; change the tab, not the folder.
"""


def command(space: SpaceSpec) -> str:
    """What to give `space build` to get this Space again."""
    if space.name == SUITE:
        return "--suite"
    words = [tab.name for tab in space.tabs]
    if words != [space.name]:
        words += ["--name", space.name]
    return " ".join([*words, *(["--hardware", space.hardware] if space.hardware != "cpu-basic" else [])])


def licences(space: SpaceSpec) -> str:
    """LICENCES.md: code, weights, libraries under other terms, samples."""
    parts = ["# Licences\n", "## Code\n", "`mm_demos` and `app.py`: Apache-2.0, see `mm_demos/LICENSE`."]
    if space.source:
        parts[-1] = "`mm_demos`, installed from a pinned source, and `app.py`: Apache-2.0."
    if vendor.carries_normaliser(space):
        parts.append("\n`whisper/normalizers`: the text normaliser of openai-whisper, MIT, see `whisper/LICENSE`.")
    if "piper-tts" in needs.wanted(space):
        parts.append(f"\n{GPL}")
    parts += ["\n## Weights\n", _table(space.models())]
    parts += [
        "\n## Samples and examples\n",
        "Source and licence of each sample: `mm_demos/samples/LICENCES.md`. What the examples gave, in `examples/`, was made by"
        "\nthe models above from those samples: Apache-2.0.\n",
    ]
    return "\n".join(parts)


def _running(space: SpaceSpec) -> str:
    if space.hardware == "cpu-basic":
        return (
            "It runs on two CPU cores. Small weights come with it, others are fetched when it is built or first used;\n"
            "what the examples give was computed beforehand and shows at once."
        )
    return "It runs on ZeroGPU: models lie ready, and each run borrows a GPU for some seconds of your daily share."


def _hardware(space: SpaceSpec) -> str:
    if space.hardware == "cpu-basic":
        return "Two cores: what takes a second on a GPU takes several here. A Space that slept needs a minute to wake."
    return "ZeroGPU gives every visitor some minutes a day; log in to the hub for more."


def _table(rows: tuple[ModelSpec, ...]) -> str:
    lines = ["| model | what for | licence | size | from |", "|---|---|---|---|---|"]
    for row in rows:
        own = [file for file in row.files if file.packaged]
        size = f"{row.size_bytes / 1e6:.0f} MB" if row.size_bytes >= 1e6 else "–"
        places = [f"<{row.source}>"] if row.source else []
        if own:
            names = ", ".join(f"`{file.name}`" for file in own if file.size_bytes >= 1e6)
            places.append(f"in `mm_demos/weights`: {names}")
        lines.append(f"| {row.name} | {row.summary} | {row.licence} | {size} | {'; '.join(places) or 'this project'} |")
    return "\n".join(lines)
