"""Writes measured figures into the model cards: `python -m mm_demos.evaluation.cards --docs docs/models REPORT.json …`.

A report is what `python -m mm_demos evaluate clip|caption|vqa|vision-speed … --json` printed. Only the table between the marks
of a card changes; the rest is written by hand.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mm_demos.errors import DemoError, InvalidInputError
from mm_demos.models.mini_rows import MANIFEST

BEGIN, END = "<!-- figures: {} -->", "<!-- end of figures -->"
Report = dict[str, Any]
Rows = list[tuple[str, str]]


def percent(value: float | None) -> str:
    """A share with one decimal; a dash where there is none."""
    return "–" if value is None else f"{100 * value:.1f} %"


def clip_rows(report: Report) -> Rows:
    """Retrieval, zero-shot and shapes."""
    rows = [
        (
            f"{name} R@1 / R@5 / R@10, median rank",
            f"{r['recall_at_1']:.3f} / {r['recall_at_5']:.3f} / {r['recall_at_10']:.3f}, {r['median_rank']:g}",
        )
        for name, r in (("text→image", report["text_to_image"]), ("image→text", report["image_to_text"]))
    ]
    zero = report["zero_shot"]
    if zero:
        rows += [
            (f"ImageNet, 1,000 labels, top-1 on {zero['images']} samples", f"{zero['top1']:.3f} (ECE {zero['ece']:.3f})"),
            ("the same among 20 random labels", f"{zero['top1_among_20']:.3f} (ECE {zero['ece_among_20']:.3f})"),
        ]
    rows.append(("pictures / texts a second", f"{report['images_per_second']:.0f} / {report['texts_per_second']:.0f}"))
    rows += [
        (
            f"photos in the shape {s['shape']}: R@1 text→image, image→text (change)",
            f"{s['text_to_image_at_1']:.3f} ({s['text_to_image_change']:+.3f}), "
            f"{s['image_to_text_at_1']:.3f} ({s['image_to_text_change']:+.3f})",
        )
        for s in report["shapes"]
    ]
    return rows


def caption_rows(report: Report) -> Rows:
    """BLEU, CIDEr-D, variety and time."""
    rows = [
        ("BLEU-1 / 2 / 3 / 4", " / ".join(f"{each:.3f}" for each in report["scores"]["bleu"])),
        ("CIDEr-D", f"{report['scores']['cider']:.3f}"),
    ]
    if report["likeliest"]:
        likeliest = report["likeliest"]
        rows.append(
            ("the likeliest instead of the best ranked: BLEU-4, CIDEr-D", f"{likeliest['bleu'][3]:.3f}, {likeliest['cider']:.3f}")
        )
    return [
        *rows,
        ("mean length, people's", f"{report['mean_words']:.1f}, {report['reference_words']:.1f} words"),
        ("different captions", f"{report['distinct']} of {report['photos']}"),
        ("one caption, warm: median, 95th percentile", f"{report['median_seconds']:.2f} s, {report['p95_seconds']:.2f} s"),
    ]


def answer_rows(report: Report) -> Rows:
    """Accuracy by kind, calibration, thresholds and time."""
    rows = [
        (
            f"{each['kind']} ({each['questions']} questions)",
            f"{percent(each['accuracy'])}; commonest answer {percent(each['majority'])}, blanked {percent(each['blanked'])}",
        )
        for each in (*report["kinds"], report["open_kinds"], report["overall"])
    ]
    rows.append(("expected calibration error", f"{report['calibration_error']:.3f}"))
    rows += [
        (
            f"threshold {t['threshold']:g}",
            f"not sure {percent(t['not_sure'])}, right otherwise {percent(t['accuracy_when_sure'])}",
        )
        for t in report["thresholds"]
    ]
    rows.append(("answers from", ", ".join(f"{name} {count}" for name, count in report["sources"].items())))
    return [*rows, ("one answer: median, 95th percentile", f"{report['median_seconds']:.2f} s, {report['p95_seconds']:.2f} s")]


def speed_rows(report: Report) -> Rows:
    """Against eager PyTorch, and one caption."""
    rows = [
        (
            f"{each['mode']} a second, {report['threads']} threads: ours, eager PyTorch",
            f"{each['ours_per_second']:.0f}, {each['eager_per_second']:.0f}: {each['ratio']:.1f} × "
            f"({each['cpu_ratio']:.1f} × in processor time)",
        )
        for each in report["rates"]
    ]
    median, p95 = report["caption_median_seconds"], report["caption_p95_seconds"]
    return [*rows, ("one caption, warm: median, 95th percentile", f"{median:.2f} s, {p95:.2f} s")]


# What tells the kinds of report apart, the mark of their table, its card, the weights behind it, and its rows.
KINDS: tuple[tuple[str, str, str, str, Callable[[Report], Rows]], ...] = (
    ("text_to_image", "clip", "mm-mini-clip", "mm-mini-clip.safetensors", clip_rows),
    ("scores", "caption", "mm-mini-captioner", "captioner.safetensors", caption_rows),
    ("kinds", "vqa", "mm-mini-answerer", "answerer.safetensors", answer_rows),
    ("rates", "vision-speed", "mm-mini-clip", "mm-mini-clip.safetensors", speed_rows),
)


def fill(report: Report, docs: Path) -> Path:
    """Put the figures of one report into its card, and give the card back.

    Raises:
        InvalidInputError: no such kind of report, one of another model, or a card without the marks.
    """
    found = next((kind for kind in KINDS if kind[0] in report), None)
    if found is None or report.get("model", found[2]) != found[2]:
        raise InvalidInputError(
            "A report has figures of another kind or model than the cards: give what `evaluate … --json` printed without --model."
        )
    _, mark, card, weights, rows = found
    path = docs / f"{card}.md"
    begin = BEGIN.format(mark)
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(END)}", re.DOTALL)
    if not pattern.search(text):
        raise InvalidInputError(f"{path} has no lines {begin!r} and {END!r}: put them where the table should be.")
    sha256 = json.loads(MANIFEST.read_text(encoding="utf-8"))[weights]["sha256"]
    photos = f"{report['photos']:,} photos, split “{report['split']}”" if "split" in report else "on bundled pictures"
    table = [
        f"`{weights}` {sha256[:12]}, {photos}",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in rows(report)),
    ]
    filled = "\n".join([begin, *table, END])
    path.write_text(pattern.sub(lambda _: filled, text), encoding="utf-8")
    return path


def main(arguments: list[str] | None = None) -> int:
    """Fill the cards; exit status 0, or 2 when a report or a card cannot be used."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--docs", type=Path, required=True, help="folder of the cards")
    parser.add_argument("reports", type=Path, nargs="+", metavar="REPORT.json")
    given = parser.parse_args(arguments)
    try:
        for path in given.reports:
            print(fill(_read(path), given.docs))
    except DemoError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _read(path: Path) -> Report:
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{path} is no report ({error}): give what `evaluate … --json` printed.") from error
    if not isinstance(report, dict):
        raise InvalidInputError(f"{path} is no report: give what `evaluate … --json` printed.")
    return report


if __name__ == "__main__":
    sys.exit(main())
