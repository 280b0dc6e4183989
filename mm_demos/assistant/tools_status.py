"""How an order stands, from its row and the shop's delivery times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from mm_demos.assistant.tools_days import counted, in_words, working_days_after
from mm_demos.assistant.tools_orders import Order, Shop
from mm_demos.assistant.tools_schema import Parameter
from mm_demos.assistant.types import ToolName

ORDER = Parameter("order", "order number", required=True)
WHICH_ORDER = "What is your order number? It is in the confirmation e-mail."
ARTICLES = {
    "processing": "is being prepared and has not been shipped yet",
    "ready for pickup": "is ready to be collected from the shop",
    "lost": "was lost on its way",
    "returned": "was returned",
    "cancelled": "was cancelled",
}


@dataclass(frozen=True, slots=True)
class OrderStatus:
    """How an order stands; who ordered is left out, since a number is all that was asked for.

    Args:
        expected_from: first working day on which it may arrive; None when it has arrived or no delivery time is known.
        late: it should have arrived by now.
        out_of_stock: what an order that was not shipped yet is waiting for.
    """

    order: str
    status: str
    items: tuple[str, ...]
    text: str
    delivery: str = ""
    ordered: date | None = None
    shipped: date | None = None
    delivered: date | None = None
    expected_from: date | None = None
    expected_to: date | None = None
    late: bool = False
    out_of_stock: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class OrderStatusTool:
    """Looks an order up."""

    shop: Shop
    name: ToolName = "order_status"
    description: str = "Look up how an order stands and when it arrives."
    parameters: tuple[Parameter, ...] = (ORDER,)

    def question(self, arguments: Mapping[str, str]) -> str:
        """Asks for the number of the order."""
        return "" if arguments.get("order") else WHICH_ORDER

    def call(self, arguments: Mapping[str, str], *, today: date) -> OrderStatus:
        """Status, dates and, on its way, the days on which it should arrive."""
        order = self.shop.order(arguments["order"])
        expected = expected_days(order, self.shop)
        waiting = self._waiting(order)
        late = bool(expected and today > expected[1])
        return OrderStatus(
            order=order.number,
            status=order.status,
            items=tuple(map(str, order.items)),
            text=" ".join(self._sentences(order, expected, waiting, today)),
            delivery=order.delivery,
            ordered=order.ordered,
            shipped=order.shipped,
            delivered=order.delivered,
            expected_from=expected[0] if expected else None,
            expected_to=expected[1] if expected else None,
            late=late,
            out_of_stock=waiting,
        )

    def _waiting(self, order: Order) -> tuple[str, ...]:
        if order.status != "processing":
            return ()
        return tuple(item.name for item in order.items if self.shop.product(item.name).in_stock == 0)

    def _sentences(
        self, order: Order, expected: tuple[date, date] | None, waiting: tuple[str, ...], today: date
    ) -> tuple[str, ...]:
        return tuple(
            filter(
                None,
                (
                    f"Order {order.number} ({', '.join(map(str, order.items))}) {_state(order)}.",
                    f"Out of stock at the moment: {', '.join(waiting)}." if waiting else "",
                    _arrival(expected, today) if expected else "",
                    _lost(order, self.shop, today),
                ),
            )
        )


def expected_days(order: Order, shop: Shop) -> tuple[date, date] | None:
    """First and last working day on which a shipped order should arrive; None when it arrived or nobody knows."""
    days = shop.rules.delivery_days.get(order.delivery)
    if order.status != "shipped" or order.shipped is None or days is None:
        return None
    return working_days_after(order.shipped, days[0]), working_days_after(order.shipped, days[1])


def counts_as_lost(order: Order, shop: Shop, today: date) -> bool:
    """Whether it was shipped so long ago that the shop's policy takes it for lost."""
    if order.status != "shipped" or order.shipped is None or shop.rules.lost_after is None:
        return order.status == "lost"
    return today > working_days_after(order.shipped, shop.rules.lost_after)


def _state(order: Order) -> str:
    if order.status == "delivered" and order.delivered:
        return f"was delivered on {in_words(order.delivered)}"
    if order.status == "shipped" and order.shipped:
        how = f" by {order.delivery} delivery" if order.delivery else ""
        return f"was shipped on {in_words(order.shipped)}{how}"
    state = ARTICLES.get(order.status, f'has the status "{order.status}"')
    return f"of {in_words(order.ordered)} {state}" if order.ordered else state


def _arrival(expected: tuple[date, date], today: date) -> str:
    first, last = expected
    if today > last:
        return f"It should have arrived by {in_words(last)} and is {counted((today - last).days, 'day')} late."
    if today >= first:
        return f"It should arrive by {in_words(last)}."
    return f"It should arrive between {in_words(first)} and {in_words(last)}."


def _lost(order: Order, shop: Shop, today: date) -> str:
    if not counts_as_lost(order, shop, today) or shop.rules.lost_after is None:
        return ""
    return "A lost parcel is sent again or refunded in full, as you prefer."
