"""Rows of the hub that hear: Whisper in two formats, its distilled students, and CLAP."""

from __future__ import annotations

from mm_demos.models.hub_engines import CLAP, FASTER_WHISPER, WHISPER
from mm_demos.models.hub_row import BASE, BOTH, LARGE, hub_row
from mm_demos.models.languages import WHISPER_LANGUAGES
from mm_demos.models.spec import ModelSpec
from mm_demos.settings import Profile

PAPER = "https://arxiv.org/abs/2212.04356"  # Radford et al., 2022
DISTILLED = "https://huggingface.co/distil-whisper/distil-large-v3.5"
NEW_LANGUAGES = (*WHISPER_LANGUAGES, "yue")  # Cantonese came with large-v3
CONVERTED = ("config.json", "preprocessor_config.json", "tokenizer.json", "vocabulary.*", "model.bin")  # CTranslate2, no pickle
WHISPER_FILES = ("model.safetensors", "*.json", "*.txt")  # large-v3 lies there in 32 bits as well
CAN = ("translates into English", "word times", "finds the language")
ENGLISH_CAN = ("word times",)
LIBRISPEECH = "WER {} on LibriSpeech test-clean, greedy (table 8)"
UNSEEN = "mean WER {} on short and {} on long recordings of sets it was not trained on"
LARGE_V3 = "10 to 20 % fewer errors than large-v2, which has WER 0.027 on LibriSpeech test-clean"
LARGE_V3_CARD = "https://huggingface.co/openai/whisper-large-v3"


def _converted(
    name: str,
    repository: tuple[str, str],
    size_mb: float,
    profiles: tuple[Profile, ...],
    quality: tuple[str, str],
    **values: object,
) -> ModelSpec:
    fields = {"languages": WHISPER_LANGUAGES, "capabilities": CAN, "licence": "MIT", **values}
    return hub_row(
        name,
        "speech",
        "whisper-ctranslate2",
        FASTER_WHISPER,
        repository,
        size_mb=size_mb,
        patterns=CONVERTED,
        profiles=profiles,
        quality=quality[0],
        quality_source=quality[1],
        **fields,  # type: ignore[arg-type]
    )


def _original(
    name: str,
    repository: tuple[str, str],
    size_mb: float,
    profiles: tuple[Profile, ...],
    quality: tuple[str, str],
    **values: object,
) -> ModelSpec:
    fields = {"languages": WHISPER_LANGUAGES, "capabilities": CAN, "licence": "Apache-2.0", **values}
    return hub_row(
        name,
        "speech",
        "whisper",
        WHISPER,
        repository,
        size_mb=size_mb,
        patterns=WHISPER_FILES,
        profiles=profiles,
        quality=quality[0],
        quality_source=quality[1],
        **fields,  # type: ignore[arg-type]
    )


def sound_rows() -> tuple[ModelSpec, ...]:
    """Speech recognisers, then the sound tagger."""
    return (*_faster_whisper(), *_whisper(), _clap())


def _faster_whisper() -> tuple[ModelSpec, ...]:
    turbo = (UNSEEN.format("0.073", "0.103"), DISTILLED)
    return (
        _converted(
            "faster-whisper-large-v3-turbo",
            ("mobiuslabsgmbh/faster-whisper-large-v3-turbo", "0a363e9161cbc7ed1431c9597a8ceaf0c4f78fcf"),
            1_621.7,
            BASE,
            turbo,
            languages=NEW_LANGUAGES,
            capabilities=CAN[1:],
            summary="Speech to text in 100 languages: large-v3 with 4 layers in its decoder instead of 32",
        ),
        _converted(
            "faster-whisper-large-v3",
            ("Systran/faster-whisper-large-v3", "edaa852ec7e145841d8ffdb056a99866b5f0a478"),
            3_090.8,
            LARGE,
            (LARGE_V3, LARGE_V3_CARD),
            languages=NEW_LANGUAGES,
            summary="Speech to text in 100 languages, the most exact Whisper",
        ),
        _converted(
            "faster-distil-whisper-large-v3",
            ("Systran/faster-distil-whisper-large-v3", "c3058b475261292e64a0412df1d2681c06260fab"),
            1_516.5,
            BOTH,
            (UNSEEN.format("0.075", "0.116"), DISTILLED),
            languages=("en",),
            capabilities=ENGLISH_CAN,
            summary="English speech to text, a student of large-v3, about 1.4 times as fast as turbo",
        ),
        _converted(
            "faster-whisper-medium",
            ("Systran/faster-whisper-medium", "08e178d48790749d25932bbc082711ddcfdfbc4f"),
            1_530.6,
            BASE,
            (LIBRISPEECH.format("0.029"), PAPER),
            summary="Speech to text in 99 languages, and translation into English",
        ),
        _converted(
            "faster-whisper-small",
            ("Systran/faster-whisper-small", "536b0662742c02347bc0e980a01041f333bce120"),
            486.2,
            BASE,
            (LIBRISPEECH.format("0.034"), PAPER),
            summary="Speech to text in 99 languages on a CPU that has a little time",
        ),
        _converted(
            "faster-whisper-tiny",
            ("Systran/faster-whisper-tiny", "d90ca5fe260221311c53c58e660288d3deb8d356"),
            78.2,
            BASE,
            (LIBRISPEECH.format("0.076"), PAPER),
            summary="Speech to text in 99 languages, the smallest and fastest",
        ),
    )


def _whisper() -> tuple[ModelSpec, ...]:
    return (
        _original(
            "whisper-large-v3-turbo",
            ("openai/whisper-large-v3-turbo", "41f01f3fe87f28c78e2fbf8b568835947dd65ed9"),
            1_622.4,
            BOTH,
            (UNSEEN.format("0.073", "0.103"), DISTILLED),
            memory_mb=3_400,  # stored in 16 bits, held in 32 on a CPU
            licence="MIT",
            languages=NEW_LANGUAGES,
            capabilities=CAN[1:],
            summary="Whisper large-v3-turbo as it was published, in transformers: also for Apple's GPUs",
        ),
        _original(
            "whisper-large-v3",
            ("openai/whisper-large-v3", "06f233fe06e710322aca913c1bc4249a0d71fce1"),
            3_092.0,
            LARGE,
            (LARGE_V3, LARGE_V3_CARD),
            memory_mb=6_400,  # as above
            languages=NEW_LANGUAGES,
            summary="Whisper large-v3 as it was published, in transformers",
        ),
        _original(
            "distil-large-v3.5",
            ("distil-whisper/distil-large-v3.5", "728a7691f3ff1d3d971528d3203a6e9559165d41"),
            3_030.0,
            BOTH,
            (UNSEEN.format("0.071", "0.114"), DISTILLED),
            licence="MIT",
            languages=("en",),
            capabilities=ENGLISH_CAN,
            summary="English speech to text, the best student of large-v3",
        ),
        _original(
            "whisper-medium",
            ("openai/whisper-medium", "abdf7c39ab9d0397620ccaea8974cc764cd0953e"),
            3_060.0,
            BASE,
            (LIBRISPEECH.format("0.029"), PAPER),
            summary="Whisper medium as it was published, in transformers",
        ),
        _original(
            "whisper-small",
            ("openai/whisper-small", "973afd24965f72e36ca33b3055d56a652f456b4d"),
            972.0,
            BASE,
            (LIBRISPEECH.format("0.034"), PAPER),
            summary="Whisper small as it was published, in transformers",
        ),
        _original(
            "whisper-tiny",
            ("openai/whisper-tiny", "169d4a4341b33bc18d8881c4b69c2e104e1cc0af"),
            156.0,
            BASE,
            (LIBRISPEECH.format("0.076"), PAPER),
            summary="Whisper tiny as it was published, in transformers",
        ),
    )


def _clap() -> ModelSpec:
    return hub_row(
        "clap-htsat-unfused",
        "sound-tagger",
        "clap",
        CLAP,
        # The commit that adds safetensors; the branch itself holds a pickle only.
        ("laion/clap-htsat-unfused", "79b58ed25fc00386262a2bea4b19fd21dc4310a0"),
        size_mb=618.0,
        profiles=BOTH,
        licence="Apache-2.0",
        languages=("en",),
        capabilities=("any sound that a sentence can name",),
        quality="0.916 right of ESC-50 without an example",
        quality_source="https://pymill.com/docs/reproducibility/esc50",
        summary="Sounds and sentences in one space (Wu et al., 2022)",
    )
