"""What our pipeline costs over faster-whisper called directly: `python -m mm_demos.evaluation.benchmark_speech`.

The same file, options and number of threads, alternating; the ratio of the medians is the overhead. Temperature 0 by default,
because the retries at higher temperatures are random and would drown it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mm_demos import accelerator, media, samples
from mm_demos.models import catalog, loader, weights
from mm_demos.models.protocols import SAMPLE_RATE, TranscribeOptions
from mm_demos.models.speech import temperatures
from mm_demos.tasks.transcription import transcribe


def direct(path: Path, model: str, options: TranscribeOptions) -> Callable[[], str]:
    """A call of faster-whisper alone on the same weights, with the model loaded already."""
    from faster_whisper import WhisperModel

    folder = weights.ensure(catalog.spec(model))
    recognizer = WhisperModel(
        str(folder), device="cpu", compute_type="int8", cpu_threads=accelerator.threads(), local_files_only=True
    )

    def run() -> str:
        segments, _ = recognizer.transcribe(
            str(path),
            language=options.language,
            beam_size=options.beam_size,
            temperature=temperatures(options),
            condition_on_previous_text=options.condition_on_previous_text,
        )
        return " ".join(segment.text.strip() for segment in segments)

    return run


def measure(run: Callable[[], str], clock: Callable[[], float]) -> tuple[float, str]:
    """Seconds on `clock` that `run` took, and what it returned."""
    started = clock()
    text = run()
    return clock() - started, text


def repeated_sample(seconds: float, path: Path) -> Path:
    """The bundled speech, over and over, as a WAV file of this length."""
    waveform = media.load_audio(samples.path("jfk.flac"))
    media.save_wav(path, np.resize(waveform, round(seconds * SAMPLE_RATE)))
    return path


def main(arguments: list[str] | None = None) -> int:
    """Print the medians and their ratio as JSON."""
    parser = argparse.ArgumentParser(prog="python -m mm_demos.evaluation.benchmark_speech", description=__doc__)
    parser.add_argument("--seconds", type=float, default=90.0, help="length of the file")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--model", default=None, help="catalog name; the default speech model otherwise")
    parser.add_argument("--cpu-time", action="store_true", help="compare processor time: steadier on a busy machine")
    parser.add_argument("--fallback", action="store_true", help="with the retries at higher temperatures")
    given = parser.parse_args(arguments)
    name = given.model or catalog.default("speech")
    options = TranscribeOptions(language="en", temperature=None if given.fallback else 0.0)
    clock = time.process_time if given.cpu_time else time.perf_counter
    with tempfile.TemporaryDirectory() as folder, loader.shared().lease(name):
        path = repeated_sample(given.seconds, Path(folder) / "speech.wav")
        rivals = {"ours": lambda: transcribe(path, model=name, options=options).text, "direct": direct(path, name, options)}
        times: dict[str, list[float]] = {rival: [] for rival in rivals}
        texts: dict[str, str] = {}
        for repeat in range(given.repeats + 1):
            for rival, run in rivals.items():
                seconds, texts[rival] = measure(run, clock)
                if repeat:  # the first round warms up
                    times[rival].append(seconds)
    medians = {rival: statistics.median(found) for rival, found in times.items()}
    report = {
        "model": name,
        "audio_seconds": given.seconds,
        "clock": clock.__name__,
        "seconds": times,
        "median_seconds": medians,
        "ratio": medians["ours"] / medians["direct"],
        "same_text": len(set(texts.values())) == 1,
    }
    print(json.dumps(report, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
