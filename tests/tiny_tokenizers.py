"""Vocabularies trained in a moment on a few sentences, for tokenizers of the real classes."""

from __future__ import annotations

from pathlib import Path

SENTENCES = (
    "a brown dog runs through the green grass",
    "two children are playing on a beach with a red ball",
    "Is there a cat in the picture? Answer yes or no.",
    "How many people are there? Answer with a number.",
    "Question: what colour is the sky? Answer: blue",
    "Describe this picture in one short sentence.",
    "a cup of coffee stands on a wooden table",
    "zero one two three four five six seven eight nine ten",
)
Vocabulary = tuple[dict[str, int], list[tuple[str, str]]]


def byte_pairs(first: tuple[str, ...], size: int = 400, suffix: str = "") -> Vocabulary:
    """Tokens and merges of a byte-level vocabulary whose first numbers are those of `first`."""
    import json

    from tokenizers import Tokenizer, pre_tokenizers, trainers
    from tokenizers.models import BPE

    ending = {"end_of_word_suffix": suffix} if suffix else {}
    tokenizer = Tokenizer(BPE(**ending))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=list(first), initial_alphabet=alphabet, show_progress=False, **ending
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(pair) for pair in model["merges"]]


def word_pieces() -> dict[str, int]:
    """Words and letters for a BERT tokenizer; as published, it lacks the two tokens that BLIP adds."""
    words = sorted({word.strip("?.:,").lower() for sentence in SENTENCES for word in sentence.split()})
    letters = [
        *"abcdefghijklmnopqrstuvwxyz0123456789.,?!:",
        *(f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz0123456789"),
    ]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *words]
    return {token: number for number, token in enumerate(dict.fromkeys(tokens))}


def sentence_pieces(folder: Path, size: int = 70) -> Path:
    """A SentencePiece model with the numbers of T5: <pad> 0, </s> 1, <unk> 2."""
    import sentencepiece

    path = folder / "spiece.model"
    with path.open("wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(SENTENCES),
            model_writer=file,
            vocab_size=size,
            pad_id=0,
            eos_id=1,
            unk_id=2,
            bos_id=-1,
            minloglevel=2,
        )
    return path
