"""Rows of the hub that talk: instruction-tuned language models, as published and packed into GGUF."""

from __future__ import annotations

from mm_demos.models import languages
from mm_demos.models.hub_engines import CHAT, CHAT_GGUF
from mm_demos.models.hub_row import BASE, BOTH, LARGE, hub_row
from mm_demos.models.spec import SAFE_PATTERNS, ModelSpec
from mm_demos.settings import Profile

QWEN3 = "https://arxiv.org/abs/2505.09388"
QWEN25 = "https://arxiv.org/abs/2412.15115"
GEMMA3 = "https://arxiv.org/abs/2503.19786"
FOLLOWS = "{} of the instructions of IFEval followed"
CARD = "https://huggingface.co/{}"
TOOLS = ("calls tools", "many languages")
WITHOUT_ORIGINAL = tuple(pattern for pattern in SAFE_PATTERNS if pattern != "*.model")  # Meta's own files lie beside


def language_rows() -> tuple[ModelSpec, ...]:
    """The packed ones first: they run everywhere."""
    return (*_packed(), *_qwen(), *_smol(), *_llama(), *_gemma())


def _packed() -> tuple[ModelSpec, ...]:
    found = []
    for size, commit, size_mb, memory_mb, profiles, figure in (
        ("4B", "bc640142c66e1fdd12af0bd68f40445458f3869b", 2_497.3, 3_200, BASE, "0.812"),
        ("8B", "7c41481f57cb95916b40956ab2f0b139b296d974", 5_027.8, 5_900, BASE, "0.830"),
    ):
        found.append(
            hub_row(
                f"qwen3-{size.lower()}-q4",
                "chat",
                "gguf",
                CHAT_GGUF,
                (f"Qwen/Qwen3-{size}-GGUF", commit),
                size_mb=size_mb,
                memory_mb=memory_mb,
                patterns=(f"Qwen3-{size}-Q4_K_M.gguf",),
                profiles=profiles,
                licence="Apache-2.0",
                languages=languages.QWEN,
                capabilities=TOOLS,
                quality=f"{FOLLOWS.format(figure)} before it was packed to 4 bits",
                quality_source=QWEN3,
                summary=f"Qwen3 of {size[0]} billion weights in 4 bits, for a CPU",
            )
        )
    return tuple(found)


def _chat(
    name: str,
    family: str,
    repository: tuple[str, str],
    size_mb: float,
    *,
    profiles: tuple[Profile, ...],
    quality: tuple[str, str],
    licence: str = "Apache-2.0",
    gated: bool = False,
    codes: tuple[str, ...] = languages.QWEN,
    summary: str = "A language model that follows instructions",
) -> ModelSpec:
    return hub_row(
        name,
        "chat",
        family,
        CHAT,
        repository,
        size_mb=size_mb,
        patterns=WITHOUT_ORIGINAL if family == "llama" else SAFE_PATTERNS,
        gated=gated,
        profiles=profiles,
        licence=licence,
        languages=codes,
        capabilities=TOOLS if len(codes) > 1 else (),
        quality=FOLLOWS.format(quality[0]),
        quality_source=quality[1],
        summary=summary,
    )


def _qwen() -> tuple[ModelSpec, ...]:
    small, large = "Qwen/Qwen3-4B-Instruct-2507", "Qwen/Qwen3-30B-A3B-Instruct-2507"
    return (
        _chat(
            "qwen3-8b",
            "qwen",
            ("Qwen/Qwen3-8B", "b968826d9c46dd6066d109eabc6255188de91218"),
            16_400,
            profiles=LARGE,
            quality=("0.830", QWEN3),
        ),
        _chat(
            "qwen3-14b",
            "qwen",
            ("Qwen/Qwen3-14B", "40c069824f4251a91eefaf281ebe4c544efd3e18"),
            29_550,
            profiles=LARGE,
            quality=("0.848", QWEN3),
        ),
        _chat(
            "qwen3-30b-a3b",
            "qwen",
            (large, "0d7cf23991f47feeb3a57ecb4c9cee8ea4a17bfe"),
            61_080,
            profiles=LARGE,
            quality=("0.847", CARD.format(large)),
            summary="A mixture of experts: thirty billion weights, of which three compute each word",
        ),
        _chat(
            "qwen3-4b-2507",
            "qwen",
            (small, "cdbee75f17c01a7cc42f958dc650907174af0554"),
            8_060,
            profiles=BOTH,
            quality=("0.834", CARD.format(small)),
        ),
        _chat(
            "qwen3-1.7b",
            "qwen",
            ("Qwen/Qwen3-1.7B", "70d244cc86ccca08cf5af4e1e306ecf908b1ad5e"),
            4_080,
            profiles=BASE,
            quality=("0.682", QWEN3),
        ),
        _chat(
            "qwen3-0.6b",
            "qwen",
            ("Qwen/Qwen3-0.6B", "c1899de289a04d12100db370d81485cdf75e47ca"),
            1_520,
            profiles=BASE,
            quality=("0.545", QWEN3),
        ),
        _chat(
            "qwen2.5-7b",
            "qwen",
            ("Qwen/Qwen2.5-7B-Instruct", "a09a35458c702b33eeacc393d103063234e8bc28"),
            15_250,
            profiles=LARGE,
            quality=("0.712", QWEN25),
        ),
        _chat(
            "qwen2.5-1.5b",
            "qwen",
            ("Qwen/Qwen2.5-1.5B-Instruct", "989aa7980e4cf806f80c7fef2b1adb7bc71aa306"),
            3_100,
            profiles=BASE,
            quality=("0.425", QWEN25),
        ),
        _chat(
            "qwen2.5-0.5b",
            "qwen",
            ("Qwen/Qwen2.5-0.5B-Instruct", "7ae557604adf67be50417f59c2c2f167def9a775"),
            1_000,
            profiles=BASE,
            quality=("0.279", QWEN25),
        ),
    )


def _smol() -> tuple[ModelSpec, ...]:
    third = "HuggingFaceTB/SmolLM3-3B"
    rows = [
        _chat(
            "smollm3-3b",
            "smollm",
            (third, "a07cc9a04f16550a088caea529712d1d335b0ac1"),
            6_170,
            profiles=BASE,
            quality=("0.767", CARD.format(third)),
            codes=languages.SMOL3,
            summary="A small open language model for six European languages, with its training data and recipe",
        )
    ]
    for size, commit, size_mb, figure in (
        ("1.7B", "31b70e2e869a7173562077fd711b654946d38674", 3_430, "0.567"),
        ("360M", "a10cc1512eabd3dde888204e902eca88bddb4951", 728, "0.410"),
        ("135M", "12fd25f77366fa6b3b4b768ec3050bf629380bac", 273, "0.299"),
    ):
        place = f"HuggingFaceTB/SmolLM2-{size}-Instruct"
        name = f"smollm2-{size.lower()}"
        rows.append(
            _chat(
                name,
                "smollm",
                (place, commit),
                size_mb,
                profiles=BASE,
                quality=(figure, CARD.format(place)),
                codes=("en",),
            )
        )
    return tuple(rows)


def _llama() -> tuple[ModelSpec, ...]:
    card = CARD.format("meta-llama/Llama-3.2-3B-Instruct")
    rows = []
    for name, place, commit, size_mb, profiles, quality in (
        ("llama-3.1-8b", "Llama-3.1-8B", "0e9e39f249a16976918f6564b8830bc894c89659", 16_070, LARGE, ("0.804", card)),
        ("llama-3.2-3b", "Llama-3.2-3B", "0cb88a4f764b7a12671c53f0838cd831a0843b95", 6_440, BASE, ("0.774", card)),
        ("llama-3.2-1b", "Llama-3.2-1B", "9213176726f574b556790deb65791e0c5aa438b6", 2_490, BASE, ("0.595", card)),
    ):
        repository = (f"meta-llama/{place}-Instruct", commit)
        licence = f"LicenseRef-Llama-{place[6:9]}-Community"
        rows.append(
            _chat(
                name,
                "llama",
                repository,
                size_mb,
                profiles=profiles,
                quality=quality,
                licence=licence,
                gated=True,
                codes=languages.LLAMA,
            )
        )
    return tuple(rows)


def _gemma() -> tuple[ModelSpec, ...]:
    rows = []
    for size, commit, size_mb, profiles, figure in (
        ("12b", "96b6f1eccf38110c56df3a15bffe176da04bfd80", 24_410, LARGE, "0.889"),
        ("4b", "093f9f388b31de276ce2de164bdc2081324b9767", 8_640, BASE, "0.902"),
        ("1b", "dcc83ea841ab6100d6b47a070329e1ba4cf78752", 2_040, BASE, "0.802"),
    ):
        repository = (f"google/gemma-3-{size}-it", commit)
        codes = ("en",) if size == "1b" else languages.GEMMA
        quality = (figure, GEMMA3)
        rows.append(
            _chat(
                f"gemma-3-{size}",
                "gemma",
                repository,
                size_mb,
                profiles=profiles,
                quality=quality,
                licence="LicenseRef-Gemma",
                gated=True,
                codes=codes,
            )
        )
    return tuple(rows)
