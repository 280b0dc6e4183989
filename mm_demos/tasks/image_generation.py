"""Prompts, typed or spoken, to pictures: streamed step by step, and painted again from their settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mm_demos import media
from mm_demos.errors import InvalidInputError
from mm_demos.models import catalog
from mm_demos.models.painting import ImageGenerator, PaintOptions
from mm_demos.models.protocols import FloatArray
from mm_demos.progress import Progress
from mm_demos.results import Generation, Receipt, Transcription
from mm_demos.tasks.image_options import MAX_PROMPT_CHARS, check_options, filled
from mm_demos.tasks.image_painting import Easel, Order, pixels_sha256, revision_of
from mm_demos.tasks.image_safety import check_prompt
from mm_demos.tasks.image_settings import PaintSettings, settings_of, settings_of_receipt
from mm_demos.tasks.options import fitted
from mm_demos.tasks.receipts import record
from mm_demos.tasks.transcription import transcribe

if TYPE_CHECKING:
    from PIL.Image import Image

CHANGED = (
    "The picture differs from the one in the file: it was painted on another device, with other versions of the libraries, "
    "or with the model loaded in another number format."
)


def generate(
    prompt: str = "",
    *,
    audio: str | Path | FloatArray | None = None,
    image: str | Path | bytes | Image | None = None,
    n: int = 1,
    model: str | None = None,
    options: PaintOptions | None = None,
    rank: bool = False,
    progress: Progress | None = None,
) -> Generation:
    """Paint `n` pictures of a prompt; takes and raises what `generate_steps` does, which gives them as they come about."""
    steps = generate_steps(prompt, audio=audio, image=image, n=n, model=model, options=options, rank=rank, progress=progress)
    *_, last = steps
    return last


def generate_steps(
    prompt: str = "",
    *,
    audio: str | Path | FloatArray | None = None,
    image: str | Path | bytes | Image | None = None,
    n: int = 1,
    model: str | None = None,
    options: PaintOptions | None = None,
    rank: bool = False,
    previews: bool = False,
    progress: Progress | None = None,
) -> Iterator[Generation]:
    """Yield the pictures as they come about, the last `Generation` done and with its receipt. Close it to stop.

    Each picture is painted alone, from its own seed (`options.seed`, the next one, …), so that it can be painted alone again.

    Args:
        prompt: what the pictures show.
        audio: a recording of the prompt, in place of `prompt`; what is heard becomes `Generation.prompt`.
        image: the picture to start from.
        n: pictures, in [1, 16].
        model: catalog name; the profile's own painter by default.
        rank: score the pictures against the prompt and put the best first.
        previews: show the picture under way as `Generation.preview`.

    Raises:
        InvalidInputError: no prompt or one that is not painted, an option out of range, or a file that cannot be read.
        InsufficientMemoryError: not even the most frugal memory mode would fit.
        StoppedError: `progress.stop()` was called; the pictures finished by then were in what was yielded before.
    """
    options = fitted(options, PaintOptions)
    check_options(options, n)
    options = replace(options, negative_prompt=_words(options.negative_prompt))
    if audio is None:
        prompt = checked_prompt(prompt)
    elif prompt:
        raise InvalidInputError("Give the prompt either as text or as a recording, not as both.")
    start = None if image is None else media.load_image(image)
    order = Order(prompt, audio, start, n, catalog.chosen(model, "image-generator"), options, rank, previews)
    return _pictures(order, progress or Progress())


def replay(
    source: str | Path | bytes | Receipt | Mapping[str, Any],
    *,
    image: str | Path | bytes | Image | None = None,
    model: str | None = None,
    progress: Progress | None = None,
) -> Generation:
    """Paint a picture again from its own PNG, or all pictures of a receipt: the same pixels on the same device and libraries.

    Args:
        source: the PNG file, or the receipt as it is or as `as_dict` gives it.
        image: the start picture, where there was one.
        model: the same model under another name, for a pipeline folder that has moved.

    Raises:
        InvalidInputError: no settings inside, another start picture, or another revision of the model; and what
            `generate_steps` raises.
    """
    painted = settings_of_receipt(source) if isinstance(source, Receipt | Mapping) else settings_of(source)
    start = None if image is None else media.load_image(image)
    _check_start(painted, start)
    name = catalog.chosen(model or painted.model, "image-generator")
    revision = revision_of(name)
    if painted.model_revision and painted.model_revision != revision:
        raise InvalidInputError(
            f"This was painted by revision {painted.model_revision} of {name}, and the one here is {revision}: "
            "fetch that one, or paint anew with the same prompt and seed."
        )
    order = Order(
        prompt=checked_prompt(painted.prompt),
        audio=None,
        start=start,
        n=painted.n,
        model=name,
        options=painted.options,
        rank=painted.rank,
        previews=False,
        memory=painted.memory_used,  # decoding in tiles changes the last bits
    )
    *_, last = _pictures(order, progress or Progress())
    if painted.pixels_sha256 and painted.pixels_sha256 != last.images[0].pixels_sha256:
        return replace(last, notices=(*last.notices, CHANGED))
    return last


def checked_prompt(prompt: str) -> str:
    """The prompt in one line.

    Raises:
        InvalidInputError: empty, too long, or not painted for a reason that the sentence names.
    """
    prompt = _words(prompt)
    if not prompt:
        raise InvalidInputError("The prompt is empty: say what the picture should show.")
    if len(prompt) > MAX_PROMPT_CHARS:
        raise InvalidInputError(f"The prompt is too long: write at most {MAX_PROMPT_CHARS:,} characters.")
    check_prompt(prompt)
    return prompt


def spoken_prompt(audio: str | Path | FloatArray, *, progress: Progress | None = None) -> Transcription:
    """What is said in a recording, by the default speech model; its text is the prompt.

    Raises:
        InvalidInputError: nobody speaks in it, or it cannot be read.
    """
    heard = transcribe(audio, progress=progress)
    if not heard.text.strip():
        raise InvalidInputError("No prompt was heard in the recording: say what the picture should show, or type it.")
    return replace(heard, text=heard.text.strip().removesuffix("."))


def _words(text: str) -> str:
    return " ".join(media.clean_text(text).split())


def _check_start(painted: PaintSettings, start: Image | None) -> None:
    """Refuse another start picture than the one that was used."""
    if not painted.image_sha256 and start is not None:
        raise InvalidInputError("This was painted without a start picture: leave it out.")
    if painted.image_sha256 and start is None:
        raise InvalidInputError("This was painted from a start picture: give the same one.")
    if start is not None and pixels_sha256(start) != painted.image_sha256:
        raise InvalidInputError("This is not the start picture that was used: give the one with the same pixels.")


def _pictures(order: Order, progress: Progress) -> Iterator[Generation]:
    """Hear the prompt where it was spoken, then paint one picture after another."""
    heard: Receipt | None = None
    if order.audio is not None:
        said = spoken_prompt(order.audio, progress=progress)
        heard, order = said.receipt, replace(order, prompt=checked_prompt(said.text))
        yield Generation(order.prompt, total=order.n)
    with record("generate", seed=order.options.seed, progress=progress) as run:
        painter: ImageGenerator = run.lease(order.model)
        options, notices = filled(order.options, painter.defaults, order.start)
        yield from Easel(replace(order, options=options), run, painter, heard, progress).steps(notices)
