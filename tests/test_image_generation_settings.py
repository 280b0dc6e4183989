"""Settings inside a PNG: what goes in comes out, other programs can read them, and hostile files get one sentence."""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from peaks import Peak, is_one_sentence
from PIL import Image

from mm_demos.errors import InvalidInputError
from mm_demos.models.painting import PaintOptions
from mm_demos.results import Receipt
from mm_demos.tasks.image_settings import PaintSettings, png_of, settings_of, settings_of_receipt

OPTIONS = PaintOptions("a pear", 20, 7.5, 64, 32, "euler", 0.5, 42, "sliced")
PAINTED = PaintSettings("a red apple “🍎”", "mm-mini-painter", OPTIONS, "abc", "1" * 64, "2" * 64, version="0.1.0")
PICTURE = Image.new("RGB", (64, 32), "red")
PNG = png_of(PICTURE, PAINTED)
END = PNG[-12:]  # the IEND chunk


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def itxt(text: bytes, keyword: bytes = b"mm-demos", flag: bytes = b"\0") -> bytes:
    return chunk(b"iTXt", keyword + b"\0" + flag + b"\0\0\0" + text)


def bare() -> bytes:
    file = io.BytesIO()
    PICTURE.save(file, "PNG")
    return file.getvalue()[:-12]


def with_json(found: Any) -> bytes:
    return bare() + itxt(json.dumps(found).encode()) + END


def changed(**options: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"format": 1, "prompt": "a cat", "model": "mm-mini-painter", "options": {"seed": 1}}
    return {**found, "options": {**found["options"], **options}}


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    assert settings_of(PNG) == PAINTED
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    assert settings_of(path) == settings_of(str(path)) == PAINTED
    assert Image.open(path).tobytes() == PICTURE.tobytes()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=60).filter(str.strip),
    st.integers(0, 2**32 - 2),
    st.floats(0, 30),
)
def test_any_text_and_number_comes_back_exactly(prompt: str, seed: int, guidance: float) -> None:
    painted = PaintSettings(prompt, "m", PaintOptions(negative_prompt=prompt, guidance_scale=guidance, seed=seed))
    assert settings_of(png_of(PICTURE, painted)) == painted


def test_other_programs_read_a_line_of_parameters() -> None:
    text = Image.open(io.BytesIO(PNG)).text["parameters"]  # type: ignore[attr-defined]
    assert text.split("\n") == [
        "a red apple “🍎”",
        "Negative prompt: a pear",
        "Steps: 20, Sampler: euler, CFG scale: 7.5, Seed: 42, Size: 64x32, Model: mm-mini-painter, "
        "Denoising strength: 0.5, Version: mm-demos 0.1.0",
    ]


def test_a_compressed_chunk_is_read_too() -> None:
    packed = zlib.compress(json.dumps(changed()).encode())
    assert settings_of(bare() + itxt(packed, flag=b"\1") + END).prompt == "a cat"


def test_a_long_text_of_another_program_does_no_harm() -> None:
    assert (
        settings_of(bare() + itxt(b"x" * 100_000, b"parameters") + itxt(json.dumps(changed()).encode()) + END).prompt == "a cat"
    )


HOSTILE = {
    "not a png": b"GIF89a" + bytes(100),
    "nothing inside": bare() + END,
    "another program's": bare() + itxt(b"a cat\nSteps: 20", b"parameters") + END,
    "no JSON": bare() + itxt(b"{") + END,
    "nested JSON": bare() + itxt(b"[" * 60_000) + END,
    "a list": with_json([1]),
    "no format": with_json({"prompt": "a cat"}),
    "a later format": with_json({**changed(), "format": 2}),
    "no prompt": with_json({**changed(), "prompt": " "}),
    "a prompt of another type": with_json({**changed(), "prompt": ["a"]}),
    "too long a prompt": with_json({**changed(), "prompt": "x" * 5000}),
    "a model of another type": with_json({**changed(), "model": 3}),
    "steps out of range": with_json(changed(num_inference_steps=10**9)),
    "steps of another type": with_json(changed(num_inference_steps="many")),
    "a huge number": bare() + itxt(json.dumps(changed()).replace('"seed": 1', '"seed": 1' + "0" * 4000).encode()) + END,
    "no number": with_json(changed(guidance_scale=float("nan"))),
    "memory of another type": with_json(changed(memory=["auto"])),
    "pictures out of range": with_json({**changed(), "n": 1000}),
    "an unknown saving mode": with_json({**changed(), "memory_used": "all"}),
    "no UTF-8": bare() + itxt(b"\xff\xfe{}") + END,
    "a chunk cut off": (bare() + itxt(json.dumps(changed()).encode()))[:-9],
    "a wrong length": bare() + b"\x7f\xff\xff\xff" + itxt(json.dumps(changed()).encode())[4:] + END,
    "a wrong checksum": PNG.replace(b'"seed": 42', b'"seed": 43'),
    "a huge chunk": bare() + itxt(b" " * 100_000 + json.dumps(changed()).encode()) + END,
    "a bomb": bare() + itxt(zlib.compress(bytes(50_000_000)), flag=b"\1") + END,
    "no zlib": bare() + itxt(b"abc", flag=b"\1") + END,
    "too few fields": bare() + chunk(b"iTXt", b"mm-demos\0\0") + END,
}


@pytest.mark.parametrize("png", HOSTILE.values(), ids=HOSTILE)
def test_hostile_files_get_one_sentence(png: bytes) -> None:
    with Peak() as peak, pytest.raises(InvalidInputError) as caught:
        settings_of(png)
    assert is_one_sentence(str(caught.value))
    assert peak.grown_bytes < 40_000_000


def test_unknown_fields_of_a_file_are_passed_over() -> None:
    found = settings_of(with_json({**changed(colour="red"), "extra": 1}))
    assert found == PaintSettings("a cat", "mm-mini-painter", PaintOptions(seed=1))


def test_too_large_a_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.write(PNG)
        file.truncate(30_000_000)
    with pytest.raises(InvalidInputError, match="20 MB"):
        settings_of(path)


@pytest.mark.parametrize(
    "receipt", [{}, {"task": "caption", "options": {}}, {"task": "generate"}, {"task": "generate", "options": {}}]
)
def test_receipts_of_something_else_are_refused(receipt: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError) as caught:
        settings_of_receipt(receipt)
    assert is_one_sentence(str(caught.value))


def test_a_receipt_has_the_same_settings_as_a_file() -> None:
    options = {"prompt": "a cat", "model": "m", "seed": 4, "width": 64, "n": 3}
    found = settings_of_receipt(Receipt("generate", (), options, 4, 0.0, 0, ""))
    assert found == PaintSettings("a cat", "m", PaintOptions(seed=4, width=64), n=3)
