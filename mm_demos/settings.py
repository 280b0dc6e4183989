"""One typed settings object, read from `MM_DEMOS_…` environment variables; flags override it at start."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from mm_demos.errors import SettingError

Profile = Literal["embedded", "base", "large"]
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})  # addresses of this machine, for itself alone
PROXY_HEADERS = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")  # any of them: somebody asks for another


def _host() -> str:
    # A Space's proxy reaches the container from outside; everywhere else the page is for this machine alone.
    return "0.0.0.0" if os.environ.get("SYSTEM") == "spaces" else "127.0.0.1"  # noqa: S104


class Settings(BaseSettings):
    """Everything a user may set from outside; the defaults are the safe ones for a laptop."""

    model_config = SettingsConfigDict(env_prefix="MM_DEMOS_", frozen=True, allow_inf_nan=False)

    profile: Profile = Field(default="embedded", description="which row of models the tabs use by default")
    device: str = Field(default="auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$", description="auto, cpu, cuda, cuda:1, mps")
    threads: int = Field(default=0, ge=0, description="threads of the CPU engines; 0 takes the number of usable cores")
    memory_budget_gb: float = Field(default=0.0, ge=0, description="for all models; 0 takes 70 % of what is free at start")
    load_as: str = Field(default="", description="how to load models, e.g. NAME=int8+bfloat16, OTHER=float32")
    idle_unload_minutes: float = Field(default=30.0, ge=0, description="unload a model unused this long; 0 never")
    lease_timeout_seconds: float = Field(default=120.0, gt=0, description="how long a request waits for busy models")
    cache_dir: Path = Field(default=Path(platformdirs.user_cache_dir("mm-demos")), description="weights and derived files")
    data_dir: Path = Field(default=Path(platformdirs.user_data_dir("mm-demos")), description="what the user made: libraries")
    examples_dir: Path | None = Field(default=None, description="results of the examples that were computed beforehand")
    weights_dir: Path | None = Field(default=None, description="a local folder that is searched for weights first")
    offline: bool = Field(default=False, description="never fetch anything; use what is in the cache")
    fetch: Literal["any", "profile"] = Field(default="any", description="what visitors may have fetched; a public page: profile")

    max_image_pixels: int = Field(default=25_000_000, gt=0, description="read from the header, before decoding")
    max_audio_seconds: float = Field(default=600.0, gt=0, description="longest recording the browser and the command line take")
    max_upload_mb: int = Field(default=20, gt=0, description="largest upload")
    max_text_chars: int = Field(default=20_000, gt=0, description="longest prompt or label list")
    safety: bool = Field(default=True, description="refuse prompts for harmful pictures; off leaves that to the owner")
    queue_size: int = Field(default=32, gt=0, description="requests that may wait; more are told that the queue is full")

    host: str = Field(default_factory=_host, description="loopback unless asked otherwise; every address on a Space")
    port: int = Field(default=7860, ge=1, le=65535, description="first port tried")
    mcp: bool = Field(default=True, description="offer the verbs as tools of the Model Context Protocol")
    users_file: Path | None = Field(default=None, description="who may log in; made by `users add`")
    keys_file: Path | None = Field(default=None, description="keys of programs with their limits; made by `keys add`")
    log: Literal["text", "json"] = Field(default="text", description="json: a line per request and run on the error output")
    metrics: Literal["private", "open", "off"] = Field(default="private", description="who may read /metrics")


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read from the environment on first use.

    Raises:
        SettingError: a variable holds what cannot be used; the sentence names it.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise SettingError(_sentence(error)) from None


def _sentence(error: ValidationError) -> str:
    """The first fault, under the name that the user wrote."""
    fault = error.errors(include_url=False)[0]
    name = str(fault["loc"][0])
    if fault["type"] == "string_pattern_mismatch":
        wanted = f"choose one of {Settings.model_fields[name].description}"
    else:
        wanted = fault["msg"].removeprefix("Value error, ").replace("Input should be", "it should be")
    return f"MM_DEMOS_{name.upper()}={str(fault['input'])[:60]} cannot be used: {wanted[:120].rstrip('.')}."
