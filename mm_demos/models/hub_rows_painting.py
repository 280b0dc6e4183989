"""Rows of the hub that paint: diffusion pipelines."""

from __future__ import annotations

from mm_demos.models.hub_engines import DIFFUSION
from mm_demos.models.hub_row import BASE, LARGE, hub_row
from mm_demos.models.spec import ModelSpec

HALF_PIPELINE = ("model_index.json", "*/*.json", "*/merges.txt", "*/*.fp16.safetensors")
NETWORKS = ("text_encoder*/*.safetensors", "transformer/*.safetensors", "vae/*.safetensors")
FLUX_PIPELINE = ("model_index.json", "*/*.json", "*/merges.txt", "*/spiece.model", *NETWORKS)


def painter_rows() -> tuple[ModelSpec, ...]:
    """Pipelines of diffusers; memory is that of a CPU, which holds in 32 bits what lies there in 16."""
    geneval, sana = "https://arxiv.org/abs/2310.11513", "https://arxiv.org/abs/2410.10629"
    return (
        hub_row(
            "stable-diffusion-1.5",
            "image-generator",
            "diffusion",
            DIFFUSION,
            ("stable-diffusion-v1-5/stable-diffusion-v1-5", "451f4fe16113bff5a5d2269ed5ad43b0592e9a14"),
            size_mb=2_742,
            memory_mb=6_000,
            patterns=HALF_PIPELINE,
            profiles=BASE,
            licence="LicenseRef-CreativeML-OpenRAIL-M",
            languages=("en",),
            capabilities=("from a picture", "negative prompt"),
            quality="0.43 of the prompts of GenEval followed",
            quality_source=geneval,
            summary="Pictures of 512 pixels from prompts, in 20 to 50 steps",
        ),
        hub_row(
            "flux.1-schnell",
            "image-generator",
            "diffusion",
            DIFFUSION,
            ("black-forest-labs/FLUX.1-schnell", "741f7c3ce8b383c54771c7003378a50191e9efe9"),
            size_mb=33_730,
            memory_mb=70_000,
            patterns=FLUX_PIPELINE,
            gated=True,
            profiles=LARGE,
            licence="Apache-2.0",
            languages=("en",),
            capabilities=("writes words",),
            quality="0.71 of the prompts of GenEval followed",
            quality_source=sana,
            summary="Detailed pictures of 1,024 pixels from prompts, in 1 to 4 steps",
        ),
        hub_row(
            "stable-diffusion-3.5-medium",
            "image-generator",
            "diffusion",
            DIFFUSION,
            ("stabilityai/stable-diffusion-3.5-medium", "b940f670f0eda2d07fbb75229e779da1ad11eb80"),
            size_mb=16_300,
            memory_mb=34_000,
            patterns=FLUX_PIPELINE,
            gated=True,
            licence="LicenseRef-Stability-AI-Community",
            languages=("en",),
            capabilities=("writes words", "negative prompt"),
            summary="Detailed pictures of up to 1,440 pixels from prompts, in 28 to 40 steps",
        ),
        hub_row(
            "sdxl-turbo",
            "image-generator",
            "diffusion",
            DIFFUSION,
            ("stabilityai/sdxl-turbo", "71153311d3dbb46851df1931d3ca6e939de83304"),
            size_mb=6_942,
            memory_mb=14_500,
            patterns=HALF_PIPELINE,
            licence="LicenseRef-Stability-AI-NC-Research",
            languages=("en",),
            capabilities=("from a picture",),
            summary="Pictures of 512 pixels from prompts in 1 to 4 steps; for research only",
        ),
    )
