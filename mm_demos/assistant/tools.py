"""What the assistant can do besides answering: look up an order, work out a return, draft a ticket, hand over."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from mm_demos import samples
from mm_demos.assistant.tools_orders import Shop, ShopRules
from mm_demos.assistant.tools_returns import RefundRuleTool
from mm_demos.assistant.tools_schema import Parameter, checked, schema
from mm_demos.assistant.tools_status import OrderStatusTool
from mm_demos.assistant.tools_tickets import HandOverTool, TicketDraftTool
from mm_demos.assistant.types import ToolName, ToolStep
from mm_demos.errors import DemoError, InvalidInputError

log = logging.getLogger(__name__)


class ToolResult(Protocol):
    """What a tool returns: a frozen dataclass whose `text` says all of it in plain sentences."""

    @property
    def text(self) -> str:
        """The result in words, ready to be shown or reworded."""
        ...


class Tool(Protocol):
    """One thing the assistant can do; a result is looked up or computed, never guessed."""

    @property
    def name(self) -> ToolName:
        """As it stands in a `ToolStep`."""
        ...

    @property
    def description(self) -> str:
        """One line for the language model and for people."""
        ...

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What it may be given; all are strings."""
        ...

    def question(self, arguments: Mapping[str, str]) -> str:
        """The one question to ask when something needed is missing; empty when the tool can be called."""
        ...

    def call(self, arguments: Mapping[str, str], *, today: date) -> ToolResult:
        """Do it.

        Raises:
            InvalidInputError: the arguments name nothing that is there.
        """
        ...


class Tools:
    """The tools of one shop, by name."""

    def __init__(self, *tools: Tool, shop: Shop | None = None) -> None:
        self._tools: dict[ToolName, Tool] = {tool.name: tool for tool in tools}
        self.shop = shop or Shop()

    @classmethod
    def of_shop(cls, shop: Shop) -> Tools:
        """All four tools over a shop's orders, products and rules."""
        return cls(OrderStatusTool(shop), RefundRuleTool(shop), TicketDraftTool(shop), HandOverTool(), shop=shop)

    @classmethod
    def of_folder(cls, folder: Path, *, rules: ShopRules | None = None) -> Tools:
        """All four tools over `orders.csv` and, where they are there, `products.csv` and the Markdown policies of a folder.

        Raises:
            InvalidInputError: a file cannot be read or lacks a column.
        """
        return cls.of_shop(Shop.of_folder(folder, rules=rules))

    @classmethod
    def sample(cls) -> Tools:
        """All four tools over the sample shop."""
        return cls.of_folder(samples.FOLDER / "shop", rules=ShopRules.sample())

    @property
    def names(self) -> tuple[ToolName, ...]:
        """What can be called."""
        return tuple(self._tools)

    def __getitem__(self, name: ToolName) -> Tool:
        if name not in self._tools:
            raise InvalidInputError(f"There is no tool {name!r}: choose one of {', '.join(self._tools)}.")
        return self._tools[name]

    def schema(self, name: ToolName) -> Mapping[str, object]:
        """JSON schema of a tool's arguments."""
        return schema(self[name].parameters)

    def step(self, name: ToolName, arguments: Mapping[str, str], *, today: date) -> ToolStep:
        """Call a tool; whatever goes wrong is the step's error, one sentence, and then there is no result."""
        given = {key: value for key, value in arguments.items() if value}
        try:
            tool = self[name]
            result = tool.call(checked(given, tool.parameters), today=today)
            return ToolStep(name, given, result=as_json(result))
        except DemoError as error:
            return ToolStep(name, given, error=str(error))
        except Exception as error:  # a tool of somebody else's may fail in any way; the reply must still say so
            log.exception("The tool %s failed", name)
            return ToolStep(name, given, error=f"The tool {name} failed ({type(error).__name__}), so nothing was looked up.")


def as_json(result: ToolResult) -> dict[str, object]:
    """A result's fields as JSON-ready values, without those that are empty."""
    if not dataclasses.is_dataclass(result) or isinstance(result, type):
        raise TypeError(f"A tool returns a dataclass, not {type(result).__name__}.")
    values = {field.name: _plain(getattr(result, field.name)) for field in dataclasses.fields(result)}
    return {name: value for name, value in values.items() if value not in (None, "", [])}


def _plain(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
