"""Calls endpoints of a running page once and keeps what came: `python -m mm_demos.serving.record_examples ADDRESS [VERB…]`."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import httpx

from mm_demos import samples
from mm_demos.serving.openapi import EXAMPLES, examples, tab_of

Json = dict[str, Any]

SHOWN_ITEMS, SHOWN_CHARS = 2, 100  # of a list and of a text; an example is to be read
POINT = 3  # so many numbers are one thing, such as a point of a curve with its count
TRAINED, PAINTED = "trained", "painted"  # stand for the model that the call of `train` gave, and the picture that `generate` did
FILE = {"_type": "gradio.FileData"}
TABLE = "text,label\n" + "".join(f"the match ended {n} to {n + 1},sport\nthe soup needs {n} onions,food\n" for n in range(12))
CALLS: dict[str, Json] = {
    "transcribe": {"audio": "jfk.flac"},
    "transcribe_many": {"files": ["jfk.flac", "dog-bark.ogg"], "word_times": False},
    "caption": {"image": "cat.jpg", "n": 2},
    "caption_many": {"images": ["cat.jpg", "coffee.jpg"], "n": 2},
    "answer": {"image": "cat.jpg", "question": "What animal is it?"},
    "answer_many": {"image": "cat.jpg", "questions": "What animal is it?\nIs it outdoors?"},
    "search_sounds": {"words": "a dog barks", "top_k": 2},
    "index_sounds": {"recordings": ["dog-bark.ogg", "jfk.flac"]},
    "describe_sound": {"audio": "dog-bark.ogg", "sentences": "a dog barks\nrain falls"},
    "classify": {"labels": "cat, dog, car", "image": "cat.jpg", "text": "It purrs."},
    "train": {"table": "table.csv", "strategies": ["single-text"], "epochs": 5},
    "predict": {"model": TRAINED, "text": "an onion and a match"},
    "search_pictures": {"words": "a cup of coffee", "top_k": 2},
    "rank_sentences": {"image": "cat.jpg", "sentences": "a cat\na rocket"},
    "embed": {"texts": "a dog\na cat"},
    "reply": {"text": "Where is my order S-10241?"},
    "speak": {"text": "Good morning."},
    "generate": {"prompt": "a red apple", "seed": 7, "rank": True},
    "replay": {"picture": PAINTED},
    "models_list": {},
    "models_load": {"model": "all-MiniLM-L6-v2"},
    "models_eject": {"model": "all-MiniLM-L6-v2"},
    "models_download": {"model": "all-MiniLM-L6-v2"},
    "models_pin": {"model": "all-MiniLM-L6-v2"},
    "models_choose": {"model": "all-MiniLM-L6-v2"},
}


def record(client: httpx.Client, names: Sequence[str]) -> Iterator[tuple[str, Json]]:
    """Arguments and result of each endpoint, cut short, as they come."""
    made: dict[str, Json] = {}
    for name in names:
        given = {key: _given(client, value, made) for key, value in CALLS[name].items()}
        result = complete(client, name, given)
        if name == "train":
            made[TRAINED] = {"path": result["model"]["path"], "meta": FILE}
        if name == "generate":
            png = base64.b64decode(result["images"][0]["png"].partition(",")[2])
            made[PAINTED] = _uploaded(client, "painted.png", png)
        if name == "models_pin":
            complete(client, name, given)  # released again
        yield name, {"arguments": short(given), "result": short(result)}


def complete(client: httpx.Client, name: str, given: Json) -> Any:
    """The result of a run."""
    begun = client.post(f"/gradio_api/call/v2/{name}", json=given)
    begun.raise_for_status()
    with client.stream("GET", f"/gradio_api/call/v2/{name}/{begun.json()['event_id']}") as stream:
        *_, (event, data) = events(stream)
    if event != "complete":
        raise SystemExit(f"{name}: {data}")
    return data[0]


def events(stream: httpx.Response) -> Iterator[tuple[str, Any]]:
    """Name and data of each server-sent event, as they come."""
    event = ""
    for line in stream.iter_lines():
        key, _, value = line.partition(": ")
        if key == "event":
            event = value
        elif key == "data":
            yield event, json.loads(value)


def short(value: Any) -> Any:
    """The same with two items of each list, and the beginning of each long text."""
    if isinstance(value, dict):
        return {key: f"…/{item.rpartition('/')[2]}" if key == "path" else short(item) for key, item in value.items()}
    if isinstance(value, list):
        is_point = len(value) <= POINT and all(isinstance(item, int | float) for item in value)
        return [short(item) for item in (value if is_point else value[:SHOWN_ITEMS])]
    if isinstance(value, float):
        return float(f"{value:.4g}")
    return value[: SHOWN_CHARS - 1] + "…" if isinstance(value, str) and len(value) > SHOWN_CHARS else value


def _given(client: httpx.Client, value: Any, made: dict[str, Json]) -> Any:
    if isinstance(value, list):
        return [_given(client, item, made) for item in value]
    if isinstance(value, str) and value in made:
        return made[value]
    if value == "table.csv":
        return _uploaded(client, value, TABLE.encode())
    return _uploaded(client, value, samples.path(value).read_bytes()) if value in samples.names() else value


def _uploaded(client: httpx.Client, name: str, content: bytes) -> Json:
    sent = client.post("/gradio_api/upload", files={"files": (name, content)})
    return {"path": sent.json()[0], "meta": FILE}


def main(address: str, *names: str) -> None:
    """Write the file that the documentation shows: these endpoints anew, or all but those that add and remove models."""
    kept = dict(examples())
    with httpx.Client(base_url=address, timeout=600) as client:
        for name, example in record(client, names or [name for name in tab_of() if name in CALLS]):
            kept[name] = example
            ordered = {each: kept[each] for each in tab_of() if each in kept}
            EXAMPLES.write_text(json.dumps(ordered, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
