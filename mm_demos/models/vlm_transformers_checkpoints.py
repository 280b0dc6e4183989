"""Vision-language checkpoints of the hub: how each family turns a picture and a prompt into the start of a text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mm_demos.errors import InvalidInputError, MissingDependencyError
from mm_demos.models.placing import SAFE, load_checkpoint, understood
from mm_demos.models.vision_transformers import check_safetensors
from mm_demos.models.vlm_transformers_decoding import Start

if TYPE_CHECKING:
    from PIL.Image import Image

    from mm_demos.models.loader import LoadRequest

MARK = "@text@"
MAX_PIXELS = 1_000_000  # of a picture: about 1,300 tokens for a Qwen-VL; larger ones are scaled down


class Checkpoint:
    """A model with its processor, asked through its chat template: SmolVLM, Idefics3, Qwen-VL and their kin.

    Args:
        model: of `AutoModelForImageTextToText`.
        processor: its own.
    """

    def __init__(self, model: Any, processor: Any) -> None:
        self.model = model
        self.processor = processor
        self.tokenizer: Any = processor.tokenizer

    @property
    def can_answer(self) -> bool:
        """Whether it was made to answer questions."""
        return True

    @property
    def can_caption(self) -> bool:
        """Whether it was made to write captions."""
        return True

    def start(self, image: Image, prompt: str) -> Start:
        """Where its text begins, for one picture and one prompt."""
        turns = self._turns(prompt, image)
        inputs = self.processor.apply_chat_template(
            turns, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
        )
        return self._decoder_only(inputs)

    def tokens(self, text: str) -> list[int]:
        """What the model would write for `text`: with the space that its template puts before an answer."""
        return list(self.tokenizer.encode(self._lead + text, add_special_tokens=False)) if text else []

    def text(self, tokens: Sequence[int]) -> str:
        """What was written, on one line."""
        return " ".join(str(self.tokenizer.decode(list(tokens), skip_special_tokens=True)).split())

    def plain(self, text: str) -> str:
        """`text` without the words that steer the model, such as a token that stands for a picture."""
        for word in self._steering:
            text = text.replace(word, " ")
        return text.strip()

    @cached_property
    def _steering(self) -> tuple[str, ...]:
        return tuple(token.content for token in self.tokenizer.added_tokens_decoder.values() if token.special)

    @cached_property
    def _lead(self) -> str:
        turns = self._turns("a", None)
        answered = [*turns, {"role": "assistant", "content": [{"type": "text", "text": MARK}]}]
        asked = self.processor.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        whole = self.processor.apply_chat_template(answered, tokenize=False)
        return str(whole[len(asked) :].partition(MARK)[0]) if whole.startswith(asked) else ""

    @staticmethod
    def _turns(prompt: str, image: Image | None) -> list[dict[str, Any]]:
        picture = [{"type": "image", "image": image}] if image is not None else []
        return [{"role": "user", "content": [*picture, {"type": "text", "text": prompt}]}]

    def _processed(self, image: Image, prompt: str) -> Any:
        return self._placed(self.processor(images=image, text=prompt, return_tensors="pt"))

    def _placed(self, inputs: Any) -> Any:
        return inputs.to(self.model.device, self.model.dtype)  # numbers of tokens stay as they are

    def _decoder_only(self, inputs: Any) -> Start:
        context = dict(self._placed(inputs))
        tokens = context.pop("input_ids")
        return Start(self.model, context, "input_ids", tokens, self.ends, self.pad)

    @cached_property
    def ends(self) -> tuple[int, ...]:
        """Numbers of the tokens that end a text."""
        found = self._generation.eos_token_id
        found = self.tokenizer.eos_token_id if found is None else found
        return tuple(found) if isinstance(found, list | tuple) else (int(found),)

    @cached_property
    def pad(self) -> int:
        """Number of the token that fills shorter texts."""
        found = (self._generation.pad_token_id, self.tokenizer.pad_token_id, self.ends[0])
        return int(next(number for number in found if number is not None))

    @property
    def _generation(self) -> Any:
        return self.model.generation_config


class Blip(Checkpoint):
    """BLIP: a decoder that looks at the picture's states, or at those of the question beside the picture."""

    @property
    def can_answer(self) -> bool:
        return hasattr(self.model, "text_encoder")

    @property
    def can_caption(self) -> bool:
        return not self.can_answer

    def start(self, image: Image, prompt: str) -> Start:
        import torch

        with torch.inference_mode():
            inputs = self._processed(image, prompt)
            states = self.model.vision_model(pixel_values=inputs["pixel_values"])[0]
            if self.can_answer:
                states = self.model.text_encoder(
                    input_ids=inputs["input_ids"],
                    attention_mask=inputs["attention_mask"],
                    encoder_hidden_states=states,
                    encoder_attention_mask=torch.ones(states.shape[:2], dtype=torch.long, device=states.device),
                )[0]
        mask = torch.ones(states.shape[:2], dtype=torch.long, device=states.device)
        config = self.model.config.text_config
        tokens = torch.tensor([[config.bos_token_id]], device=states.device)
        context = {
            "encoder_hidden_states": states,
            "encoder_attention_mask": mask,
            "attention_mask": torch.ones_like(tokens),
        }
        return Start(self.model.text_decoder, context, "input_ids", tokens, (int(config.sep_token_id),), int(config.pad_token_id))

    @property
    def _lead(self) -> str:
        return ""


class Blip2(Checkpoint):
    """BLIP-2: a language model that reads the picture as a few tokens before the prompt."""

    def __init__(self, model: Any, processor: Any) -> None:
        from transformers import PreTrainedTokenizerFast

        # What tokenizer.json does counts, such as the mark before a text; the class that published files name leaves it out.
        processor.tokenizer = PreTrainedTokenizerFast.from_pretrained(processor.tokenizer.name_or_path, local_files_only=True)
        super().__init__(model, processor)
        picture = self.tokenizer.convert_tokens_to_ids("<image>")
        if model.config.image_token_index is None or model.config.image_token_index != picture:
            raise InvalidInputError(
                "This BLIP-2 checkpoint is of an old format without a token for the picture: choose a newer revision of it."
            )
        processor.num_query_tokens = model.config.num_query_tokens  # without it the picture would be left out

    def start(self, image: Image, prompt: str) -> Start:
        inputs = self._processed(image, prompt)
        if not prompt:  # a caption begins as the library's own `generate` begins one, whatever the tokenizer puts around nothing
            inputs.update(self._nothing(inputs["input_ids"]))
        if self.model.config.use_decoder_only_language_model:
            return self._decoder_only(inputs)
        return _encoder_decoder(self, inputs, [self.model.config.text_config.decoder_start_token_id])

    def _nothing(self, like: Any) -> dict[str, Any]:
        """The tokens that stand for the picture, and the one that begins a text."""
        config = self.model.config
        begin = getattr(config.text_config, "bos_token_id", None)
        numbers = [config.image_token_index] * config.num_query_tokens + [self.ends[0] if begin is None else begin]
        tokens = like.new_tensor([numbers])
        return {"input_ids": tokens, "attention_mask": tokens.new_ones(tokens.shape)}

    @property
    def _lead(self) -> str:
        return " " if self.model.config.use_decoder_only_language_model else ""

    @property
    def _generation(self) -> Any:
        return self.model.language_model.generation_config


class Florence2(Checkpoint):
    """Florence-2: an encoder of picture and prompt, and a decoder."""

    def start(self, image: Image, prompt: str) -> Start:
        config = self.model.config.text_config
        return _encoder_decoder(self, self._processed(image, prompt), [config.decoder_start_token_id, config.bos_token_id])

    @cached_property
    def _steering(self) -> tuple[str, ...]:
        tasks = (*self.processor.task_prompts_without_inputs, *self.processor.task_prompts_with_input)
        return (*super()._steering, *tasks)

    @property
    def _lead(self) -> str:
        return ""


def _encoder_decoder(checkpoint: Checkpoint, inputs: Any, first: Sequence[int]) -> Start:
    import torch

    tokens = torch.tensor([list(first)], device=checkpoint.model.device)
    return Start(checkpoint.model, dict(inputs), "decoder_input_ids", tokens, checkpoint.ends, checkpoint.pad)


KINDS: dict[str, type[Checkpoint]] = {"blip": Blip, "blip-2": Blip2, "florence2": Florence2}


def open_checkpoint(request: LoadRequest) -> Checkpoint:
    """The checkpoint in `request.folder`.

    Raises:
        WeightsUnavailableError: the folder has no safetensors.
        MissingDependencyError: it has neither a family's own way of being asked nor a chat template.
        InvalidInputError: its architecture is unknown or needs code of its own.
    """
    from transformers import AutoConfig, AutoModelForImageTextToText, AutoModelForVisualQuestionAnswering, AutoProcessor

    check_safetensors(request)
    with understood(request):
        config = AutoConfig.from_pretrained(request.folder, **SAFE)
    answers = any(name.endswith("ForQuestionAnswering") for name in config.architectures or ())
    auto = AutoModelForVisualQuestionAnswering if answers else AutoModelForImageTextToText
    model = load_checkpoint(auto, request)
    processor = AutoProcessor.from_pretrained(request.folder, **SAFE)
    if config.model_type not in KINDS and not getattr(processor, "chat_template", None):
        raise MissingDependencyError(f"{request.spec.name} has no chat template: choose a checkpoint tuned for instructions.")
    return KINDS.get(config.model_type, Checkpoint)(model, processor)


def fitting(image: Image | None) -> Image:
    """The picture in RGB, scaled down if it is larger than the models can use; grey where there is none."""
    from PIL import Image as Pictures

    if image is None:
        return Pictures.new("RGB", (384, 384), (127, 127, 127))
    picture = image.convert("RGB")
    share = (MAX_PIXELS / (picture.width * picture.height)) ** 0.5
    if share >= 1:
        return picture
    return picture.resize((max(1, int(picture.width * share)), max(1, int(picture.height * share))))
