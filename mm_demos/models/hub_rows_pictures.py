"""Rows of the hub that see: joint embedders and vision-language models."""

from __future__ import annotations

from typing import Any

from mm_demos.models import languages
from mm_demos.models.hub_engines import ANSWERER, CAPTIONER, JOINT, OPEN_CLIP
from mm_demos.models.hub_row import BASE, BOTH, LARGE, answering, hub_row
from mm_demos.models.spec import ModelSpec

OPEN_CLIP_FILES = (
    "open_clip_config.json", "open_clip_model.safetensors", "tokenizer*.json", "vocab.json", "merges.txt",
    "special_tokens_map.json",
)  # fmt: skip
SIGLIP2 = "https://arxiv.org/abs/2502.14786"
SIGLIP2_LANGUAGES = (
    "en",
    "ar",
    "zh",
    "cs",
    "da",
    "de",
    "es",
    "fa",
    "fi",
    "fr",
    "hi",
    "it",
    "ja",
    "ko",
    "pt",
    "ru",
    "th",
    "tr",
    "vi",
)
IMAGENET = "{} right of ImageNet without an example"
COCO = "CIDEr {} on COCO captions, Karpathy's test set"
DOCUMENTS = "{} on DocVQA, {} on TextVQA"
SMOLVLM = "https://huggingface.co/HuggingFaceTB/SmolVLM-256M-Instruct"
QWEN_VL = "https://arxiv.org/abs/2502.13923"
TALKS = ("captions", "answers", "reads text", "understands charts")


def picture_rows() -> tuple[ModelSpec, ...]:
    """Joint embedders, captioners and answerers."""
    return (*_joint_embedders(), *_small_vlms(), *_qwen_vlms(), *_blips())


def _joint_embedders() -> tuple[ModelSpec, ...]:
    return (
        hub_row(
            "siglip2-base",
            "joint-embedder",
            "siglip",
            JOINT,
            ("google/siglip2-base-patch16-224", "75de2d55ec2d0b4efc50b3e9ad70dba96a7b2fa2"),
            size_mb=1_539,
            profiles=BASE,
            licence="Apache-2.0",
            languages=SIGLIP2_LANGUAGES,
            capabilities=("many languages",),
            quality=IMAGENET.format("0.782"),
            quality_source=SIGLIP2,
            summary="Pictures and sentences of many languages in one space (SigLIP 2, ViT-B/16 at 224 pixels)",
        ),
        hub_row(
            "siglip2-so400m",
            "joint-embedder",
            "siglip",
            JOINT,
            ("google/siglip2-so400m-patch14-384", "e8e487298228002f3d8a82e0cd5c8ea9c567f57f"),
            size_mb=4_580,
            profiles=LARGE,
            licence="Apache-2.0",
            languages=SIGLIP2_LANGUAGES,
            capabilities=("many languages",),
            quality=IMAGENET.format("0.841"),
            quality_source=SIGLIP2,
            summary="Pictures and sentences of many languages in one space (SigLIP 2, So400m/14 at 384 pixels)",
        ),
        hub_row(
            "mobileclip2-s2",
            "joint-embedder",
            "open_clip",
            OPEN_CLIP,
            ("timm/MobileCLIP2-S2-OpenCLIP", "ac6b37c8fc40b62b623d09ed228a6f0c9bc29fe6"),
            size_mb=400,
            patterns=OPEN_CLIP_FILES,
            profiles=BASE,
            licence="LicenseRef-Apple-AMLR",
            languages=("en",),
            quality=IMAGENET.format("0.772"),
            quality_source="https://arxiv.org/abs/2508.20691",
            summary="Pictures and sentences in one space, made for phones; Apple's licence allows research only",
        ),
        hub_row(
            "mobileclip2-s0",
            "joint-embedder",
            "open_clip",
            OPEN_CLIP,
            ("timm/MobileCLIP2-S0-OpenCLIP", "095906d28bf54d7584dc411e8ffe448f34289e05"),
            size_mb=302,
            patterns=OPEN_CLIP_FILES,
            profiles=BASE,
            licence="LicenseRef-Apple-AMLR",
            languages=("en",),
            quality=IMAGENET.format("0.715"),
            quality_source="https://arxiv.org/abs/2508.20691",
            summary="Pictures and sentences in one space, the fastest; Apple's licence allows research only",
        ),
        hub_row(
            "clip-vit-b-32-laion2b",
            "joint-embedder",
            "open_clip",
            OPEN_CLIP,
            ("laion/CLIP-ViT-B-32-laion2B-s34B-b79K", "1a25a446712ba5ee05982a381eed697ef9b435cf"),
            size_mb=609,
            patterns=OPEN_CLIP_FILES,
            profiles=BASE,
            licence="MIT",
            languages=("en",),
            quality=IMAGENET.format("0.666"),
            quality_source="https://huggingface.co/laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
            summary="Pictures and sentences in one space, trained on two billion pairs of the web",
        ),
        hub_row(
            "clip-vit-b-32-datacomp",
            "joint-embedder",
            "open_clip",
            OPEN_CLIP,
            ("laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K", "f0e2ffa09cbadab3db6a261ec1ec56407ce42912"),
            size_mb=609,
            patterns=OPEN_CLIP_FILES,
            licence="MIT",
            languages=("en",),
            summary="Pictures and sentences in one space, trained on the pairs that DataComp selected",
        ),
    )


def _small_vlms() -> tuple[ModelSpec, ...]:
    small = hub_row(
        "smolvlm-500m",
        "captioner",
        "smolvlm",
        CAPTIONER,
        ("HuggingFaceTB/SmolVLM-500M-Instruct", "a7da5b986cb59b408707209984f360a5f4ad7e47"),
        size_mb=1_019,
        profiles=BASE,
        licence="Apache-2.0",
        languages=("en",),
        capabilities=TALKS,
        quality=DOCUMENTS.format("0.705", "0.605"),
        quality_source=SMOLVLM,
        summary="Describes pictures and answers about them on a small GPU or a CPU with a little time",
    )
    smallest = hub_row(
        "smolvlm-256m",
        "captioner",
        "smolvlm",
        CAPTIONER,
        ("HuggingFaceTB/SmolVLM-256M-Instruct", "7e3e67edbbed1bf9888184d9df282b700a323964"),
        size_mb=517,
        profiles=BASE,
        licence="Apache-2.0",
        languages=("en",),
        capabilities=TALKS,
        quality=DOCUMENTS.format("0.583", "0.499"),
        quality_source=SMOLVLM,
        summary="The smallest model that describes pictures and answers about them",
    )
    second = hub_row(
        "smolvlm2-2.2b",
        "captioner",
        "smolvlm",
        CAPTIONER,
        ("HuggingFaceTB/SmolVLM2-2.2B-Instruct", "482adb537c021c86670beed01cd58990d01e72e4"),
        size_mb=8_990,
        memory_mb=5_000,
        profiles=BASE,
        licence="Apache-2.0",
        languages=("en",),
        capabilities=TALKS,
        quality=DOCUMENTS.format("0.800", "0.732"),
        quality_source="https://huggingface.co/HuggingFaceTB/SmolVLM2-2.2B-Instruct",
        summary="Describes pictures and answers about them; the published weights are in 32 bits",
    )
    florence = hub_row(
        "florence-2-base",
        "captioner",
        "florence-2",
        CAPTIONER,
        ("florence-community/Florence-2-base", "00921df66db728a9ceb750f5eca43e5c203a2051"),
        size_mb=467,
        profiles=BASE,
        licence="MIT",
        languages=("en",),
        capabilities=("captions", "reads text"),
        quality=COCO.format("1.330") + ", without training on it",
        quality_source="https://arxiv.org/abs/2311.06242",
        summary="Short to very detailed captions with a small network (Xiao et al., 2023)",
    )
    return (small, answering(small), smallest, answering(smallest), second, answering(second), florence)


def _qwen_vlms() -> tuple[ModelSpec, ...]:
    rows = []
    for size, commit, size_mb, profiles, figures in (
        ("7B", "cc594898137f460bfe9f0759e9844b3ce807cfb5", 16_600, LARGE, ("0.957", "0.849")),
        ("3B", "66285546d2b821cf421d4f5eb2576359d3770cd3", 7_520, BOTH, ("0.939", "0.793")),
    ):
        row = hub_row(
            f"qwen2.5-vl-{size.lower()}",
            "captioner",
            "qwen-vl",
            CAPTIONER,
            (f"Qwen/Qwen2.5-VL-{size}-Instruct", commit),
            size_mb=size_mb,
            profiles=profiles,
            licence="Apache-2.0" if size == "7B" else "LicenseRef-Qwen-Research",
            languages=languages.QWEN,
            capabilities=(*TALKS, "many languages"),
            quality=DOCUMENTS.format(*figures),
            quality_source=QWEN_VL,
            summary="Describes pictures in detail and in many languages, and answers about them",
        )
        rows += [row, answering(row)]
    for size, commit, size_mb in (
        ("8B", "0c351dd01ed87e9c1b53cbc748cba10e6187ff3b", 17_540),
        ("4B", "ebb281ec70b05090aa6165b016eac8ec08e71b17", 8_890),
        ("2B", "89644892e4d85e24eaac8bacfd4f463576704203", 4_270),
    ):
        row = hub_row(
            f"qwen3-vl-{size.lower()}",
            "captioner",
            "qwen-vl",
            CAPTIONER,
            (f"Qwen/Qwen3-VL-{size}-Instruct", commit),
            size_mb=size_mb,
            licence="Apache-2.0",
            languages=languages.QWEN,
            capabilities=(*TALKS, "many languages"),
            summary="Describes pictures in detail and in many languages, and answers about them (third generation)",
        )
        rows += [row, answering(row)]
    return tuple(rows)


def _blips() -> tuple[ModelSpec, ...]:
    blip: dict[str, Any] = {"licence": "BSD-3-Clause", "languages": ("en",), "quality_source": "https://arxiv.org/abs/2201.12086"}
    blip2 = hub_row(
        "blip2-opt-2.7b",
        "captioner",
        "blip-2",
        CAPTIONER,
        ("Salesforce/blip2-opt-2.7b", "59a1ef6c1e5117b3f65523d1c6066825bcf315e3"),
        size_mb=14_990,
        memory_mb=8_000,
        profiles=LARGE,
        licence="MIT",
        languages=("en",),
        capabilities=("captions", "short answers"),
        quality="0.523 right of VQAv2 test-dev, without training on it (table 2)",
        quality_source="https://arxiv.org/abs/2301.12597",
        summary="Captions and short answers by a language model that sees; the published weights are in 32 bits",
    )
    large = hub_row(
        "blip-captioning-large",
        "captioner",
        "blip",
        CAPTIONER,
        ("Salesforce/blip-image-captioning-large", "353689b859fcf0523410b1806dace5fb46ecdf41"),
        size_mb=1_880,
        profiles=BASE,
        quality=COCO.format("1.367") + " (table 7)",
        **blip,
        summary="Short captions of photos (Li et al., 2022)",
    )
    questions = hub_row(
        "blip-vqa-base",
        "answerer",
        "blip-vqa",
        ANSWERER,
        ("Salesforce/blip-vqa-base", "787b3d35d57e49572baabd22884b3d5a05acf072"),
        size_mb=1_540,
        profiles=BASE,
        quality="0.783 right of VQAv2 test-dev (table 8)",
        **blip,
        summary="Answers of a word or two about photos (Li et al., 2022)",
    )
    return (blip2, answering(blip2), large, questions)
