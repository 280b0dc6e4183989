"""Words after a picture and a prompt: drafted by search or by chance, or scored, whatever network writes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

TOP_P = 0.9  # of sampling; the unlikely tenth of every step holds most of what goes wrong


@dataclass(frozen=True, slots=True)
class Start:
    """A network before its first word.

    Args:
        network: writes (`generate`) and tells logits when it is called.
        context: what it is given besides the tokens: pixels, masks, states of an encoder.
        key: name of the argument that takes the tokens, "input_ids" or "decoder_input_ids".
        tokens: (1, n_tokens) that the words go on from.
        ends: numbers of the tokens that end a text.
        pad: number of the token that fills shorter texts.
    """

    network: Any
    context: Mapping[str, Any]
    key: str
    tokens: Any
    ends: tuple[int, ...]
    pad: int

    def inputs(self, more: Sequence[int] = ()) -> dict[str, Any]:
        """Everything the network takes, with `more` tokens after the first ones."""
        import torch

        added = torch.tensor([list(more)], dtype=self.tokens.dtype, device=self.tokens.device)
        inputs = {self.key: torch.cat([self.tokens, added], dim=1)}
        for name, value in self.context.items():
            # Masks over the tokens grow with them; other masks are those of an encoder.
            along = self.key == "input_ids" and getattr(value, "shape", None) == self.tokens.shape
            filler = torch.full_like(added, int(name == "attention_mask"))
            inputs[name] = torch.cat([value, filler.to(value.dtype)], dim=1) if along else value
        return inputs


@dataclass(frozen=True, slots=True)
class Draft:
    """Tokens that were written, without what they went on from, and their log-probability with that of an end, if it came."""

    tokens: tuple[int, ...]
    log_prob: float


@dataclass(frozen=True, slots=True)
class Way:
    """How to write.

    Args:
        method: "beam" searches for the likeliest tokens, "sampling" draws them.
        n: how many drafts.
        beams: under way in the search; 1 is greedy.
        temperature: of sampling.
        seed: of sampling.
        max_new_tokens: upper bound of a draft's length.
        by_total: compare drafts by their probability, not by that of their average token, which favours longer ones.
    """

    method: Literal["beam", "sampling"] = "beam"
    n: int = 1
    beams: int = 1
    temperature: float = 1.0
    seed: int = 0
    max_new_tokens: int = 40
    by_total: bool = False

    @property
    def settings(self) -> dict[str, Any]:
        """What `generate` calls all this."""
        drawn = self.method == "sampling" and self.temperature > 0
        return {
            "do_sample": drawn,
            "num_beams": 1 if drawn else max(self.beams, self.n),
            "num_return_sequences": self.n,
            "max_new_tokens": self.max_new_tokens,
            # A checkpoint may bring settings of its own, which must not narrow the draws.
            "temperature": self.temperature if drawn else 1.0,
            "top_p": TOP_P if drawn else 1.0,
            "top_k": 0 if drawn else 50,
            "length_penalty": 0.0 if self.by_total else 1.0,
        }


def write(start: Start, begun: Sequence[int], way: Way, step: Callable[[int], None]) -> list[Draft]:
    """Different drafts that go on from `begun`, in the order of the search.

    Args:
        start: picture and prompt.
        begun: tokens that every draft begins with.
        way: how to write.
        step: called after every token with their number; may raise to stop.
    """
    import torch
    from transformers import StoppingCriteriaList

    inputs = start.inputs(begun)
    length = inputs[start.key].shape[1]

    def heard(tokens: Any, *_: Any, **__: Any) -> Any:
        step(int(tokens.shape[1]) - length)
        return torch.zeros(tokens.shape[0], dtype=torch.bool, device=tokens.device)

    device = start.tokens.device
    with torch.random.fork_rng([device] if device.type == "cuda" else []), torch.inference_mode():
        torch.manual_seed(way.seed)
        output = start.network.generate(
            **inputs,
            **way.settings,
            eos_token_id=list(start.ends),
            pad_token_id=start.pad,
            stopping_criteria=StoppingCriteriaList([heard]),
            return_dict_in_generate=True,
            output_logits=True,
        )
        return _drafts(output, frozenset(start.ends))


def _drafts(output: Any, ends: frozenset[int]) -> list[Draft]:
    """The tokens written, and the sum of their logarithmic probabilities by the network's own logits."""
    steps = [logits.float() for logits in output.logits]
    totals = [logits.logsumexp(-1) for logits in steps]
    beams = getattr(output, "beam_indices", None)
    written_at_most = len(steps) if beams is None else int((beams >= 0).sum(-1).max())
    length = output.sequences.shape[1] - written_at_most
    found: dict[tuple[int, ...], Draft] = {}
    for row, sequence in enumerate(output.sequences.tolist()):
        written: list[int] = []
        log_prob = 0.0
        for i, token in enumerate(sequence[length:]):
            source = row if beams is None else int(beams[row, i])
            if source < 0:
                break
            if token in ends:  # whichever of them came, it ended there
                log_prob += float(steps[i][source, sorted(ends)].logsumexp(-1) - totals[i][source])
                break
            log_prob += float(steps[i][source, token] - totals[i][source])
            written.append(token)
        found.setdefault(tuple(written), Draft(tuple(written), log_prob))
    return list(found.values())


def log_prob(start: Start, tokens: Sequence[int]) -> float:
    """Natural logarithm of the probability that the text is exactly `tokens`, its end included."""
    import torch

    inputs = start.inputs(tokens)
    with torch.inference_mode():
        logits = start.network(**inputs).logits[0, -len(tokens) - 1 :].float().log_softmax(-1)
    written = sum(float(logits[i, token]) for i, token in enumerate(tokens))
    return written + float(logits[-1, list(start.ends)].logsumexp(-1))
