"""Whether goods may go back, until when and for how much: arithmetic on dates, prices and the shop's rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from mm_demos.assistant import guard
from mm_demos.assistant.tools_days import counted, in_words, parsed_day, years_after
from mm_demos.assistant.tools_orders import NAMELESS, Item, Order, Product, Shop
from mm_demos.assistant.tools_schema import Parameter
from mm_demos.assistant.tools_status import WHICH_ORDER, counts_as_lost
from mm_demos.assistant.types import ToolName
from mm_demos.errors import InvalidInputError

REASONS = ("no reason", "faulty", "wrong item")


@dataclass(frozen=True, slots=True)
class ItemDecision:
    """What the rules say of one line of an order; `sentence` has {names} where the products go."""

    item: Item
    product: Product
    last_day: date | None
    allowed: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class RefundDecision:
    """What the rules say.

    Args:
        allowed: at least one of the items may go back, or is refunded without.
        last_day: of returning all that may go back; None where it does not depend on a day.
        days_left: until then; 0 is today.
        amount: refunded in the shop's currency; None when a price is not known.
    """

    allowed: bool
    text: str
    order: str = ""
    items: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    last_day: date | None = None
    days_left: int | None = None
    amount: Decimal | None = None

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class RefundRuleTool:
    """Applies the rules of returns to an order, or to a product and the day it came."""

    shop: Shop
    name: ToolName = "refund_rule"
    description: str = "Work out whether an order or item can be returned, until when and for how much."
    parameters: tuple[Parameter, ...] = (
        Parameter("order", "order number"),
        Parameter("product", "name of the product"),
        Parameter("delivered", "day it was delivered", format="date"),
        Parameter("reason", "why it goes back", choices=REASONS),
    )

    def question(self, arguments: Mapping[str, str]) -> str:
        """Asks for the order, unless a product and its day of delivery are there."""
        if arguments.get("order") or (arguments.get("product") and arguments.get("delivered")):
            return ""
        return WHICH_ORDER

    def call(self, arguments: Mapping[str, str], *, today: date) -> RefundDecision:
        """The decision for what was named; with an order and a product, for that product of the order."""
        reason, product = arguments.get("reason", REASONS[0]), arguments.get("product", "")
        if arguments.get("order"):
            return self._of_order(self.shop.order(arguments["order"]), product, reason, today)
        if not (product and arguments.get("delivered")):
            raise InvalidInputError("An order number is needed to work out a return: it is in the confirmation e-mail.")
        delivered = parsed_day(arguments["delivered"], "delivered")
        if delivered > today:
            raise InvalidInputError(f"{in_words(delivered)} is still to come: give the day on which it was delivered.")
        return self._of_items((Item(1, product),), delivered, reason, today)

    def _of_order(self, order: Order, product: str, reason: str, today: date) -> RefundDecision:
        items = order.items
        if product:
            items = tuple(item for item in items if item.name.lower() == product.strip().lower())
            if not items:
                product = guard.safe(product) or NAMELESS
                bought = ", ".join(item.name for item in order.items)
                raise InvalidInputError(f"Order {order.number} has no {product[:60]}: it has {bought}.")
        settled = self._settled(order, today)
        if settled:
            return settled
        if order.delivered is None:
            text = f"Order {order.number} has not been delivered yet; the time for a return begins with the delivery."
            return RefundDecision(False, text, order.number, refused=tuple(map(str, order.items)))
        return self._of_items(items, order.delivered, reason, today, order=order)

    def _settled(self, order: Order, today: date) -> RefundDecision | None:
        """What is decided by how the order stands, whatever the day; None when the day of delivery decides."""
        whole, rules = tuple(map(str, order.items)), self.shop.rules
        if order.status in {"returned", "cancelled"}:
            text = f"Order {order.number} was already {order.status}, so there is nothing to return."
            return RefundDecision(False, text, order.number, refused=whole)
        if order.status == "processing" and rules.cancelled_freely:
            text = f"Order {order.number} has not been shipped yet, so it can still be cancelled free of charge."
            return RefundDecision(True, text, order.number, whole, amount=order.total)
        if counts_as_lost(order, self.shop, today) and rules.lost_after is not None:
            text = f"Order {order.number} counts as lost: it is sent again or refunded in full, as you prefer."
            return RefundDecision(True, text, order.number, whole, amount=order.total)
        return None

    def _of_items(
        self, items: tuple[Item, ...], delivered: date, reason: str, today: date, *, order: Order | None = None
    ) -> RefundDecision:
        decisions = [self._decide(item, delivered, reason, today) for item in items]
        good = [decision for decision in decisions if decision.allowed]
        last_day = min((decision.last_day for decision in good if decision.last_day), default=None)
        amount = self._amount(good, reason, order) if good else None
        texts = [
            sentence.format(names=" and the ".join(decision.item.name for decision in decisions if decision.sentence == sentence))
            for sentence in dict.fromkeys(decision.sentence for decision in decisions)
        ]
        if amount is not None:
            texts.append(self._amount_text(amount, good, reason))
        return RefundDecision(
            allowed=bool(good),
            text=" ".join(texts),
            order=order.number if order else "",
            items=tuple(str(decision.item) for decision in good),
            refused=tuple(str(decision.item) for decision in decisions if not decision.allowed),
            last_day=last_day,
            days_left=(last_day - today).days if last_day else None,
            amount=amount,
        )

    def _decide(self, item: Item, delivered: date, reason: str, today: date) -> ItemDecision:
        product, rules = self.shop.product(item.name), self.shop.rules
        days = rules.return_days if product.return_days is None else product.return_days
        if days is None:
            raise InvalidInputError("The shop's return period is not known here: a colleague must look it up.")
        last = delivered + timedelta(days=days)
        if days == 0 and reason == REASONS[0]:
            return ItemDecision(item, product, None, False, "The {names} cannot be returned.")
        if days and today <= last:
            left = "today is the last day" if today == last else f"{counted((last - today).days, 'day')} left"
            unopened = ", if it has not been opened" if product.category in rules.unless_opened and reason == REASONS[0] else ""
            text = f"The {{names}} can be returned until {in_words(last)} ({left}){unopened}."
            return ItemDecision(item, product, last, True, text)
        if reason == "faulty":
            return self._under_warranty(item, product, delivered, today)
        late = counted((today - last).days, "day")
        period = f"The {counted(days, 'day')} to return the {{names}} ended on {in_words(last)}, {late} ago."
        return ItemDecision(item, product, last, False, period)

    def _under_warranty(self, item: Item, product: Product, delivered: date, today: date) -> ItemDecision:
        rules = self.shop.rules
        years = rules.electric_years if product.electric else rules.warranty_years
        excluded = product.category in rules.no_warranty or any(
            kind.rstrip("s") in product.name.lower().split() for kind in rules.no_warranty
        )
        if years is None or excluded:
            return ItemDecision(item, product, None, False, "The time to return the {names} is over, and there is no warranty.")
        until = years_after(delivered, years)
        if today > until:
            return ItemDecision(item, product, until, False, f"The warranty of the {{names}} ended on {in_words(until)}.")
        text = (
            f"The time to return the {{names}} is over, but the warranty runs until {in_words(until)}: a repair is tried first."
        )
        return ItemDecision(item, product, until, False, text)

    def _amount(self, good: list[ItemDecision], reason: str, order: Order | None) -> Decimal | None:
        """Prices of what goes back; the first delivery too when all of the order does; less the cost of sending it back."""
        rules, total = self.shop.rules, Decimal(0)
        whole = order is not None and sum(d.item.count for d in good) == sum(item.count for item in order.items)
        if whole and order is not None and order.total is not None:
            total = order.total
        else:
            for decision in good:
                if decision.product.price is None:
                    return None
                total += decision.product.price * decision.item.count
        if reason == REASONS[0] and rules.return_cost is not None:
            total -= rules.return_cost
        return max(total, Decimal(0))

    def _amount_text(self, amount: Decimal, good: list[ItemDecision], reason: str) -> str:
        rules = self.shop.rules
        of = f" for {', '.join(str(decision.item) for decision in good)}"
        cost = f", after {rules.money(rules.return_cost)} for the return" if reason == REASONS[0] and rules.return_cost else ""
        when = f" within {rules.refund_days} working days of receiving it" if rules.refund_days else ""
        return f"The refund{of} is {rules.money(amount)}{cost}{when}."
