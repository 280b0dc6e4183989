"""Every verb through every door: the page in a browser, Python, the command line, gradio_client, curl, and tools of MCP.

The same input gives the same answer everywhere; a new endpoint without a row here fails the first test.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import math
import wave
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import door_pages as pages
import numpy as np
import pytest
from doors import by_command, by_curl, by_gradio_client, by_mcp, file_of
from fake_hub import Hub, Repository, running
from gradio_client import Client
from PIL import Image
from served import started
from test_repositories import point_at
from visitor import Visitor

import mm_demos
from mm_demos import media, samples, tabs
from mm_demos.fusion.types import TrainOptions
from mm_demos.models import catalog
from mm_demos.models.painting import PaintOptions
from mm_demos.results import as_dict
from mm_demos.retrieval.exchange import import_library
from mm_demos.settings import Settings
from mm_demos.ui.assistant_voice import wav_uri

Visit = Callable[..., Visitor]
Configure = Callable[..., Settings]
Facts = Callable[[Any], Any]

NEARLY = 2e-3  # a score is rounded on the command line, and threads may add its parts in another order
SPEECH_SECONDS = 2.2  # of the sample speech: its first words
SMALL = "efficientnet-lite2"
PAINTING = PaintOptions(seed=3)
ADDED, NEW = "owner/of-the-doors", "of-the-doors"  # a repository, and what its model is called
ON_DISK, IN_MEMORY = 4, 5  # columns of the catalog on the page
WORDS = {"fire": ("smoke", "flames", "a burning smell", "sparks"), "water": ("a leak", "a puddle", "a wet wall", "dripping")}


@dataclass(frozen=True)
class Room:
    """What the doors are given in one module: the address of the page, and a folder with small inputs."""

    url: str
    client: Client
    folder: Path
    data: Path

    def path(self, name: str) -> Path:
        return self.folder / name

    def opened(self, offer: Any) -> Any:
        """Files and windows of a library file."""
        made = sum(1 for _ in self.data.iterdir())
        with import_library(file_of(offer, self.folder, self.url), f"seen-{made}", root=self.data) as library:
            info = library.info()
        return [info.files, info.windows]


@dataclass(frozen=True)
class Verb:
    """One verb: its arguments over HTTP, and how to do the same in Python, on the command line and on the page.

    Args:
        facts: what of a result has to be the same through every door.
        python: gives a result that `facts` understands.
        command: words of the command line, and what its lines come to.
        page: does it in a browser.
        before: endpoints to call before each door, with their arguments.
    """

    arguments: Callable[[Room], dict[str, Any]]
    facts: Callable[[Any, Room], Any]
    python: Callable[[Room, dict[str, Any]], Any]
    command: Callable[[Room, dict[str, Any]], Any]
    page: Callable[[Visitor, dict[str, Any], Path], Any]
    before: tuple[tuple[str, dict[str, Any]], ...] = field(default=())


def pairs(items: Any, name: str, score: str = "score") -> list[list[Any]]:
    return [[Path(str(item[name])).name if name == "file" else item[name], item[score]] for item in items]


def _first(captioning: Any) -> str:
    return str(captioning["captions"][0]["text"])


def _answered(line: Any) -> Any:
    return line | {"text": line["answer"]}


def pixels(uri: str) -> str:
    with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as image:
        return hashlib.sha256(image.convert("RGB").tobytes()).hexdigest()


def sound(uri: str) -> list[float]:
    """Length and loudness of a WAV file, and its loudness in tenths: equal for equal speech."""
    with wave.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as file:
        samples_16 = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64) / 32768
    return [float(samples_16.size), *(float(np.sqrt(np.mean(part**2))) for part in np.array_split(samples_16, 10))]


def data_uri(path: Path, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def state_of(result: Any, name: str) -> dict[str, Any]:
    return next(dict(each) for each in result["models"] if each["name"] == name)


def unit(rows: Any) -> list[list[float]]:
    return [[float(number) for number in row][:8] for row in rows]


def painted(room: Room, _: dict[str, Any]) -> Any:
    made = mm_demos.generate("a red apple", options=PAINTING)
    room.path("apple.png").write_bytes(made.images[0].png)
    return {"images": [{"png": data_uri(room.path("apple.png"), "image/png")}]}


def painted_by_command(room: Room, *words: str | Path) -> Any:
    by_command("generate", *words, "--out", room.path("painted.png"))
    return {"images": [{"png": data_uri(room.path("painted.png"), "image/png")}]}


def spoken(_: Room, given: dict[str, Any]) -> Any:
    (speech,) = mm_demos.speak(given["text"], variation=0.0)
    return {"audio": wav_uri(speech.waveform, speech.sample_rate)}


def spoken_by_command(room: Room, given: dict[str, Any]) -> Any:
    by_command("speak", given["text"], "--variation", "0", "--out", room.path("command.wav"))
    return {"audio": data_uri(room.path("command.wav"), "audio/wav")}


def trained(room: Room, given: dict[str, Any]) -> Any:
    out = room.folder / "model"
    options = TrainOptions(seed=given["seed"])
    studio = mm_demos.train(given["table"], fusion=given["strategies"], options=options, out=out if not out.exists() else None)
    return {"leaderboard": as_dict(studio.standings)}


def standings(result: Any, _: Room) -> Any:
    """The accuracy of each strategy, in whichever way a door lists them."""
    rows = result.get("leaderboard") or result.get("standings") if isinstance(result, dict) else result
    found = {row["strategy"]: row["accuracy"] if "accuracy" in row else row["measures"]["accuracy"]["value"] for row in rows}
    return sorted([name, value] for name, value in found.items())


def embedded_by_command(room: Room, given: dict[str, Any]) -> Any:
    rows = []
    for kind, inputs in (("text", given["texts"].splitlines()), ("image", given["images"])):
        by_command("embed", kind, *inputs, "--out", room.path(f"{kind}.npz"))
        with np.load(room.path(f"{kind}.npz")) as file:
            rows += list(file["embeddings"])
    return {"embeddings": rows}


def embedded(_: Room, given: dict[str, Any]) -> Any:
    return {"embeddings": [*mm_demos.embed_texts(given["texts"].splitlines()), *mm_demos.embed_images(given["images"])]}


def searched(room: Room, given: dict[str, Any]) -> Any:
    from mm_demos.retrieval.library import Library

    with Library.open("python", root=room.data / "python", create=True) as library:
        mm_demos.index_folder(given["recordings"], library=library)
        return as_dict(mm_demos.search(mm_demos.Query(text=given["words"], mode="sounds"), library=library))


def searched_by_command(room: Room, given: dict[str, Any]) -> Any:
    by_command("index", room.folder / "recordings", "--library", "command")
    return {"hits": by_command("search", given["words"], "--library", "command", "--mode", "sounds")}


def indexed(room: Room, given: dict[str, Any]) -> Any:
    from mm_demos.retrieval.exchange import export_library
    from mm_demos.retrieval.library import Library

    with Library.open("indexed", root=room.data / "python", create=True) as library:
        mm_demos.index_folder(given["recordings"], library=library)
        export_library(library, room.path("python.mmlibrary"))
    return {"library": str(room.path("python.mmlibrary"))}


def indexed_by_command(room: Room, _: dict[str, Any]) -> Any:
    target = room.path("command.mmlibrary")
    by_command("index", room.folder / "recordings", "--library", "exported", "--export", target)
    return {"library": str(target)}


def listed_by_command() -> Any:
    return {"models": [line | {"name": line["input"]} for line in by_command("models", "list")]}


def model_verb(name: str, look: Facts, page: Any, *, python: Any, before: tuple[str, ...] = (), given: bool = True) -> Verb:
    """A verb on the memory of the page: what it says of one model."""

    def by_line(room: Room, _: dict[str, Any]) -> Any:
        action = name.removeprefix("models_")
        if action == "list":
            return listed_by_command()
        if action == "download":
            by_command("models", "pull", SMALL)
            return as_dict(mm_demos.list_models())
        return {"models": by_command("models", action, SMALL, "--at", room.url)}

    def by_python(_: Room, __: dict[str, Any]) -> Any:
        for endpoint in before:
            HERE[endpoint](SMALL)
        return as_dict(python(SMALL) if given else python())

    first = tuple((endpoint, {"model": SMALL}) for endpoint in before)
    arguments = {"model": SMALL} if given else {}
    return Verb(lambda _: arguments, lambda result, _: look(result), by_python, by_line, page, first)


def released(model: str) -> None:
    """Not kept in memory any more, whether it was or not."""
    if state_of(as_dict(mm_demos.load_model(model)), model)["pinned"]:
        mm_demos.pin_model(model)


HERE: dict[str, Callable[[str], Any]] = {"models_load": mm_demos.load_model, "unpin": released}
CAT, COFFEE = samples.path("cat.jpg"), samples.path("coffee.jpg")
SAID = "It came two weeks after the day you promised."
SENTENCES = "A cat looks at the camera.\nA cup of coffee on a table."
SOUNDS = "A dog barks.\nIt is raining hard."
QUESTION = "Is there a cat?"

VERBS: dict[str, Verb] = {
    "transcribe": Verb(
        lambda room: {"audio": room.path("speech.wav"), "language": "en"},
        lambda result, _: result["text"].strip(),
        lambda _, given: as_dict(mm_demos.transcribe(given["audio"], options=mm_demos.TranscribeOptions(language="en"))),
        lambda room, given: by_command("transcribe", given["audio"], "--language", "en")[0],
        pages.transcribe,
    ),
    "transcribe_many": Verb(
        lambda room: {"files": [room.path("speech.wav"), room.path("again.wav")]},
        lambda result, _: [item["transcription"]["text"].strip() for item in result["items"]],
        lambda _, given: {"items": [{"transcription": as_dict(mm_demos.transcribe(path))} for path in given["files"]]},
        lambda room, given: {"items": [{"transcription": line} for line in by_command("transcribe", *given["files"])]},
        pages.transcribe_many,
    ),
    "caption": Verb(
        lambda _: {"image": CAT},
        lambda result, _: [each["text"] for each in result["captions"]],
        lambda _, given: as_dict(mm_demos.caption(given["image"])),
        lambda room, given: by_command("caption", given["image"])[0],
        pages.caption,
    ),
    "caption_many": Verb(
        lambda _: {"images": [CAT, COFFEE]},
        lambda result, _: (
            result if isinstance(result, list) else [each["captioning"]["captions"][0]["text"] for each in result["items"]]
        ),
        lambda _, given: [
            mm_demos.caption(path, options=mm_demos.CaptionOptions(n=1)).captions[0].text for path in given["images"]
        ],
        lambda room, given: [_first(line) for line in by_command("caption", *given["images"])],
        lambda visitor, given, folder: [line["caption"] for line in pages.caption_many(visitor, given, folder)],
    ),
    "answer": Verb(
        lambda _: {"image": CAT, "question": QUESTION, "threshold": 0.3},
        lambda result, _: [result["text"], result["confidence"]],
        lambda _, given: as_dict(mm_demos.answer(given["image"], QUESTION, threshold=0.3)),
        lambda _, given: _answered(by_command("answer", given["image"], QUESTION, "--threshold", "0.3")[0]),
        pages.answer,
    ),
    "answer_many": Verb(
        lambda _: {"image": CAT, "questions": f"{QUESTION}\nWhat colour is it?", "threshold": 0.3},
        lambda result, _: [item["answer"]["text"] for item in result["items"]],
        lambda _, given: {
            "items": [{"answer": as_dict(mm_demos.answer(CAT, each, threshold=0.3))} for each in given["questions"].splitlines()]
        },
        lambda room, given: {
            "items": [
                {"answer": {"text": line["answer"]}}
                for line in by_command("answer", CAT, *given["questions"].splitlines(), "--threshold", "0.3")
            ]
        },
        pages.answer_many,
    ),
    "search_sounds": Verb(
        lambda room: {"recordings": sorted((room.folder / "recordings").iterdir()), "words": "a dog barks", "mode": "sounds"},
        lambda result, _: pairs(result["hits"][:1], "file"),
        searched,
        searched_by_command,
        pages.search_sounds,
    ),
    "index_sounds": Verb(
        lambda room: {"recordings": sorted((room.folder / "recordings").iterdir())},
        lambda result, room: room.opened(result["library"]),
        indexed,
        indexed_by_command,
        pages.index_sounds,
    ),
    "describe_sound": Verb(
        lambda _: {"audio": samples.path("dog-near.ogg"), "sentences": SOUNDS},
        lambda result, _: pairs(result["sentences"], "text"),
        lambda _, given: as_dict(mm_demos.describe_sound(given["audio"], SOUNDS.splitlines())),
        lambda room, given: {
            "sentences": [
                line | {"text": line["sentence"]} for line in by_command("rank", *SOUNDS.splitlines(), "--audio", given["audio"])
            ]
        },
        pages.describe_sound,
    ),
    "classify": Verb(
        lambda _: {"labels": "cat, dog, parcel", "text": SAID, "image": CAT},
        lambda result, _: [
            result["label"],
            sorted(result["scores"].items() if isinstance(result["scores"], dict) else pairs(result["scores"], "label")),
        ],
        lambda _, given: as_dict(mm_demos.classify(labels=["cat", "dog", "parcel"], text=SAID, image=given["image"])),
        lambda room, given: by_command("classify", "--labels", "cat,dog,parcel", "--text", SAID, "--image", given["image"])[0],
        pages.classify,
    ),
    "train": Verb(
        lambda room: {"table": room.path("notes.csv"), "strategies": ["single-text"], "seed": 0},
        standings,
        trained,
        lambda room, given: by_command("train", given["table"], "--fusion", "single-text", "--seed", "0"),
        pages.train,
    ),
    "predict": Verb(
        lambda room: {"model": room.path("model.zip"), "text": "Smoke and flames near gate 3."},
        lambda result, _: [
            result["label"],
            sorted(result["scores"].items() if isinstance(result["scores"], dict) else pairs(result["scores"], "label")),
        ],
        lambda room, given: as_dict(mm_demos.predict(room.folder / "model", [{"text": given["text"]}])[0]),
        lambda room, given: by_command("predict", room.folder / "model", "--text", given["text"])[0],
        pages.predict,
    ),
    "search_pictures": Verb(
        lambda room: {"images": sorted((room.folder / "pictures").iterdir()), "words": "a cat"},
        lambda result, _: pairs(result["hits"] if isinstance(result, dict) else result, "file"),
        lambda _, given: as_dict(mm_demos.search_pictures(mm_demos.PictureIndex.build(given["images"]), given["words"])),
        lambda room, given: by_command("search-pictures", room.folder / "pictures", given["words"]),
        pages.search_pictures,
    ),
    "rank_sentences": Verb(
        lambda _: {"image": CAT, "sentences": SENTENCES},
        lambda result, _: pairs(result["sentences"], "text"),
        lambda _, given: as_dict(mm_demos.rank_sentences(given["image"], SENTENCES.splitlines())),
        lambda room, given: {
            "sentences": [
                line | {"text": line["sentence"]}
                for line in by_command("rank", *SENTENCES.splitlines(), "--image", given["image"])
            ]
        },
        pages.rank_sentences,
    ),
    "embed": Verb(
        lambda _: {"texts": "a dog\na cat", "images": [CAT]},
        lambda result, _: unit(result["embeddings"]),
        embedded,
        embedded_by_command,
        pages.embed,
    ),
    "reply": Verb(
        lambda _: {"text": "Where is my order S-10241?"},
        lambda result, _: result["text"],
        lambda _, given: as_dict(mm_demos.Chat().say(given["text"])),
        lambda room, given: by_command("chat", given["text"])[0],
        pages.reply,
    ),
    "speak": Verb(
        lambda _: {"text": "Good morning.", "variation": 0},
        lambda result, _: sound(result["audio"]),
        spoken,
        spoken_by_command,
        pages.speak,
    ),
    "generate": Verb(
        lambda _: {"prompt": "a red apple", "seed": 3},
        lambda result, _: pixels(result["images"][0]["png"]),
        painted,
        lambda room, given: painted_by_command(room, given["prompt"], "--seed", "3"),
        pages.generate,
    ),
    "replay": Verb(
        lambda room: {"picture": room.path("replayed.png")},
        lambda result, _: pixels(result["images"][0]["png"]),
        lambda _, given: {
            "images": [{"png": f"data:,{base64.b64encode(mm_demos.replay(given['picture']).images[0].png).decode()}"}]
        },
        lambda room, given: painted_by_command(room, "--replay", given["picture"]),
        pages.replay,
    ),
    "models_list": model_verb(
        "models_list",
        lambda result: sorted([each["name"], each["licence"]] for each in result["models"]),
        pages.models("Refresh"),
        python=mm_demos.list_models,
        given=False,
    ),
    "models_load": model_verb(
        "models_load",
        lambda result: state_of(result, SMALL)["resident"],
        pages.models("Load", IN_MEMORY, "B"),
        python=mm_demos.load_model,
    ),
    "models_eject": model_verb(
        "models_eject",
        lambda result: state_of(result, SMALL)["resident"],
        pages.models("Eject", IN_MEMORY, "–"),
        python=mm_demos.eject_model,
        before=("models_load",),
    ),
    "models_pin": model_verb(
        "models_pin",
        lambda result: state_of(result, SMALL)["pinned"],
        pages.models("Pin", IN_MEMORY, "pinned"),
        python=mm_demos.pin_model,
        before=("models_load", "unpin"),
    ),
    "models_download": model_verb(
        "models_download",
        lambda result: [state_of(result, SMALL)["cached"], state_of(result, SMALL)["download_bytes"]],
        pages.models("Download", ON_DISK, "on disk"),
        python=mm_demos.download_model,
    ),
    "models_choose": Verb(
        lambda _: {"model": "whisper-tiny.en", "dtype": "float32"},
        lambda result, _: result["measured"][-1]["dtype"],
        lambda _, given: as_dict(mm_demos.choose_model(given["model"], "float32")),
        lambda room, given: by_command("models", "choose", given["model"], "--dtype", "float32")[0],
        pages.models_choose,
    ),
    "models_add": Verb(
        lambda _: {"place": ADDED},
        lambda result, _: [state_of(result, NEW)["role"], state_of(result, NEW)["licence"]],
        lambda _, given: _added_here(given["place"]),
        lambda _, given: _added_by_command(given["place"]),
        pages.models_add,
    ),
    "models_remove": Verb(
        lambda _: {"model": NEW},
        lambda result, _: [each["name"] for each in result["models"] if each["name"] == NEW],
        lambda _, given: _removed_here(given["model"]),
        lambda _, given: _removed_by_command(given["model"]),
        pages.models_remove,
        before=(("models_add", {"place": ADDED}),),
    ),
}
AFTER: dict[str, tuple[str, dict[str, Any]]] = {
    "models_add": ("models_remove", {"model": NEW}),
    "models_pin": ("models_pin", {"model": SMALL}),
}


def _added_here(place: str) -> Any:
    mm_demos.add_model(place)
    found = as_dict(mm_demos.list_models())
    mm_demos.remove_model(NEW)
    return found


def _removed_here(model: str) -> Any:
    mm_demos.add_model(ADDED)
    mm_demos.remove_model(model)
    return as_dict(mm_demos.list_models())


def _added_by_command(place: str) -> Any:
    found = by_command("models", "add", place)
    by_command("models", "remove", NEW)
    return {"models": found}


def _removed_by_command(model: str) -> Any:
    by_command("models", "add", ADDED)
    by_command("models", "remove", model)
    return listed_by_command()


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    """A hub with one small repository that can be added."""
    with running() as server:
        files = {"config.json": b'{"architectures": ["WhisperForConditionalGeneration"]}', "model.safetensors": EMPTY}
        server.repositories[ADDED] = Repository(files)
        yield server


EMPTY = b"\x08\0\0\0\0\0\0\0{}      "  # a safetensors file without tensors


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, hub: Hub) -> Iterator[str]:
    """A page of this module's own, which knows the hub above."""
    with started(tmp_path_factory.mktemp("page"), HF_ENDPOINT=hub.url, HF_HUB_OFFLINE="0") as address:
        yield address


@pytest.fixture(scope="module")
def room(url: str, tmp_path_factory: pytest.TempPathFactory) -> Room:
    """Small inputs, and a client that reads the list of endpoints once."""
    folder, data = tmp_path_factory.mktemp("inputs"), tmp_path_factory.mktemp("libraries")
    speech = media.load_audio(samples.path("jfk.flac"))[: round(SPEECH_SECONDS * 16_000)]
    for name, waveform in (("speech.wav", speech), ("again.wav", speech * 0.5)):
        media.save_wav(folder / name, waveform)
    for kind, names in (("recordings", ("dog-near.ogg", "cock-crow.ogg")), ("pictures", ("cat.jpg", "coffee.jpg"))):
        (folder / kind).mkdir()
        for name in names:
            (folder / kind / name).write_bytes(samples.path(name).read_bytes())
    with (folder / "notes.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("note", "kind"))
        writer.writerows(
            (f"Note {n}: {WORDS[kind][n // 2 % 4]} near gate {n}.", kind) for n, kind in enumerate(("fire", "water") * 30)
        )
    return Room(url, Client(url, verbose=False, download_files=str(folder)), folder, data)


@pytest.fixture(autouse=True)
def _the_same_hub(hub: Hub, monkeypatch: pytest.MonkeyPatch, room: Room, configure: Configure) -> Iterator[None]:
    """This process and the commands it starts know the hub, too; what is added here is gone afterwards."""
    point_at(hub.url, monkeypatch)
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    configure(data_dir=room.data)
    before = {row.name for row in catalog.rows()}
    yield
    for row in reversed(catalog.rows()):
        if row.name not in before:
            catalog.unregister(row.name)


@pytest.fixture
def given(request: pytest.FixtureRequest, room: Room) -> dict[str, Any]:
    """The arguments of a verb; a model to ask and a picture to paint again are made by the verbs that make them."""
    name = cast("str", request.node.callspec.params["name"])
    if name == "predict" and not room.path("model.zip").exists():
        trained(room, VERBS["train"].arguments(room))
        with zipfile.ZipFile(room.path("model.zip"), "w") as file:
            for path in sorted((room.folder / "model").iterdir()):
                if path.is_file():
                    file.write(path, f"model/{path.name}")
    if name == "replay":
        painted(room, {})
        room.path("replayed.png").write_bytes(room.path("apple.png").read_bytes())
    return VERBS[name].arguments(room)


def prepared(room: Room, verb: Verb) -> None:
    """Bring the page to where the verb begins."""
    for endpoint, arguments in verb.before:
        if endpoint == "unpin":
            if state_of(by_gradio_client(room.client, "models_list", {}), SMALL)["pinned"]:
                by_gradio_client(room.client, "models_pin", arguments)
        else:
            by_gradio_client(room.client, endpoint, arguments)


def same(one: Any, other: Any) -> bool:
    """Whether two answers agree; numbers nearly."""
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) or isinstance(other, float):
        return isinstance(other, int | float) and math.isclose(one, other, abs_tol=NEARLY)
    return bool(one == other)


def test_every_verb_is_here_and_every_event_of_the_page_is_private(room: Room) -> None:
    public = {name.removeprefix("/") for name in room.client.view_api(return_format="dict", print_info=False)["named_endpoints"]}
    assert public == {name for tab in tabs.TABS for name in tab.api_names} == set(VERBS)


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_gives_the_same_answer_through_every_door(
    name: str, given: dict[str, Any], room: Room, visit: Visit, tmp_path: Path
) -> None:
    verb = VERBS[name]

    def on_the_page() -> Any:
        visitor = visit()
        result = verb.page(visitor, given, tmp_path)
        assert visitor.errors == []
        return result

    doors: dict[str, Callable[[], Any]] = {
        "page": on_the_page,
        "Python": lambda: verb.python(room, given),
        "command line": lambda: verb.command(room, given),
        "gradio_client": lambda: by_gradio_client(room.client, name, given),
        "curl": lambda: by_curl(room.url, name, given),
        "MCP": lambda: by_mcp(room.url, name, given),
    }
    answers = {}
    elsewhere = {"Python"} if name in {"models_eject", "models_pin"} else {"Python", "command line"}
    for door, use in doors.items():
        if door not in elsewhere:
            prepared(room, verb)
        answers[door] = verb.facts(use(), room)
        if name in AFTER and door not in elsewhere:
            by_gradio_client(room.client, *AFTER[name])
    first = answers["curl"]
    assert {door: answer for door, answer in answers.items() if not same(answer, first)} == {}, first
    assert not isinstance(first, list) or name == "models_remove" or first
