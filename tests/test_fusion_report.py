"""A report stands alone, says the right figures, and holds nothing that runs."""

from __future__ import annotations

import base64
import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import av
import PIL.Image
import pytest
from fusion_studio import studio

from mm_demos import samples
from mm_demos.fusion import report
from mm_demos.fusion.report_errors import PICTURE_SIDE, SHOWN, SOUND_SECONDS
from mm_demos.fusion.types import Finding, Interval, Mistake, Row, Studio

EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    """A finished training."""
    return studio(tmp_path_factory.mktemp("studio"), n=600)


def inlined(page: str, kind: str) -> list[bytes]:
    """The media of a kind that a page carries."""
    return [base64.b64decode(data) for data in re.findall(rf'src="data:{kind};base64,([^"]+)"', page)]


def test_it_loads_nothing_and_runs_nothing(made: Studio) -> None:
    page = report.html(made)
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert not re.search(r"\son\w+=", page)
    assert "url(" not in page
    assert not re.search(r"(?:src|href)=\"(?!data:)", page)
    assert len(page) < 1_000_000


def test_it_says_what_was_measured(made: Studio) -> None:
    page, best = report.html(made), made.standings[0].measures
    assert f"{100 * best.accuracy.value:.1f}\u202f% of 60 unseen rows" in page
    for figure in (
        f"{best.f1_macro:.3f}",
        f"{best.roc_auc:.3f}",
        f"{best.accuracy.low * 100:.1f}–{best.accuracy.high * 100:.1f}",
    ):
        assert figure in page
    for words in ("Leaderboard", "3 rows name a picture", "480 train, 60 validation, 60 test", "whisper-base", "without image"):
        assert words in page
    assert all(f">{label}</td>" in page for label in made.data.labels)


def test_the_lead_claims_no_more_than_the_pairs_show(made: Studio) -> None:
    singles = [s for s in made.standings if s.strategy.startswith("single-")]
    assert "It beats the best single modality" in report.html(made)
    close = [replace(s, against_best=Interval(-0.02, -0.06, 0.02)) if s in singles else s for s in made.standings]
    assert "These rows do not show that it is better" in report.html(replace(made, standings=tuple(close)))


def test_errors_carry_small_pictures_and_short_sounds(made: Studio) -> None:
    row = Row(7, "dog", text="a long story " * 60, image=samples.path("cat.jpg"), audio=samples.path("jfk.flac"))
    page = report.html(replace(made, mistakes=(Mistake(row, "dog", "rain", 0.9, {"text": 1.0}),) * (SHOWN + 3)))
    pictures, sounds = inlined(page, "image/jpeg"), inlined(page, "audio/mpeg")
    assert len(pictures) == len(sounds) == SHOWN
    assert max(PIL.Image.open(io.BytesIO(pictures[0])).size) == PICTURE_SIDE
    with av.open(io.BytesIO(sounds[0])) as sound:
        assert sound.duration / av.time_base == pytest.approx(SOUND_SECONDS, abs=0.2)
    assert "a long story " * 30 not in page


def test_media_that_are_gone_or_damaged_are_named(made: Studio, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff nothing")
    row = Row(1, "dog", image=broken, audio=tmp_path / "gone & lost.ogg")
    page = report.html(replace(made, mistakes=(Mistake(row, "dog", "rain", 0.9),)))
    assert "broken.jpg" in page
    assert "gone &amp; lost.ogg" in page
    assert str(tmp_path) not in page


def test_everything_of_a_user_is_escaped(made: Studio, tmp_path: Path) -> None:
    labels = (EVIL, *made.data.labels[1:])
    per_class = {EVIL if k == made.data.labels[0] else k: v for k, v in made.standings[0].measures.per_class.items()}
    best = replace(made.standings[0], measures=replace(made.standings[0].measures, per_class=per_class))
    row = Row(1, EVIL, text=EVIL, image=tmp_path / "<b>.jpg", audio=tmp_path / "<i>.ogg")
    findings = (Finding("similar labels", EVIL, 1, (EVIL,)),)
    columns = replace(made.data.columns, text=EVIL)
    page = report.html(
        replace(
            made,
            data=replace(made.data, labels=labels, findings=findings, columns=columns, rows=(row, *made.data.rows)),
            standings=(best, *made.standings[1:]),
            mistakes=(Mistake(row, EVIL, EVIL, 0.9, {EVIL: 1.0}),),
            notices=(EVIL,),
            receipt=replace(made.receipt, options={EVIL: EVIL}),
        )
    )
    assert not re.search(r"<script|<img src=x|<b>\.jpg|<i>\.ogg", page)


def test_no_errors_no_receipt_and_a_stop_are_said(made: Studio) -> None:
    page = report.html(replace(made, mistakes=(), receipt=None, curves=(), attention=(), stopped=True))
    assert "made no error" in page
    assert "was stopped before its end" in page
    assert "<h2>Settings" not in page


def test_the_same_training_gives_the_same_report(made: Studio) -> None:
    assert report.html(made) == report.html(made)


def test_json_holds_the_figures_and_no_folder(made: Studio) -> None:
    written = report.as_json(made)
    back = json.loads(written)
    assert back["best"] == made.best
    assert back["standings"][0]["measures"]["accuracy"]["value"] == made.standings[0].measures.accuracy.value
    assert back["folder"] == "model"
    assert str(samples.FOLDER) not in written


def test_a_report_needs_no_heavy_library() -> None:
    heavy = "{'torch', 'sklearn', 'av', 'PIL'}"
    code = f"import sys, mm_demos.fusion.report, mm_demos.fusion.standings; print({heavy} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
