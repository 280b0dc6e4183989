"""Changed copies: still the same thing, never the same numbers, and the same ones again from the same seed."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from PIL import Image

from mm_demos import media, samples
from mm_demos.fusion.augment import SMALLEST_CROP, change_name, changed, changed_image, changed_sound, changed_text, random_for

DIGEST = hashlib.sha256(b"anything").hexdigest()
SENTENCE = "a brown dog runs over the wet grass behind the old house near the sea"


def rng(copy: int = 1, seed: int = 0) -> np.random.Generator:
    return random_for(DIGEST, change_name(seed, copy))


def test_words_are_left_out_in_their_order() -> None:
    words = SENTENCE.split()
    copies = {changed_text(SENTENCE, rng(copy)) for copy in range(1, 21)}
    assert len(copies) > 10
    for copy in copies:
        rest = iter(words)
        assert copy and all(word in rest for word in copy.split())
        assert len(copy.split()) >= len(words) // 2


@pytest.mark.parametrize(("text", "expected"), [("dog", "dog"), ("  dog ", "dog"), ("", "")])
def test_one_word_stays(text: str, expected: str) -> None:
    assert all(changed_text(text, rng(copy)) == expected for copy in range(1, 30))


def test_pictures_are_cropped_in_proportion_and_mirrored_half_of_the_time() -> None:
    ramp = Image.fromarray(np.tile(np.arange(200, dtype=np.uint8)[None, :, None], (100, 1, 3)))
    mirrored = 0
    for copy in range(1, 41):
        crop = changed_image(ramp, rng(copy))
        assert crop.width / crop.height == pytest.approx(2.0, rel=0.02)
        assert SMALLEST_CROP * 200 - 1 <= crop.width <= 200
        columns = np.asarray(crop)[0, :, 0].astype(int)
        assert set(np.diff(columns)) in ({1}, {-1})
        mirrored += columns[0] > columns[-1]
    assert 10 <= mirrored <= 30


def test_sounds_keep_their_length_and_are_recognised_under_gain_noise_and_shift() -> None:
    waveform = media.load_audio(samples.path("rooster.ogg"))
    spectrum = np.abs(np.fft.rfft(waveform))
    gains = []
    for copy in range(1, 9):
        other = changed_sound(waveform, rng(copy))
        assert other.shape == waveform.shape and other.dtype == np.float32
        assert np.abs(other).max() <= 1.0
        assert not np.array_equal(other, waveform)
        assert np.corrcoef(np.abs(np.fft.rfft(other)), spectrum)[0, 1] > 0.9
        gains.append(np.std(other) / np.std(waveform))
    assert max(gains) / min(gains) > 1.5


def test_silence_stays_silent() -> None:
    assert not changed_sound(np.zeros(1000, np.float32), rng()).any()


def test_the_same_seed_gives_the_same_copy_and_any_other_seed_copy_or_content_another() -> None:
    waveform = np.sin(np.arange(16_000, dtype=np.float32) / 7)
    first = changed(waveform, rng())
    assert np.array_equal(first, changed(waveform, rng()))
    others = [rng(copy=2), rng(seed=1), random_for("0" * 64, change_name(0, 1))]
    assert all(not np.array_equal(first, changed(waveform, other)) for other in others)


def test_each_kind_of_content_is_changed_in_its_own_way() -> None:
    assert isinstance(changed(SENTENCE, rng()), str)
    assert isinstance(changed(Image.new("RGB", (40, 30)), rng()), Image.Image)
    assert changed(np.ones(400, np.float32), rng()).shape == (400,)


def test_a_row_as_it_is_has_no_name_of_a_change() -> None:
    assert change_name(7, 0) == ""
    assert len({change_name(seed, copy) for seed in (0, 1, 11) for copy in (1, 2, 11)}) == 9
