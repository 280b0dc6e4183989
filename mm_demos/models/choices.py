"""How a model may be loaded, where its engine leaves a choice: number format, packing, place of the weights, compilation."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from mm_demos.errors import InvalidInputError, SettingError, UnknownModelError
from mm_demos.models.spec import Engine, ModelSpec

Dtype = Literal["auto", "float32", "bfloat16", "float16"]
Quantisation = Literal["none", "int8", "int4"]
Offload = Literal["none", "cpu", "disk"]

DTYPES: tuple[str, ...] = get_args(Dtype)
QUANTISATIONS: tuple[str, ...] = get_args(Quantisation)
OFFLOADS: tuple[str, ...] = get_args(Offload)
COMPILERS = ("c++", "g++", "clang++", "cl")  # torch.compile writes C++ for a CPU

# Bytes of a weight against those of a checkpoint in 16 bits, with what stays unpacked; for estimates before a load.
DTYPE_SHARE = {"auto": 1.0, "float32": 2.0, "bfloat16": 1.0, "float16": 1.0}
QUANTISED_SHARE = {"none": 1.0, "int8": 0.65, "int4": 0.45}
DISK_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class ModelChoices:
    """How to load one model; the defaults load it as it was published.

    Args:
        dtype: of the numbers it computes with; "auto" takes the checkpoint's own on a CPU and the device's best elsewhere.
        quantisation: weights of linear layers packed into 8 or 4 bits when the model is loaded.
        offload: layers wait in main memory ("cpu", for a GPU that is too small) or on disk and come when their turn does.
        compile: let torch.compile write code for it at the first run; slow to begin, rarely faster on a CPU.
    """

    dtype: Dtype = "auto"
    quantisation: Quantisation = "none"
    offload: Offload = "none"
    compile: bool = False

    def __str__(self) -> str:
        """The choices that differ from the defaults, in words."""
        words: list[str] = [self.dtype] if self.dtype != "auto" else []
        words += [self.quantisation] if self.quantisation != "none" else []
        words += [f"layers on {'disk' if self.offload == 'disk' else 'the CPU'}"] if self.offload != "none" else []
        words += ["compiled"] if self.compile else []
        return ", ".join(words) or "as published"

    @property
    def words(self) -> str:
        """As the setting has them, e.g. "bfloat16+int8"; empty for the defaults."""
        chosen = (self.dtype, self.quantisation, self.offload, "compile" if self.compile else "none")
        return "+".join(word for word in chosen if word not in {"auto", "none"})

    @property
    def memory_share(self) -> float:
        """Memory it takes against that of the model as published, roughly: for estimates before a load."""
        share = DTYPE_SHARE[self.dtype] if self.quantisation == "none" else QUANTISED_SHARE[self.quantisation]
        return share * (DISK_SHARE if self.offload == "disk" else 1.0)


AS_PUBLISHED = ModelChoices()


@dataclass(frozen=True, slots=True)
class Taken:
    """What an adapter can do."""

    dtypes: tuple[str, ...] = DTYPES
    quantisations: tuple[str, ...] = ("none",)
    offloads: tuple[str, ...] = ("none",)
    compile: bool = False

    @property
    def any(self) -> bool:
        """Whether there is anything to choose."""
        return self != NOTHING


NOTHING = Taken(dtypes=("auto",))
CHECKPOINT = Taken(DTYPES, QUANTISATIONS, OFFLOADS, compile=True)  # loaded by `mm_demos.models.placing`
ADAPTERS: dict[str, Taken] = {
    "mm_demos.models.language:load_transformers": CHECKPOINT,
    "mm_demos.models.speech:load_faster_whisper": Taken(("auto", "float32", "float16")),
    "mm_demos.models.speech_transformers:load_whisper_transformers": Taken(DTYPES, QUANTISATIONS),
    "mm_demos.models.clap:load_clap": Taken(),
    "mm_demos.models.vision_transformers:load_joint_transformers": Taken(),
    "mm_demos.models.vlm_transformers:load_captioner": Taken(DTYPES, QUANTISATIONS),
    "mm_demos.models.vlm_transformers:load_answerer": Taken(DTYPES, QUANTISATIONS),
}


def taken(engine: Engine) -> Taken:
    """What an engine's adapter can do."""
    return ADAPTERS.get(engine.adapter, NOTHING)


def named(dtype: str = "auto", quantisation: str = "none", offload: str = "none", compile: bool = False) -> ModelChoices:
    """Choices from the words of a form or a program.

    Raises:
        InvalidInputError: a word that is none of those offered.
    """
    offered = {"dtype": (dtype, DTYPES), "quantisation": (quantisation, QUANTISATIONS), "offload": (offload, OFFLOADS)}
    for field, (value, values) in offered.items():
        if value not in values:
            raise InvalidInputError(f"{field} cannot be {str(value)[:40]!r}: choose {', '.join(values[:-1])} or {values[-1]}.")
    return ModelChoices(dtype, quantisation, offload, bool(compile))  # type: ignore[arg-type]  # the words were looked up


def sized(row: ModelSpec, choices: ModelChoices) -> ModelSpec:
    """A row with the memory that its choices need, as far as that can be told before a load."""
    share = choices.memory_share
    return row if share == 1.0 else replace(row, memory_bytes=int(share * (row.memory_bytes or row.size_bytes * 1.2)))


def check(spec: ModelSpec, choices: ModelChoices, engine: Engine, device: str) -> None:
    """Refuse what the model or the machine cannot do, before anything is loaded or unloaded.

    Args:
        spec: the model.
        choices: wanted for it.
        engine: that will run it here.
        device: on which it will run.

    Raises:
        InvalidInputError: one sentence that names the cause and the way out.
    """
    if choices == AS_PUBLISHED:
        return
    faults = (*_of_the_model(spec, choices, engine), *_of_the_machine(choices, device))
    reason = next((sentence for wrong, sentence in faults if wrong), None)
    if reason is not None:
        raise InvalidInputError(f"{spec.name} cannot be loaded {choices}: {reason}.")


def _of_the_model(spec: ModelSpec, choices: ModelChoices, engine: Engine) -> Sequence[tuple[bool, str]]:
    """Whether something is wrong, and what to do about it, by what its adapter can do."""
    can, library = taken(engine), engine.name
    packed = any(file.name.endswith(".gguf") for file in spec.files)
    fixed = "its file fixes how the weights are packed" if packed else f"{library} leaves no choice"
    return (
        (
            not spec.has_weights and bool(spec.components),
            f"it is made of {' and '.join(spec.components)}, so choose for that one",
        ),
        (can == NOTHING, f"{fixed}, so keep it as published"),
        (choices.dtype not in can.dtypes, f"{library} computes it in {_either(can.dtypes)}, so choose one of these"),
        (packed and choices.quantisation != "none", "its file is packed already, so choose no quantisation"),
        (choices.quantisation not in can.quantisations, f"{library} packs it in no such way, so choose no quantisation"),
        (choices.offload not in can.offloads, "its layers cannot wait elsewhere, so choose no offload"),
        (choices.compile and not can.compile, f"{library} does not compile it, so leave that off"),
    )


def _of_the_machine(choices: ModelChoices, device: str) -> Sequence[tuple[bool, str]]:
    """Whether something is wrong, and what to do about it, by the device and by choices that exclude each other."""
    on_cpu, packed, elsewhere = device == "cpu", choices.quantisation != "none", choices.offload != "none"
    return (
        (
            on_cpu and choices.offload == "cpu",
            "without a GPU its weights are in main memory anyway, so choose disk or none as offload",
        ),
        (elsewhere and packed, "layers that wait elsewhere cannot be packed here, so choose offload or quantisation"),
        (elsewhere and choices.compile, "layers that wait elsewhere cannot be compiled, so choose one of the two"),
        (packed and choices.compile, "packed layers call code that is compiled already, so choose one of the two"),
        (on_cpu and choices.dtype == "float16", "a CPU computes float16 slowly or not at all, so choose bfloat16"),
        (packed and not (on_cpu or device.startswith("cuda")), f"nothing packs weights on {device}, so choose no quantisation"),
        (on_cpu and choices.compile and not _compiler(), "torch.compile needs a C++ compiler, so install g++ or leave it off"),
    )


def _compiler() -> bool:
    return any(shutil.which(name) for name in (os.environ.get("CXX", ""), *COMPILERS) if name)


def _either(values: tuple[str, ...]) -> str:
    return " or ".join((", ".join(values[:-1]), values[-1])) if len(values) > 1 else values[0]


def from_setting(text: str, find: Callable[[str], object]) -> dict[str, ModelChoices]:
    """Choices by model name from the setting, e.g. "smollm2-360m=int8+bfloat16, whisper-base=float32".

    Words of a model are joined by "+": a dtype, int8 or int4, "disk" or "cpu" for offload, "compile".

    Args:
        text: of the setting.
        find: called with each name; raises UnknownModelError for one that no model has.

    Raises:
        SettingError: it cannot be read, or names no model.
    """
    chosen = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, words = part.partition("=")
        if not equals or not name.strip():
            raise SettingError(
                f"MM_DEMOS_LOAD_AS has {part[:60]!r} without a model's name: write NAME=WORD+WORD, e.g. NAME=int8."
            )
        try:
            find(name.strip())
        except UnknownModelError as error:
            raise SettingError(f"MM_DEMOS_LOAD_AS: {error}") from None
        chosen[name.strip()] = _from_words(words.split("+"))
    return chosen


def _from_words(words: list[str]) -> ModelChoices:
    values: dict[str, object] = {}
    for word in (word.strip() for word in words):
        found = next((name for name, offered in _WORDS.items() if word in offered), None)
        if found is None:
            everything = ", ".join(word for offered in _WORDS.values() for word in offered)
            raise SettingError(f"MM_DEMOS_LOAD_AS has the unknown word {word[:40]!r}: choose of {everything}.")
        values[found] = word == "compile" or word
    return ModelChoices(**values)  # type: ignore[arg-type]  # each word was looked up


_WORDS = {"dtype": DTYPES, "quantisation": QUANTISATIONS[1:], "offload": OFFLOADS[1:], "compile": ("compile",)}
