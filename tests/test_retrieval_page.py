"""Audio–text retrieval's page without a browser: what is shown, heard, drawn, saved, and whose libraries a visitor sees."""

from __future__ import annotations

import csv
import io
import re
import types
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sound_doubles import RECIPE, QuickReader, indexed, make_recordings, tone

from mm_demos import media, samples
from mm_demos.errors import InvalidInputError
from mm_demos.evaluation.ranks import of_chance, of_ranks
from mm_demos.media.excerpts import load_excerpt, to_mp3
from mm_demos.models.protocols import SAMPLE_RATE
from mm_demos.progress import Progress
from mm_demos.results import LabelScore, Word
from mm_demos.retrieval.indexing import index
from mm_demos.retrieval.library import Library
from mm_demos.retrieval.recordings import file_digest, recordings
from mm_demos.retrieval.types import Hit, IndexProgress, IndexSummary, Query, Retrieval
from mm_demos.retrieval.windows import DEFAULT_CUT
from mm_demos.tasks.retrieval_recipe import recipe
from mm_demos.tasks.sound_sentences import SoundSentence, SoundSentences
from mm_demos.ui import sound_library, sound_map, sound_notes, sound_pairs, sound_panel, sound_search
from mm_demos.ui.clips import BARS, Clip, bars_of, clip_of, player
from mm_demos.ui.events import api_signature
from mm_demos.ui.hits import Found, found_csv, found_zip, show_found
from mm_demos.ui.sound_library import BUILT_IN, Place

SLY = '<img src=x onerror="alert(1)">'
SEA = Hit(
    file=str(samples.path("sea-waves.ogg")),
    start=0.0,
    end=5.0,
    score=0.8,
    text="the sea",
    tags=(LabelScore("sea waves", 0.9), LabelScore("rain", 0.05)),
    words=(Word(1.0, 1.4, "the", 0.9), Word(1.5, 2.0, "sea", 0.9)),
    play_from=1.0,
    matched=(1,),
    language="en",
    loudness_dbfs=-21.04,
)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(str(tmp_path / "visit"))


@pytest.fixture
def tones(tmp_path: Path) -> list[Path]:
    return make_recordings(tmp_path / "recordings", 4)


@pytest.fixture
def library(tmp_path: Path, tones: list[Path]) -> Library:
    made = Library.open("mine", root=tmp_path / "visit", create=True)
    indexed(made, tones)
    return made


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page indexes with stand-ins for the models."""

    def read(source: Any, *, library: Library, progress: Progress | None, **options: Any) -> Iterator[Any]:
        how = options["windows"] or DEFAULT_CUT
        return index(
            library,
            recordings(source),
            QuickReader(),
            recipe=RECIPE,
            progress=progress or Progress(),
            windows=how,
            max_seconds=options["max_seconds"],
        )

    monkeypatch.setattr(sound_library, "index_while_reading", read)


def request(client: str = "127.0.0.1", **headers: str) -> Any:
    named = {"host": "127.0.0.1:7860"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return types.SimpleNamespace(client=types.SimpleNamespace(host=client), headers=named)


@pytest.mark.parametrize("name", ["jfk.flac", "light-rain.ogg"])
@pytest.mark.parametrize(("start", "end"), [(0.0, 1.5), (2.25, 3.0), (4.5, 60.0)])
def test_an_excerpt_is_what_the_whole_recording_has_there(name: str, start: float, end: float) -> None:
    whole = media.load_audio(samples.path(name))
    expected = whole[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]
    excerpt = load_excerpt(samples.path(name), start, end)
    assert abs(excerpt.size - expected.size) <= 1
    size = min(excerpt.size, expected.size)
    assert np.abs(excerpt[:size] - expected[:size]).max() < 2e-3


def test_an_excerpt_behind_the_end_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="shorter than it was"):
        load_excerpt(samples.path("rooster.ogg"), 60, 65)


def test_a_clip_is_heard_as_it_was(tmp_path: Path) -> None:
    waveform = tone(440, 2.0)
    path = tmp_path / "clip.mp3"
    path.write_bytes(to_mp3(waveform))
    heard = media.load_audio(path)
    assert abs(heard.size - waveform.size) < SAMPLE_RATE // 10
    size = min(heard.size, waveform.size)
    assert np.corrcoef(heard[:size], waveform[:size])[0, 1] > 0.99


def test_a_clip_starts_at_the_moment_and_says_why_it_cannot_be_heard(tmp_path: Path) -> None:
    clip = clip_of(SEA.file, 1.0, 3.0)
    page = player(clip, play_from=2.0)
    assert len(clip.bars) == BARS
    assert max(clip.bars) == pytest.approx(1.0)
    assert 'data-start="1.00"' in page
    assert 'data-at="1.00"' in page
    assert 'aria-label="Play sea-waves.ogg, 0:01 – 0:03"' in page
    gone = clip_of(str(tmp_path / f"{SLY}.wav"), 0, 1)
    assert "<img" not in player(gone)
    assert "There is no file" in player(gone)
    assert "not on this machine" in player(clip_of(SEA.file, 0, 1, allowed=False))


@pytest.mark.parametrize("samples_there", [1, 40, 96, 1000])
def test_a_waveform_of_any_length_can_be_drawn(samples_there: int) -> None:
    assert len(bars_of(np.linspace(0, 1, samples_there, dtype=np.float32))) == BARS


def test_moments_are_shown_without_becoming_markup() -> None:
    sly = replace(SEA, file=f"/x/{SLY}.wav", text=SLY, words=(Word(0, 1, SLY, 1),), tags=(LabelScore(SLY, 0.9),))
    found = Found(Retrieval((sly,), 3, heard=SLY, notices=(SLY,)), (Clip(sly.file, 0, 5, fault=SLY),))
    page, *_ = show_found(found)
    assert "<img" not in page
    assert page.count("&lt;img") >= 5


def test_words_asked_for_are_marked_and_can_be_heard() -> None:
    page, heard, drawn = show_found(Found(Retrieval((SEA,), 14), (Clip(SEA.file, 0.5, 5.0, b"mp3", (0.5,) * BARS),), "the map"))
    assert '<span data-word-at="0.50">the</span> <mark data-word-at="1.00">sea</mark>' in page
    assert "sea waves <b>90%</b>" in page
    assert "rain" not in page
    assert "moment of 14 searched" in page
    assert (heard, drawn) == ("", "the map")
    assert "Nothing was found" in show_found(Found(Retrieval((), 14), ()))[0]


def test_moments_as_files() -> None:
    formula = replace(SEA, text="=HYPERLINK()", start=1.0)
    found = Found(Retrieval((SEA, formula), 14), (clip_of(SEA.file, 0, 2), Clip(SEA.file, 1, 5, fault="gone")))
    rows = list(csv.DictReader(io.StringIO(found_csv(found))))
    assert [row["file"] for row in rows] == ["sea-waves.ogg"] * 2
    assert rows[0]["sounds"] == "sea waves 0.90"
    assert rows[1]["text"] == "'=HYPERLINK()"
    archive = zipfile.ZipFile(io.BytesIO(found_zip(found)))
    assert archive.namelist() == ["moments.csv", "001 sea-waves 0.0s.mp3"]


def test_what_is_alike_lies_together_on_the_map() -> None:
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(3, 64))
    vectors = np.repeat(centres, 8, axis=0) + 0.4 * generator.normal(size=(24, 64))
    places = sound_map.layout((vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32))
    distances = np.linalg.norm(places[:, None] - places[None], axis=2) + 10 * np.eye(24)
    kinds = np.repeat(np.arange(3), 8)
    assert (kinds[distances.argmin(axis=1)] == kinds).all()
    assert places.min() == 0
    assert places.max() == 1


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_a_small_library_has_a_map_too(count: int) -> None:
    vectors = np.eye(4, dtype=np.float32)[:count]
    assert sound_map.layout(vectors).shape == (count, 2)
    same = np.ones((count, 4), np.float32) / 2
    assert np.isfinite(sound_map.layout(same)).all()


def test_the_map_has_every_window_as_a_point_and_in_a_list(library: Library) -> None:
    first = library.windows()[0]
    hit = replace(SEA, file=first.window.file, start=first.window.start, end=first.window.end)
    spots = sound_map.spots_of(library, "sound", [hit])
    drawn = sound_map.draw(spots, "sound")
    ids = [window.id for window in library.windows()]
    assert sorted(map(int, re.findall(r'<g data-spot="(\d+)"', drawn))) == ids
    assert sorted(map(int, re.findall(r'<button type="button" data-spot="(\d+)"', drawn))) == ids
    assert [spot.window.id for spot in spots if spot.found] == [first.id]
    sly = replace(spots[0], name=SLY, window=replace(first, text=SLY))
    assert "<img" not in sound_map.draw([sly, spots[1]], "said")


def test_the_map_of_a_large_library_takes_windows_evenly_and_those_found(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sound_map, "MAX_POINTS", 2)
    middle = library.windows()[2]
    hit = replace(SEA, file=middle.window.file, start=middle.window.start, end=middle.window.end)
    assert {spot.window.id for spot in sound_map.spots_of(library, "sound", [hit])} >= {middle.id}
    assert len(sound_map.spots_of(library, "sound")) == 2


@pytest.mark.parametrize(
    ("visitor", "own"),
    [
        (request(), True),
        (request(host="localhost:7860", origin="http://localhost:7860"), True),
        (request("::1", host="[::1]:7860"), True),
        (request(host="abc.gradio.live"), False),
        (request(host="192.168.0.7:7860"), False),
        (request("192.168.0.9"), False),
        (request(x_forwarded_for="192.0.2.1"), False),
        (request(origin="https://demo.example.org"), False),
    ],
)
def test_only_who_sits_at_the_machine_sees_its_libraries(visitor: Any, own: bool) -> None:
    place = sound_library.enter(visitor)
    assert place.own is own
    sound_library.leave(place)
    assert Path(place.root).exists() is False or own


def test_a_visit_leaves_nothing(quick: None, tones: list[Path]) -> None:
    place = sound_library.visitors_place()
    *_, last = sound_library.add(place, "visit", [str(tones[0])], None)
    assert isinstance(last.step, IndexSummary)
    assert sound_library.names(place) == [BUILT_IN, "visit"]
    sound_library.leave(place)
    assert not Path(place.root).exists()
    sound_library.leave(None)


def test_uploads_are_kept_beside_their_library(quick: None, place: Place, tones: list[Path], tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / tones[0].name
    other.parent.mkdir()
    other.write_bytes(tones[1].read_bytes())
    *steps, last = sound_library.add(place, "kept", [str(tones[0]), str(other), str(tones[0])], None)
    assert all(isinstance(each.step, IndexProgress) for each in steps)
    with sound_library.opened(place, "kept") as library:
        files = [info.file for info in library.files()]
    folder = Path(place.root) / "kept" / "recordings"
    assert files == [str(folder / "tone-000 (2).wav"), str(folder / "tone-000.wav")]
    shown_place, page = sound_panel.show_indexed(last)
    assert shown_place == place
    assert "<b>added</b>2" in page


def test_a_folder_of_the_machine_is_for_its_user_alone(quick: None, place: Place, tones: list[Path]) -> None:
    folder = str(tones[0].parent)
    with pytest.raises(InvalidInputError, match="Choose recordings"):
        sound_library.check_add(place, "a", None, folder)
    own = replace(place, own=True)
    *_, last = sound_library.add(own, "a", None, folder)
    assert isinstance(last.step, IndexSummary)
    assert last.step.added == len(tones)
    line, info = sound_library.about(own, "a")
    assert info is not None
    assert "4 recordings" in line


@pytest.mark.parametrize("name", ["", "../up", "built-in", BUILT_IN, "x" * 100])
def test_names_that_a_library_cannot_have(place: Place, name: str) -> None:
    with pytest.raises(InvalidInputError):
        sound_library.check_add(place, name, ["a.wav"], None)


def test_what_a_library_file_names_elsewhere_is_not_played_to_visitors(place: Place, tmp_path: Path) -> None:
    private = tmp_path / "private.wav"
    media.save_wav(private, tone(300, 1))
    assert not sound_library.may_hear(place, str(private))
    assert not sound_library.may_hear(None, str(private))
    assert not sound_library.may_hear(place, f"{place.root}/../private.wav")
    assert not sound_library.may_hear(replace(place, own=True), "relative.wav")
    assert sound_library.may_hear(replace(place, own=True), str(private))
    assert sound_library.may_hear(place, f"{place.root}/mine/recordings/a.wav")
    assert sound_library.may_hear(None, SEA.file)


def test_a_library_is_saved_and_opened_by_another_visitor(place: Place, library: Library, tmp_path: Path) -> None:
    library.close()
    saving = sound_library.save(place, "mine")
    update, line = next(saving)
    assert "is saved" in line
    copy = tmp_path / "copy.mmlibrary"
    copy.write_bytes(Path(update["value"]).read_bytes())
    saving.close()
    other = sound_library.visitors_place()
    assert sound_library.load(other, str(copy), "theirs")[1] == "theirs"
    _, info = sound_library.about(other, "theirs")
    assert info is not None
    assert info.files == 4
    assert "already" in sound_library.load(other, str(copy), "theirs")[2]
    assert "mm-wrong" in sound_library.load(other, SEA.file, "broken")[2]
    assert "was deleted" in sound_library.delete(other, "theirs")
    assert "cannot be deleted" in sound_library.delete(other, BUILT_IN)
    sound_library.leave(other)


def test_the_built_in_library_ships_listened_to(cache: Path) -> None:
    line, info = sound_library.about(None, BUILT_IN)
    assert info is not None
    assert info.languages == ("en",)
    assert line == sound_notes.line("15 recordings · 1:21 min · 16 windows")
    with sound_library.opened(None, BUILT_IN) as library:
        assert library.meta("recipe") == recipe(), sound_library.unpacked.__doc__
        digests = {info.file: info.digest for info in library.files()}
    assert digests == {str(path): file_digest(path) for path in sound_library.built_in_paths()}
    assert (cache / "libraries").is_dir()
    assert (samples.FOLDER / sound_library.SHIPPED).stat().st_size < 300_000


def test_progress_and_summary_of_indexing() -> None:
    step = IndexProgress(SLY, 3, 12, 0.25, 40, 4.0, 75.0)
    shown = sound_notes.summary(step)
    assert "3 of 12" in shown
    assert "1:15 min" in shown
    assert "<img" not in shown


def test_a_folder_of_many_things_gives_its_recordings() -> None:
    files, line = sound_panel.add_folder(["/a.wav"], ["/b/two.mp4", "/b/note.txt", "/b/.hidden.wav", "/b/one.mp3"])
    assert files == ["/a.wav", "/b/one.mp3", "/b/two.mp4"]
    assert "2 files taken from the folder; 2 other files were left out" in line
    assert "no recording" in sound_panel.add_folder(None, ["/b/note.txt"])[1]


def test_a_point_of_the_map_is_heard(place: Place, library: Library) -> None:
    window = library.windows()[0]
    library.close()
    event = types.SimpleNamespace(spot=window.id)
    page = sound_search.hear(replace(place, own=True), "mine", event)  # type: ignore[arg-type]
    assert "data-autoplay" in page
    assert Path(window.window.file).name in page
    event.spot = 10**9
    assert "not in the library" in sound_search.hear(place, "mine", event)  # type: ignore[arg-type]
    assert "no library" in sound_search.hear(place, "none", event)  # type: ignore[arg-type]


@pytest.mark.parametrize("ranks", [[1, 1, 1], [1, 6, None], [2, 11, 4, 1], []])
def test_scores_of_ranks(ranks: list[int | None]) -> None:
    scores = of_ranks(ranks)
    n = max(len(ranks), 1)
    assert scores.recall_at_5 == sum(1 for rank in ranks if rank in {1, 2, 3, 4, 5}) / n
    assert scores.mrr == pytest.approx(sum(1 / rank for rank in ranks if rank) / n)


def test_chance_is_what_random_orders_give() -> None:
    generator = np.random.default_rng(0)
    orders = generator.permuted(np.tile(np.arange(12), (20_000, 1)), axis=1)
    right = np.repeat([1, 3], 10_000)
    drawn = of_ranks((1 + (orders < right[:, None]).argmax(axis=1)).tolist())
    chance = of_chance(12, right.tolist())
    for name in ("recall_at_1", "recall_at_5", "recall_at_10", "mrr"):
        assert getattr(drawn, name) == pytest.approx(getattr(chance, name), abs=0.01)


def test_pairs_are_evaluated_against_chance(place: Place, library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    library.close()
    order = [f"/r/tone-00{number}.wav" for number in (0, 0, 2, 1)]

    def search(query: Query, **_: object) -> Retrieval:
        return Retrieval(tuple(replace(SEA, file=file) for file in order))

    monkeypatch.setattr(sound_pairs, "search", search)
    third = [["third", "sub/tone-001.wav"], ["third", "tone-003.wav"]]
    pairs = [["first", "tone-000.wav"], *third, ["lost", f"{SLY}.wav"], ["", ""]]
    *_, last = sound_pairs.evaluate(place, "mine", pairs, "both")
    assert [pair.rank for pair in last.pairs] == [1, 3, None]
    assert last.scores.mrr == pytest.approx((1 + 1 / 3) / 3)
    assert last.chance.recall_at_1 == pytest.approx((1 / 4 + 2 / 4 + 0) / 3)
    page = sound_pairs.show(last)[0]
    assert "<img" not in page
    assert "not found" in page
    assert "chance 25%" in page
    with pytest.raises(InvalidInputError, match="None of the files"):
        list(sound_pairs.evaluate(place, "mine", [["a", "b.wav"]], "both"))


@pytest.mark.parametrize(
    "table", ["query,file\na b,x.wav\n", "file;query\nx.wav;a b\n", "a b\tx.wav\n", "id,file,query\n1,x.wav,a b\n"]
)
def test_pairs_are_read_from_tables(tmp_path: Path, table: str) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text(table, encoding="utf-8-sig")
    assert sound_pairs.table_in(str(path)) == [["a b", "x.wav"]]


@pytest.mark.parametrize("content", [b"only one column\n", b"\0\0", b"query,file\n"])
def test_tables_without_pairs_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "pairs.csv"
    path.write_bytes(content)
    assert "mm-wrong" in sound_pairs.read_pairs(str(path))[1]


@pytest.mark.parametrize("table", [None, [], [["", ""]], [["a", ""]], [["a", "b"]] * 501])
def test_pairs_that_cannot_be_evaluated(table: Any) -> None:
    with pytest.raises(InvalidInputError):
        sound_pairs.pairs_of(table)


def test_sentences_are_shown_without_becoming_markup() -> None:
    found = SoundSentences((SoundSentence(SLY, 0.7, 0.7, 0.1),), SLY, (LabelScore(SLY, 0.8),))
    assert "<img" not in sound_search.show_described(found)[0]


def test_queries_are_checked_before_they_queue() -> None:
    options = ("both", "", 8, "", "", -120)
    with pytest.raises(InvalidInputError, match="Write what to look for"):
        sound_search.check_words(None, BUILT_IN, "  ", *options)
    with pytest.raises(InvalidInputError, match="no mode"):
        sound_search.check_words(None, BUILT_IN, "a", "smells", *options[1:])
    with pytest.raises(InvalidInputError, match="recording"):
        sound_search.check_recording(None, BUILT_IN, None, *options)
    with pytest.raises(InvalidInputError, match="picture"):
        sound_search.check_picture(None, BUILT_IN, None, *options)
    with pytest.raises(InvalidInputError, match="one of them"):
        sound_search.check_once(None, "words", SEA.file, None, *options, None)
    with pytest.raises(InvalidInputError, match="recordings or into a library"):
        sound_search.check_once([SEA.file], "words", None, None, *options, "saved.mmlibrary")
    with pytest.raises(InvalidInputError, match="sentence"):
        sound_search.check_describe(SEA.file, " \n", None)


def test_programs_name_what_they_search_with() -> None:
    assert list(api_signature(sound_search.search_once).parameters) == [
        "recordings",
        "words",
        "audio",
        "image",
        "mode",
        "negative",
        "top_k",
        "language",
        "tag",
        "min_loudness",
        "library",
    ]


def test_programs_search_the_built_in_sounds() -> None:
    found = sound_search.search_once(None, "a dog barking", None, None, "sounds", None, 2, None, None, None)
    assert {Path(hit.file).name for hit in found.hits} == {"dog-bark.ogg", "dog-near.ogg"}
    assert found.searched == 16


def test_programs_search_recordings_that_they_bring() -> None:
    brought = [str(samples.path(name)) for name in ("fire.ogg", "rooster.ogg")]
    crow = str(samples.path("cock-crow.ogg"))
    found = sound_search.search_once(brought, None, crow, None, "sounds", None, 5, None, None, None)
    assert Path(found.hits[0].file).name == "rooster.ogg"
    assert found.searched == 2


def test_sentences_fit_a_recording_by_its_words_or_by_its_sound() -> None:
    said = sound_search.describe(str(samples.path("jfk.flac")), "A campfire.\nServing your country.", None)
    assert said.sentences[0].text == "Serving your country."
    assert "country" in said.heard
    heard = sound_search.describe(str(samples.path("fire.ogg")), "Serving your country.\nA campfire.", None)
    assert heard.sentences[0].text == "A campfire."
    assert heard.sentences[0].score == heard.sentences[0].sounds > 0.5
