"""The block at the top of a Space's README.md against the documented schema.

Source: https://huggingface.co/docs/hub/spaces-config-reference and https://huggingface.co/docs/hub/repositories-licenses
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from mm_demos.publish.check_report import FrontMatterResult

SHORT_DESCRIPTION_CHARS = 60
LOWEST_PYTHON = (3, 11)  # numpy 2.4 and transformers 5 have no older one; a Space's own default is 3.10
COLOURS = frozenset({"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"})
SDKS = frozenset({"gradio", "docker", "static"})
HEADERS = {
    "cross-origin-embedder-policy": {"unsafe-none", "require-corp", "credentialless"},
    "cross-origin-opener-policy": {"unsafe-none", "same-origin-allow-popups", "same-origin", "noopener-allow-popups"},
    "cross-origin-resource-policy": {"same-site", "same-origin", "cross-origin"},
}
LICENCES = frozenset(
    re.findall(
        r"\S+",  # 80 words read better as a text
        """apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0
        bigcode-openrail-m afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc
        cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0
        cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0
        cdla-sharing-1.0 cdla-permissive-1.0 cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1
        eupl-1.2 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1 lgpl-3.0 isc lppl-1.3c ms-pl apple-ascl mpl-2.0
        odc-by odbl openrail++ osl-3.0 postgresql ofl-1.1 ncsa unlicense zlib pddl lgpl-lr deepfloyd-if-license llama2
        llama3 llama3.1 llama3.2 llama3.3 llama4 gemma unknown other""",
    )
)
REPOSITORY = r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?"
REPOSITORIES = re.compile(REPOSITORY)
PRELOADED = re.compile(rf"{REPOSITORY}( [^\s,]+(,[^\s,]+)*( [0-9a-f]{{40}})?)?")

Fits = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Field:
    """A key of the schema: `fits(value)` tells whether a value may stand there, and `says` what may, in words."""

    says: str
    fits: Fits
    needed: frozenset[str] = frozenset()  # by Spaces of these kinds


def _words(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _one_of(choices: frozenset[str]) -> Fits:
    return lambda value: isinstance(value, str) and value in choices


def _matching(pattern: str) -> Fits:
    compiled = re.compile(pattern)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _list_of(pattern: re.Pattern[str]) -> Fits:
    return lambda value: isinstance(value, list) and all(isinstance(item, str) and pattern.fullmatch(item) for item in value)


def _emoji(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 8 and not re.search(r"[\w\s]", value) and not value.isascii()


def _hardware(value: Any) -> bool:
    from huggingface_hub import SpaceHardware

    return value in {flavour.value for flavour in SpaceHardware}


def _headers(value: Any) -> bool:
    return isinstance(value, Mapping) and all(setting in HEADERS.get(name, ()) for name, setting in value.items())


def _inside(value: Any) -> bool:
    return _words(value) and not value.startswith("/") and ".." not in Path(value).parts


def _minutes(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 43_200


ALL, APPS = SDKS, frozenset({"gradio"})
FIELDS: Mapping[str, Field] = {
    "title": Field("a text", _words, ALL),
    "emoji": Field("one emoji", _emoji, ALL),
    "colorFrom": Field(f"one of {', '.join(sorted(COLOURS))}", _one_of(COLOURS), ALL),
    "colorTo": Field(f"one of {', '.join(sorted(COLOURS))}", _one_of(COLOURS), ALL),
    "sdk": Field("gradio, docker or static", _one_of(SDKS), ALL),
    "sdk_version": Field('a release in quotes, as in "6.31.0"', _matching(r"\d+\.\d+\.\d+\w*"), APPS),
    "python_version": Field('3.x or 3.x.x in quotes, as in "3.12"', _matching(r"3\.\d{1,2}(\.\d{1,2})?"), APPS),
    "app_file": Field("a path inside the folder", _inside, APPS),
    "app_port": Field("a port", lambda value: type(value) is int and 0 < value < 65_536),
    "base_path": Field("a path that begins with /", _matching(r"/\S*")),
    "fullWidth": Field("true or false", _flag),
    "header": Field("mini or default", _one_of(frozenset({"mini", "default"}))),
    "short_description": Field(
        f"a text of at most {SHORT_DESCRIPTION_CHARS} characters",
        lambda value: _words(value) and len(value) <= SHORT_DESCRIPTION_CHARS,
        ALL,
    ),
    "license": Field("an identifier of the hub's list of licences", _one_of(LICENCES), ALL),
    "license_name": Field("a text", _words),
    "license_link": Field("an address or a file", _words),
    "models": Field("a list of names of models, owner/name", _list_of(REPOSITORIES)),
    "datasets": Field("a list of names of data sets, owner/name", _list_of(REPOSITORIES)),
    "tags": Field("a list of words", _list_of(re.compile(r"\S.*"))),
    "thumbnail": Field("the address of a picture", _words),
    "pinned": Field("true or false", _flag),
    "suggested_hardware": Field("the name of a hardware flavour, as in cpu-basic", _hardware),
    "hf_oauth": Field("true or false", _flag),
    "hf_oauth_scopes": Field("a list of scopes", _list_of(re.compile(r"[a-z-]+"))),
    "hf_oauth_expiration_minutes": Field("from 1 to 43200", _minutes),
    "hf_oauth_authorized_org": Field("an organisation or a list of them", lambda value: _words(value) or isinstance(value, list)),
    "disable_embedding": Field("true or false", _flag),
    "startup_duration_timeout": Field("a time, as in 30m or 1h", _matching(r"\d+ ?(s|m|h|seconds|minutes|hours?)")),
    "custom_headers": Field("COEP, COOP or CORP in lower case with a value that browsers know", _headers),
    "preload_from_hub": Field("a list of “repository file1,file2 commit”", _list_of(PRELOADED)),
}
RETIRED = {"suggested_storage": "persistent storage is retired: mount a bucket instead and remove the key"}


def check(folder: Path) -> FrontMatterResult:
    """Read README.md of a Space's folder and hold it against the schema, the installed Gradio and the folder's files."""
    begun = time.perf_counter()
    values, unreadable = _read(folder / "README.md")
    faults = tuple(unreadable) or (*_keys(values), *_versions(values), *_files(values, folder))
    good = {key: value for key, value in values.items() if key in FIELDS and FIELDS[key].fits(value)}
    return FrontMatterResult(
        faults=faults,
        seconds=time.perf_counter() - begun,
        sdk=good.get("sdk", ""),
        sdk_version=good.get("sdk_version", ""),
        python_version=good.get("python_version", ""),
        app_file=good.get("app_file", ""),
    )


def _read(readme: Path) -> tuple[Mapping[str, Any], list[str]]:
    from huggingface_hub import metadata_load
    from yaml import YAMLError  # type: ignore[import-untyped]

    if not readme.is_file():
        return {}, ["The folder has no README.md, from which a Space takes its settings: build the folder again."]
    try:
        values = metadata_load(readme)
    except (YAMLError, ValueError, UnicodeDecodeError) as error:
        return {}, [
            f"The block at the top of README.md is no YAML ({' '.join(str(error).split())[:120]}): build the folder again."
        ]
    if not isinstance(values, Mapping):
        return {}, ["README.md does not begin with a block between two lines of ---: build the folder again."]
    return values, []


def _keys(values: Mapping[str, Any]) -> Iterator[str]:
    for key, value in values.items():
        if key in RETIRED:
            yield f"README.md has {key}: {RETIRED[key]}."
        elif key not in FIELDS:
            yield f"README.md has the key {key!r}, which Spaces do not know: remove it or mend its spelling."
        elif not FIELDS[key].fits(value):
            yield f"README.md has {key}: {str(value)[:80]!r}, which cannot be used: give {FIELDS[key].says}."
    for key, field in FIELDS.items():
        if key not in values and values.get("sdk") in field.needed:
            yield f"README.md lacks {key}: give {field.says}."


def _versions(values: Mapping[str, Any]) -> Iterator[str]:
    if values.get("sdk") != "gradio":
        return
    installed = metadata.version("gradio")
    if FIELDS["sdk_version"].fits(values.get("sdk_version")) and values["sdk_version"] != installed:
        yield f"README.md has sdk_version {values['sdk_version']}, but the project runs on {installed}: build the folder again."
    python = values.get("python_version")
    if FIELDS["python_version"].fits(python) and tuple(map(int, str(python).split(".")[:2])) < LOWEST_PYTHON:
        yield f'README.md has python_version {python}, for which numpy has no release: give "3.12".'


def _files(values: Mapping[str, Any], folder: Path) -> Iterator[str]:
    app = values.get("app_file", "index.html" if values.get("sdk") == "static" else None)
    if app is not None and _inside(app) and not (folder / app).is_file():
        yield f"README.md names {app} as app_file, but there is no such file: build the folder again."
    if values.get("sdk") != "gradio":
        return
    for name in ("requirements.txt", "pre-requirements.txt"):
        lines = (folder / name).read_text(encoding="utf-8").splitlines() if (folder / name).is_file() else ()
        if any(re.match(r"\s*gradio\s*(\[|[=<>~!;@]|$)", line) for line in lines):
            yield f"{name} lists gradio, which sdk_version decides: remove the line."
