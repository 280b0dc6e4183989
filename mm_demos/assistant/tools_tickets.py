"""What is written for people: a ticket as a draft, and the summary a colleague takes over with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from mm_demos.assistant import guard
from mm_demos.assistant.tools_orders import Shop
from mm_demos.assistant.tools_schema import Parameter
from mm_demos.assistant.types import ToolName

TicketKind = Literal["damaged", "wrong item", "missing", "late", "faulty", "billing", "service", "other"]
Priority = Literal["normal", "high"]

# The first kind with a word in the description; damage on the way is told from a fault by how it came.
KINDS: tuple[tuple[TicketKind, str], ...] = (
    ("wrong item", r"wrong (?:item|colou?r|size|one|product|thing|order)|instead of|not what i ordered"),
    ("billing", r"charged|billed|invoice|overcharg|paid twice|payment|double charge"),
    ("damaged", r"broken|smashed|shattered|crack|chip|dent|torn|wet|soaked|crushed|pieces|leak|damage|bent|scratch"),
    ("missing", r"missing|incomplete|forgot|not in the (?:box|parcel)|half the|empty"),
    ("late", r"late\b|delay|not (?:yet )?arriv|never (?:came|arriv)|still waiting|not received|lost"),
    ("faulty", r"not work|stopped working|doesn't work|does not work|defect|fault|fell apart|came off|won't"),
    ("service", r"rude|nobody|no one|unfriendly|reply|replies|answered|service|unhappy|disappoint"),
)
URGENT = re.compile(
    r"injur|hurt|burn|fire|smoke|electric shock|bleed|cut my|lawyer|police|urgent|emergency|sparks", re.IGNORECASE
)
MAX_SUBJECT = 80  # characters


@dataclass(frozen=True, slots=True)
class TicketDraft:
    """A ticket that nobody has sent yet, so it has no number; `description` is in the customer's own words."""

    subject: str
    kind: TicketKind
    priority: Priority
    description: str
    created: date
    text: str
    order: str = ""
    product: str = ""
    items: tuple[str, ...] = ()
    status: Literal["draft"] = "draft"


@dataclass(frozen=True, slots=True)
class TicketDraftTool:
    """Writes a ticket for a person to send."""

    shop: Shop
    name: ToolName = "ticket_draft"
    description: str = "Draft a ticket about a problem with an order or a product."
    parameters: tuple[Parameter, ...] = (
        Parameter("description", "problem in the customer's words", required=True),
        Parameter("order", "order number"),
        Parameter("product", "name of the product"),
        Parameter("sentiment", "how the customer feels", choices=("positive", "neutral", "negative")),
    )

    def question(self, arguments: Mapping[str, str]) -> str:
        """Asks what went wrong when nothing was said."""
        return "" if arguments.get("description") else "What went wrong?"

    def call(self, arguments: Mapping[str, str], *, today: date) -> TicketDraft:
        """The draft; an order that is named must be there."""
        description, product = guard.cleaned(arguments["description"]), guard.safe(arguments.get("product", ""))
        order = self.shop.order(arguments["order"]) if arguments.get("order") else None
        kind = kind_of(description)
        about = product or (f"order {order.number}" if order else "")
        subject = f"{kind.capitalize()}: {about}" if about else f"{kind.capitalize()}: {_first_words(description)}"
        number = f" for order {order.number}" if order else ""
        return TicketDraft(
            subject=subject[:MAX_SUBJECT],
            kind=kind,
            priority="high" if URGENT.search(description) else "normal",
            description=description,
            created=today,
            text=f'A ticket "{subject[:MAX_SUBJECT]}"{number} is drafted; it has not been sent yet.',
            order=order.number if order else "",
            product=product,
            items=tuple(map(str, order.items)) if order else (),
        )


@dataclass(frozen=True, slots=True)
class HandOver:
    """What a colleague needs to go on: in the customer's words and by the facts that were found."""

    reason: str
    summary: str
    created: date
    text: str
    order: str = ""
    sentiment: str = ""


@dataclass(frozen=True, slots=True)
class HandOverTool:
    """Prepares the summary with which a person takes over."""

    name: ToolName = "hand_over"
    description: str = "Hand the conversation over to a person, with a summary."
    parameters: tuple[Parameter, ...] = (
        Parameter("reason", "reason for handing over"),
        Parameter("summary", "what was asked and answered so far"),
        Parameter("order", "order number"),
        Parameter("sentiment", "how the customer feels", choices=("positive", "neutral", "negative")),
    )

    def question(self, arguments: Mapping[str, str]) -> str:  # noqa: ARG002 - part of the protocol
        """Nothing is needed."""
        return ""

    def call(self, arguments: Mapping[str, str], *, today: date) -> HandOver:
        """The summary; the order's number is passed on as it was given, for the colleague to check."""
        order = guard.safe(arguments.get("order", ""), limit=40)
        about = f" about order {order}" if order else ""
        return HandOver(
            reason=arguments.get("reason", "the customer asked for a person"),
            summary=guard.cleaned(arguments.get("summary", "")),
            created=today,
            text=f"A summary{about} is ready for a colleague, who takes over from here.",
            order=order,
            sentiment=arguments.get("sentiment", ""),
        )


def kind_of(description: str) -> TicketKind:
    """What a complaint is about, by its words."""
    return next((kind for kind, words in KINDS if re.search(words, description, re.IGNORECASE)), "other")


def _first_words(text: str) -> str:
    return " ".join(text.split()[:8])
