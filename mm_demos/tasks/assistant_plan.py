"""What to do with a turn, decided by code: say a fixed sentence, call a tool, or search the documents."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from mm_demos.assistant import guard, prompts
from mm_demos.assistant.arguments import FAULTY, WRONG_ITEM, read_arguments
from mm_demos.assistant.arguments_numbers import has_order_number
from mm_demos.assistant.intents import TOOL_OF, Understood
from mm_demos.assistant.tools import Tools
from mm_demos.assistant.tools_status import WHICH_ORDER
from mm_demos.assistant.types import Conversation, Intent, Seen, ToolName
from mm_demos.assistant.understanding import points_at_picture, product_in
from mm_demos.assistant.understanding_questions import agrees, declines, leans, standalone

SHOWN_CHARS = 80  # of a picture's text that are searched with the question
SHORT_WORDS = 8  # of a message that only gives an order number
SURE_HUMAN = 0.6  # probability from which a person is asked for beyond doubt
SURE_TALK = 0.5  # probability from which small talk is taken for nothing else
EXPECTED_CHARS = 600  # of names given to speech recognition, which reads the last 223 tokens
OWN = re.compile(
    r"\b(?:my|mine|i(?:'ve| have| am|'m)? (?:ordered|order|bought|want|would like|paid|got|received|need))\b|\bi'd like\b", re.I
)
ASKING = re.compile(r"\?|^\W*(?:how|what|when|where|which|who|can|may|do|does|is|are|could|will)\b", re.IGNORECASE)
PROBLEM = re.compile(f"{FAULTY.pattern}|{WRONG_ITEM.pattern}|\\b(?:is|was|are|were) missing\\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Turn:
    """One message understood.

    Args:
        words: the user's own, written and spoken; only they choose tools.
        conversation: the turns before.
        product: what a picture shows, where the shop sells it.
    """

    words: str
    understood: Understood
    conversation: Conversation
    seen: tuple[Seen, ...] = ()
    product: str = ""

    @property
    def earlier(self) -> tuple[str, ...]:
        """The user's own words of the turns before, oldest first."""
        return tuple(prompts.said(exchange) for exchange in self.conversation.exchanges)

    @property
    def waiting(self) -> Intent | None:
        """What the turn before was for, when it ended with asking for the order number."""
        exchanges = self.conversation.exchanges
        return exchanges[-1].reply.intent if exchanges and exchanges[-1].reply.text.endswith(WHICH_ORDER) else None

    @property
    def offered(self) -> bool:
        """Whether the assistant has just offered to hand over."""
        exchanges = self.conversation.exchanges
        return bool(exchanges) and prompts.OFFER in exchanges[-1].reply.text


@dataclass(frozen=True, slots=True)
class Plan:
    """What a turn comes to.

    Args:
        say: a fixed sentence; empty when there is something to do.
        tool: to call with `arguments`; None where there is none.
        question: what to ask when the documents do not answer either; empty for the usual "I do not know".
        asks_anyway: the question is also asked after an answer from the documents.
        searches: questions for the documents, the plainest first; empty when nothing is to be searched.
    """

    say: str = ""
    tool: ToolName | None = None
    arguments: Mapping[str, str] | None = None
    question: str = ""
    asks_anyway: bool = False
    searches: tuple[str, ...] = ()


def planned(turn: Turn, tools: Tools, today: date) -> Plan:
    """What to do; only the user's own words choose a tool, never a picture or a document."""
    if turn.offered and agrees(turn.words):
        return _called("hand_over", turn, tools, today)
    said = _said(turn)
    if said:
        return Plan(say=said)
    tool, searches = tool_for(turn), searched(turn)
    if tool is None or tool not in tools.names:
        return Plan(searches=searches)
    plan = _called(tool, turn, tools, today)
    missing = tools[tool].question(plan.arguments or {})
    if missing:
        return _asking(missing, plan, turn, searches)
    if tool == "ticket_draft":
        return replace(plan, searches=(turn.words, *searches))
    unsure = tool == "hand_over" and turn.understood.intent_score < SURE_HUMAN
    return Plan(searches=searches) if unsure else plan  # "I do not know" offers to hand over anyway


def _said(turn: Turn) -> str:
    """A fixed sentence for a turn in which nothing is asked; empty when something is."""
    if turn.offered and declines(turn.words):
        return prompts.REPEAT
    if not turn.words and not turn.product:
        return prompts.ABOUT_PICTURE
    talk = turn.understood.intent == "small talk" and turn.understood.intent_score >= SURE_TALK
    return prompts.small_talk(turn.words) if talk and not turn.seen else ""


def tool_for(turn: Turn) -> ToolName | None:
    """The tool that the user's own words ask for; what arrived broken is a complaint, with an order number beside it or not."""
    tool = TOOL_OF.get(turn.waiting) if turn.waiting and gives_number(turn.words) else turn.understood.tool
    if tool == "order_status" and PROBLEM.search(turn.words):
        return "ticket_draft"
    return tool


def gives_number(words: str) -> bool:
    """Whether a message does little more than give an order number."""
    return has_order_number(words) and len(words.split()) <= SHORT_WORDS and not ASKING.search(words)


def _asking(missing: str, plan: Plan, turn: Turn, searches: tuple[str, ...]) -> Plan:
    """What to do when a tool lacks something: ask for it at once where only the tool can answer, else after the documents."""
    if not OWN.search(turn.words):
        return Plan(searches=searches, question="" if plan.tool == "order_status" else missing)
    told = plan.tool != "order_status" and ((plan.arguments or {}).get("product") or ASKING.search(turn.words))
    return Plan(question=missing, asks_anyway=True, searches=searches) if told else Plan(say=missing)


def searched(turn: Turn) -> tuple[str, ...]:
    """Questions for the documents: the turn's own words, with the product a picture shows, and with what was asked before."""
    words = turn.words
    if turn.product and points_at_picture(words):
        words = f"{turn.product}: {words}" if words else turn.product
    elif turn.seen and words and points_at_picture(words):
        shown = " ".join(picture.text for picture in turn.seen if not guard.gives_orders(picture.text))[:SHOWN_CHARS]
        words = f"{shown}: {words}" if shown else words
    if not words:
        return ()
    return (words, standalone(words, turn.earlier)) if leans(words) and turn.earlier else (words,)


def _called(tool: ToolName, turn: Turn, tools: Tools, today: date) -> Plan:
    shown = tuple(picture.text for picture in turn.seen if not guard.gives_orders(picture.text))
    arguments = read_arguments(tool, turn.words, turn.earlier, shop=tools.shop, today=today, seen=shown)
    given = dict(arguments)
    known = {parameter.name for parameter in tools[tool].parameters}
    said = given.get("product", "").lower()
    pointing = "product" in known and points_at_picture(turn.words) and not given.get("order")
    if turn.product and pointing and not (said and said in turn.words.lower()):
        given["product"] = turn.product  # "my cup" next to a photo of the mug
    if "sentiment" in known:
        given["sentiment"] = turn.understood.sentiment
    if tool == "hand_over":
        given["summary"] = summary_of(turn)
    return Plan(tool=tool, arguments={name: value for name, value in given.items() if name in known and value})


def summary_of(turn: Turn) -> str:
    """The conversation for a colleague: what was asked, what was answered, newest last."""
    lines = [
        f"Customer: {prompts.said(exchange) or '(a picture)'}\nAssistant: {prompts.unmarked(exchange.reply.text)}"
        for exchange in turn.conversation.exchanges[-6:]
    ]
    return "\n".join([*lines, f"Customer: {turn.words}"])[-1500:]


def product_shown(words: str, seen: tuple[Seen, ...], conversation: Conversation, tools: Tools) -> str:
    """The shop's product that the pictures show, or those of the turn before when the words lean on it; empty without one."""
    names = tuple(product.name for product in tools.shop.products.values())
    if not seen and conversation.exchanges and leans(words):
        seen = conversation.exchanges[-1].reply.seen
    return product_in(seen, names)


def expected_words(tools: Tools) -> str:
    """What speech recognition should expect: how an order number is written, and the names of products."""
    number = next((f"Order {order.number}. " for order in tools.shop.orders.values()), "")
    names = ", ".join(product.name for product in tools.shop.products.values())
    return f"{number}{names}"[:EXPECTED_CHARS].strip()
