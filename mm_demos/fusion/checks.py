"""What is wrong with a table, counted and with examples, before an hour is spent on training with it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from mm_demos.errors import InvalidInputError
from mm_demos.fusion.columns import check_columns
from mm_demos.fusion.label_checks import imbalance, similar_labels
from mm_demos.fusion.media_checks import Media, MediaFault
from mm_demos.fusion.split import split_rows, tied
from mm_demos.fusion.table import Table
from mm_demos.fusion.types import MODALITIES, Columns, DataSet, Finding, Modality, Row
from mm_demos.media.files import shown
from mm_demos.media.text import clean_text
from mm_demos.progress import Progress
from mm_demos.settings import settings

MIN_CLASS_ROWS = 2
MAX_CLASSES = 1000
MAX_TIED_SHARE = 0.2  # of the rows; files shared more widely than this cannot be kept on one side
FEW_TEST_ROWS = 10
EXAMPLES = 5


def checked(table: Table, columns: Columns, *, progress: Progress) -> DataSet:
    """The rows that can be trained on, and everything worth knowing about the rest.

    A row loses a modality whose file is missing or cannot be decoded, and is left out when it has none or no label.

    Raises:
        InvalidInputError: the columns do not fit the table, or nothing trainable is left; the sentence names the chief cause.
        StoppedError: `progress.stop()` was called.
    """
    reading = _read(table, columns, progress)
    findings = [*reading.findings(), *similar_labels(Counter(row.label for row in reading.rows))]
    rows, rare = _without_rare(reading.rows)
    findings += rare
    _check_enough(table.name, columns, rows, findings)
    ties, shared = _ties(rows, reading.media)
    findings += [*shared, *imbalance(Counter(row.label for row in rows))]
    data = DataSet(
        rows=rows,
        labels=tuple(sorted({row.label for row in rows})),
        modalities=tuple(modality for modality in MODALITIES if any(getattr(row, modality) for row in rows)),
        columns=columns,
        findings=tuple(findings),
        sha256=_sha256(rows, reading.media),
        ties=ties,
    )
    n_test = len(split_rows(data, seed=0)["test"])
    return replace(data, findings=(*findings, *_few(n_test)))


def labelled_rows(table: Table, columns: Columns, *, progress: Progress) -> tuple[tuple[Row, ...], tuple[Finding, ...]]:
    """Rows to measure a model with: all that have a label and something to go by, however few; and what is wrong with others.

    Raises:
        InvalidInputError: the columns do not fit the table.
        StoppedError: `progress.stop()` was called.
    """
    reading = _read(table, columns, progress)
    return tuple(reading.rows), tuple(reading.findings())


def _read(table: Table, columns: Columns, progress: Progress) -> _Reading:
    modalities = check_columns(table, columns)
    reading = _Reading(table, columns, modalities, Media(table))
    for number, record in enumerate(table.records, 1):
        progress.report("Checking the rows", number - 1, len(table.records), "rows")
        reading.add(number, {name: record.get(getattr(columns, name)) for name in ("text", "image", "audio", "label", "group")})
    return reading


@dataclass(slots=True)
class _Reading:
    """Rows as they come, and what was wrong with the others, by kind."""

    table: Table
    columns: Columns
    modalities: tuple[Modality, ...]
    media: Media
    rows: list[Row] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    unlabelled: list[str] = field(default_factory=list)
    bare: list[str] = field(default_factory=list)
    long: list[str] = field(default_factory=list)
    faults: list[MediaFault] = field(default_factory=list)

    def add(self, number: int, cells: dict[str, str | None]) -> None:
        where = f"row {number}"
        if not any(cells[name] for name in (*self.modalities, "label")):
            self.empty.append(where)
            return
        label = _one_line(cells["label"])
        if not label:
            self.unlabelled.append(where)
            return
        row = Row(number, label, self._text(cells["text"], where), group=_one_line(cells["group"]))
        faults = []
        for modality in ("image", "audio"):
            found = self.media.find(cells[modality], modality, number)
            if isinstance(found, MediaFault):
                faults.append(found)
            elif found is not None:
                row = replace(row, image=found) if modality == "image" else replace(row, audio=found)
        alone = not (row.text or row.image or row.audio)
        self.faults += [replace(fault, dropped=alone) for fault in faults]
        if not alone:
            self.rows.append(row)
        elif not faults:
            self.bare.append(where)

    def _text(self, cell: str | None, where: str) -> str | None:
        limit = settings().max_text_chars
        if cell and len(cell) > limit:
            self.long.append(where)
        return clean_text((cell or "")[:limit]).strip() or None

    def findings(self) -> Iterable[Finding]:
        """In the order of the table's checks; nothing for what did not happen."""
        limit = f"{settings().max_text_chars:,}"
        for kind, rows, sentence, dropped in (
            ("empty row", self.empty, "{n} {rows} empty and left out.", True),
            ("no label", self.unlabelled, "{n} {rows} without a label and left out.", True),
            ("no content", self.bare, "{n} {rows} without text, image and audio and left out.", True),
            ("long text", self.long, f"{{n}} {{rows}} cut to the {limit} characters that are read.", False),
        ):
            if rows:
                verb = "row is" if len(rows) == 1 else "rows are"
                yield Finding(kind, sentence.format(n=f"{len(rows):,}", rows=verb), len(rows), tuple(rows[:EXAMPLES]), dropped)
        for kind in ("missing file", "unreadable media"):
            faults = [fault for fault in self.faults if fault.kind == kind]
            if faults:
                yield _of_faults(kind, faults)


def _of_faults(kind: str, faults: Sequence[MediaFault]) -> Finding:
    lost = len({fault.row for fault in faults if fault.dropped})
    fault = "not there" if kind == "missing file" else "not readable"
    kept = len({fault.row for fault in faults}) - lost
    fate = [f"{lost:,} {'row is' if lost == 1 else 'rows are'} left out"] if lost else []
    fate += [f"{kept:,} {'row is' if kept == 1 else 'rows are'} used without them"] if kept else []
    examples = tuple(f"row {fault.row}: {fault.sentence}" for fault in faults[:EXAMPLES])
    sentence = f"{len(faults):,} {'media file is' if len(faults) == 1 else 'media files are'} {fault}: {' and '.join(fate)}."
    return Finding(kind, sentence, len(faults), examples, dropped=lost > 0)


def _one_line(cell: str | None) -> str:
    return " ".join(clean_text((cell or "")[:1000]).split())


def _without_rare(rows: Sequence[Row]) -> tuple[tuple[Row, ...], list[Finding]]:
    counts = Counter(row.label for row in rows)
    rare = [label for label, count in counts.items() if count < MIN_CLASS_ROWS]
    kept = tuple(row for row in rows if counts[row.label] >= MIN_CLASS_ROWS)
    if not rare:
        return kept, []
    classes = "class has" if len(rare) == 1 else "classes have"
    sentence = f"{len(rare):,} {classes} only one row, too few to train and to measure: left out."
    return kept, [Finding("rare class", sentence, len(rare), tuple(map(shown, rare[:EXAMPLES])), dropped=True)]


def _check_enough(name: str, columns: Columns, rows: Sequence[Row], findings: Sequence[Finding]) -> None:
    n_classes = len({row.label for row in rows})
    if n_classes > MAX_CLASSES:
        raise InvalidInputError(
            f"The column {shown(columns.label)!r} has {n_classes:,} different labels and the limit is {MAX_CLASSES:,}: "
            "choose a column of classes."
        )
    if n_classes > 1:
        return
    lost = max((finding for finding in findings if finding.dropped), key=lambda finding: finding.count, default=None)
    if n_classes == 1 and (lost is None or lost.kind != "rare class"):
        only = shown(rows[0].label)
        raise InvalidInputError(
            f"All rows of {shown(name)} that can be used have the label {only!r}: add rows of a second class."
        )
    left = "one class has two rows" if n_classes else "no row can be used"
    cause = f" ({lost.sentence.rstrip('.')}; first: {lost.examples[0].rstrip('.')})" if lost else ""
    raise InvalidInputError(f"{shown(name)} cannot be trained on, as {left}{cause}: give two classes of two rows at least.")


def _ties(rows: Sequence[Row], media: Media) -> tuple[tuple[int, ...], list[Finding]]:
    """Which rows share content, so that none is trained on and measured with.

    Equal rows always do; rows that share only a picture or a recording do, unless that would tie too much together.
    """
    whole = [_content(row, media) for row in rows]
    keys = [[f"row {key}"] for key in whole]
    findings = _duplicates(rows, whole)
    for modality in ("image", "audio"):
        digests = [media.digest(getattr(row, modality)) for row in rows]
        tried = [[*key, f"{modality} {digest}"] if digest else key for key, digest in zip(keys, digests, strict=True)]
        if max(Counter(tied(tried)).values()) <= max(EXAMPLES, MAX_TIED_SHARE * len(rows)):
            keys = tried
            continue
        uses = Counter(digest for digest in digests if digest)
        often = [row for row, digest in zip(rows, digests, strict=True) if uses[digest] > 1]
        sentence = (
            f"{len(often):,} rows share {modality} files so widely that training and test rows have some in common: "
            "figures may be better than on new files."
        )
        names = dict.fromkeys(shown(getattr(row, modality).name) for row in often)
        findings.append(Finding("shared files", sentence, len(often), tuple(names)[:EXAMPLES]))
    return tied(keys), findings


def _duplicates(rows: Sequence[Row], whole: Sequence[str]) -> list[Finding]:
    groups: dict[str, list[Row]] = {}
    for row, key in zip(rows, whole, strict=True):
        groups.setdefault(key, []).append(row)
    copies = [group for group in groups.values() if len(group) > 1]
    findings = []
    if copies:
        count = sum(len(group) - 1 for group in copies)
        what = "row repeats" if count == 1 else "rows repeat"
        sentence = f"{count:,} {what} the content of another: copies are kept in the same part of the split."
        findings.append(Finding("duplicate", sentence, count, tuple(map(_numbers, copies[:EXAMPLES]))))
    unlike = [group for group in copies if len({row.label for row in group}) > 1]
    if unlike:
        count = sum(map(len, unlike))
        sentence = f"{count:,} rows have the same content and different labels: correct them, as no model can be right on all."
        findings.append(Finding("contradiction", sentence, count, tuple(map(_numbers, unlike[:EXAMPLES]))))
    return findings


def _numbers(rows: Sequence[Row]) -> str:
    labels = dict.fromkeys(row.label for row in rows)
    numbers = ", ".join(str(row.number) for row in rows[:EXAMPLES])
    return f"rows {numbers}{', …' if len(rows) > EXAMPLES else ''}" + (
        f": {shown(' / '.join(labels))}" if len(labels) > 1 else ""
    )


def _few(n_test: int) -> list[Finding]:
    if n_test >= FEW_TEST_ROWS:
        return []
    rows = "row" if n_test == 1 else "rows"
    return [Finding("few rows", f"Only about {n_test} {rows} will be there to measure with: figures will be rough.", n_test)]


def _content(row: Row, media: Media) -> str:
    return json.dumps([" ".join((row.text or "").casefold().split()), media.digest(row.image), media.digest(row.audio)])


def _sha256(rows: Sequence[Row], media: Media) -> str:
    digest = hashlib.sha256()
    for row in rows:
        values = [row.text, row.label, row.group, media.digest(row.image), media.digest(row.audio)]
        digest.update(json.dumps(values).encode() + b"\n")
    return digest.hexdigest()
