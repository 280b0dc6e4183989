"""One turn of a conversation: text, pictures and voice to an answer with sources, or to an honest "I do not know"."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from mm_demos import media
from mm_demos.assistant import guard, prompts
from mm_demos.assistant.knowledge import SUPPORTED, Knowledge
from mm_demos.assistant.memory import window
from mm_demos.assistant.prompts import MAX_PERSONA_CHARS, MAX_POLICY_CHARS
from mm_demos.assistant.prompts_grounding import CHOICE, is_row, quoted
from mm_demos.assistant.prompts_rows import answers
from mm_demos.assistant.tools import Tools
from mm_demos.assistant.types import Conversation, Message, Passage, Reply, Source
from mm_demos.assistant.understanding import look
from mm_demos.assistant.understanding_questions import elliptic, standalone, whole
from mm_demos.errors import InvalidInputError
from mm_demos.models import catalog
from mm_demos.models.protocols import ChatModel, TextEmbedder, TranscribeOptions
from mm_demos.models.usage import Usage
from mm_demos.progress import Progress
from mm_demos.results import Option, Receipt
from mm_demos.tasks.assistant_plan import Plan, Turn, expected_words, planned, product_shown
from mm_demos.tasks.assistant_shop import classifier, looks_of, sample_day, sample_knowledge, sample_pictures, sample_tools
from mm_demos.tasks.assistant_wording import Wording, worded
from mm_demos.tasks.options import check_seed
from mm_demos.tasks.receipts import Run, record
from mm_demos.tasks.transcription import transcribe

MAX_TEXT_CHARS = 4000
MAX_IMAGES = 4
TOP_K = 3
NEAR = 0.85  # of the best passage's score; less sure ones are left out of the prompt
SURELY_SUPPORTED = 0.8  # where nobody asked, the documents speak only when they surely fit
NEEDS_NO_MORE = 0.9  # of what a whole question finds by itself
HARDLY = 0.7  # of a passage that a yes or no needs more than
FEW_WORDS = 4  # of a question that may leave out what it is about
SORRY = "I am sorry about that."
REPORT_SECONDS = 0.05  # between two growing replies; more often, nobody sees it and the page works for it


def reply(
    conversation: Conversation,
    message: Message,
    *,
    knowledge: Knowledge | None = None,
    tools: Tools | None = None,
    pictures: Mapping[str, Path] | None = None,
    persona: str = "",
    policy: str = "",
    temperature: float = 0.0,
    today: date | None = None,
    seed: int = 0,
    model: str | None = None,
    progress: Progress | None = None,
) -> Iterator[Reply]:
    """Yield the answer to `message` as it grows; the last `Reply` is done and has the receipt. Close it to stop.

    Code decides what to do and what supports an answer; the language model only words answers from quoted passages.

    Args:
        knowledge: documents to answer from; the sample shop's by default.
        tools: what can be looked up; the sample shop's by default, when `knowledge` is not given either.
        pictures: of the shop's products by name, so that a photo of one is recognised.
        persona: tone of the answers, e.g. "warm and brief".
        policy: house rules for the language model.
        temperature: in [0, 2]; 0 gives the same answer every time.
        today: the day that dates are counted from; today by default, and the sample's own day for the sample shop.

    Raises:
        InvalidInputError: an empty or too long message, or a file that cannot be read.
        StoppedError: `progress.stop()` was called.
    """
    progress = progress or Progress()
    message, conversation = checked(message), _own(conversation)
    if not 0 <= temperature <= 2:
        raise InvalidInputError(f"The temperature must lie between 0 and 2, not at {temperature}.")
    for what, text, limit in (("persona", persona, MAX_PERSONA_CHARS), ("policy", policy, MAX_POLICY_CHARS)):
        if len(media.clean_text(text)) > limit:
            raise InvalidInputError(f"The {what} is too long: write at most {limit} characters.")
    check_seed(seed)
    if knowledge is None and tools is None:
        tools, pictures, today = sample_tools(), pictures or sample_pictures(), today or sample_day()
    tools = tools or Tools()
    currency = tools.shop.rules.currency if tools.shop.products else ""
    noted: dict[str, Option] = {"text": message.text, "images": len(message.images), "audio": message.audio is not None}
    noted |= {"persona": persona, "policy": policy, "temperature": temperature}
    with record("reply", options=noted, seed=seed, progress=progress) as run:
        answering = _Answering(
            run=run,
            started=time.monotonic(),
            knowledge=sample_knowledge if knowledge is None else lambda: knowledge,
            tools=tools,
            pictures=pictures or {},
            style=Wording("", (), window(conversation), (), persona, policy, temperature, seed, currency),
            today=today or date.today(),
            model=catalog.chosen(model, "chat"),
            progress=progress,
        )
        yield from answering.replies(conversation, message)


def checked(message: Message) -> Message:
    """The message with its text cleaned.

    Raises:
        InvalidInputError: nothing in it, too long, or too many pictures.
    """
    text = media.clean_text(message.text).strip()
    if not text and not message.images and message.audio is None:
        raise InvalidInputError("The message is empty: write something, record a voice message or add a picture.")
    if len(text) > MAX_TEXT_CHARS:
        raise InvalidInputError(f"The message is too long: write at most {MAX_TEXT_CHARS:,} characters.")
    if len(message.images) > MAX_IMAGES:
        raise InvalidInputError(
            f"A message may have {MAX_IMAGES} pictures, not {len(message.images)}: send the others in the next."
        )
    return replace(message, text=text)


@dataclass(frozen=True, slots=True)
class _Answering:
    """One turn under way."""

    run: Run
    started: float
    knowledge: Callable[[], Knowledge]  # made when it is needed: a greeting need not wait for it
    tools: Tools
    pictures: Mapping[str, Path]
    style: Wording
    today: date
    model: str
    progress: Progress

    def replies(self, conversation: Conversation, message: Message) -> Iterator[Reply]:
        """Growing replies, the last one done."""
        transcript, notices = self._heard(message)
        words = guard.own_words(message.text, transcript)
        seen = look(message.images, lease=self.run.lease, progress=self.progress, products=lambda: looks_of(self.pictures))
        base = Reply("", transcript=transcript, seen=seen, notices=notices, done=False)
        if guard.asks_for_instructions(f"{message.text} {transcript}") or (not words and (message.text or transcript)):
            yield self._last(replace(base, text=prompts.REFUSAL))
            return
        if not words and not seen:
            yield self._last(replace(base, text=prompts.SILENT, abstained=True))
            return
        embedder: TextEmbedder = self.run.lease(catalog.default("text-embedder"))
        before = conversation.exchanges[-1].reply.intent if conversation.exchanges else None
        understood = classifier(catalog.default("text-embedder")).understand(words, embedder=embedder, previous=before)
        base = replace(base, intent=understood.intent, intent_score=understood.intent_score, sentiment=understood.sentiment)
        turn = Turn(words, understood, conversation, seen, product_shown(words, seen, conversation, self.tools))
        yield from self._carried_out(planned(turn, self.tools, self.today), turn, base, embedder)

    def _heard(self, message: Message) -> tuple[str, tuple[str, ...]]:
        """What the voice message says, and what is to be told about it."""
        if message.audio is None:
            return "", ()
        options = TranscribeOptions(initial_prompt=expected_words(self.tools))
        heard = transcribe(message.audio, options=options, progress=self.progress.part())
        return media.clean_text(heard.text).strip(), heard.notices

    def _carried_out(self, plan: Plan, turn: Turn, base: Reply, embedder: TextEmbedder) -> Iterator[Reply]:
        if plan.say:
            yield self._last(replace(base, text=plan.say))
            return
        sources, sureness = self._sources(plan, turn.words, embedder)
        if plan.tool is not None:
            yield self._last(self._with_tool(plan, base, sources, turn.words))
        elif sources:
            yield from self._worded(turn, plan, replace(base, sources=sources), sureness)
        elif plan.question:
            yield self._last(replace(base, text=plan.question))
        else:
            yield self._last(_abstaining(turn, base))

    def _sources(self, plan: Plan, words: str, embedder: TextEmbedder) -> tuple[tuple[Source, ...], float]:
        """Quotes of the passages that support an answer, by the search that found the surest one, and how sure that is."""
        best: tuple[Passage, ...] = ()
        asked = ""
        for question in plan.searches:
            self.progress.checkpoint()
            found = self.knowledge().find(question, embedder=embedder, top_k=TOP_K)
            found = tuple(passage for passage in found if answers(passage.span, words))
            if found and (not best or found[0].score > best[0].score):
                best, asked = found, question
            if best and best[0].score >= NEEDS_NO_MORE and whole(words):
                break  # with what was asked before, the passage that answered that would come first again
        complaint = plan.tool == "ticket_draft"
        least = max(SURELY_SUPPORTED if complaint else SUPPORTED, NEAR * best[0].score) if best else SUPPORTED
        # Beside a ticket stands what the rules say, not what the product is.
        kept = [passage for passage in best if passage.score >= least and not (complaint and is_row(passage.span))]
        return quoted(kept, asked, embedder=embedder), best[0].score if best else 0.0

    def _with_tool(self, plan: Plan, base: Reply, sources: tuple[Source, ...], asked: str) -> Reply:
        """The tool's own sentences; what the documents say of a complaint stands after them, word for word."""
        assert plan.tool is not None  # noqa: S101  # by the caller
        step = self.tools.step(plan.tool, plan.arguments or {}, today=self.today)
        texts = [SORRY] if plan.tool == "ticket_draft" else []
        texts.append(step.error or str(step.result.get("text", "")))
        if sources:
            texts.append(replace(self.style, question=asked, sources=sources).quotation().text)
        if step.error:
            texts.append(prompts.OFFER)
        return replace(base, text=" ".join(texts), steps=(step,), sources=sources)

    def _worded(self, turn: Turn, plan: Plan, base: Reply, sureness: float) -> Iterator[Reply]:
        """The language model's answer from the quotes; a question without a verb gets the source's own words."""
        if elliptic(turn.words):
            asked = standalone(turn.words, turn.earlier)
            text = replace(self.style, question=asked, sources=base.sources).quotation().text
            yield self._last(replace(base, text=_followed(text, plan)))
            return
        chat: ChatModel = self.run.lease(self.model)
        self.progress.report("Writing")
        wording = replace(self.style, question=turn.words, sources=base.sources, seen=base.seen)
        shown, first = 0.0, 0.0
        for each in worded(wording, chat, allowed=guard.may_be_shown, progress=self.progress):
            now = time.monotonic()
            first = first or now - self.started
            if each.done:
                # A yes or no that does not hold, from a passage that hardly fits, is no answer even in the source's words.
                weak = each.quoted and sureness < HARDLY and bool(CHOICE.match(turn.words))
                told = _abstaining(turn, base) if weak else replace(base, text=_followed(each.text, plan))
                yield replace(told, done=True, first_token_seconds=first, receipt=self._receipt(each.usage))
            elif now - shown >= REPORT_SECONDS:
                shown = now
                yield replace(base, text=each.text, first_token_seconds=first)

    def _last(self, done: Reply) -> Reply:
        return replace(done, done=True, first_token_seconds=time.monotonic() - self.started, receipt=self._receipt())

    def _receipt(self, usage: Usage | None = None) -> Receipt:
        """What the turn cost, with the language model's tokens where it was asked."""
        receipt = self.run.receipt()
        if usage is None:
            return receipt
        tokens = {name: getattr(usage, name) for name in ("prompt_tokens", "evaluated_tokens", "new_tokens")}
        return replace(receipt, options={**receipt.options, **tokens})


def _followed(text: str, plan: Plan) -> str:
    """An answer, and after it what the turn has to ask anyway."""
    return f"{text} {plan.question}" if plan.asks_anyway and plan.question else text


def _abstaining(turn: Turn, base: Reply) -> Reply:
    """ "I do not know", with one question."""
    asked = any(exchange.reply.abstained for exchange in turn.conversation.exchanges[-1:])
    vague = len(turn.words.split()) <= FEW_WORDS and turn.understood.intent in {"product question", "complaint", "refund"}
    return replace(base, text=prompts.unknown(asked_before=asked, vague=vague), abstained=True, sources=())


def _own(conversation: Conversation) -> Conversation:
    """The earlier turns with the user's own words only: what spoke to the model alone does not come back."""
    exchanges = (
        replace(
            each,
            message=replace(each.message, text=guard.own_words(each.message.text, each.reply.transcript)),
            reply=replace(each.reply, transcript=""),
        )
        for each in conversation.exchanges
    )
    return replace(conversation, exchanges=tuple(exchanges))
