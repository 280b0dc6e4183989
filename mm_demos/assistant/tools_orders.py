"""A shop's orders, products and rules, read from its tables."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

from mm_demos.assistant import guard
from mm_demos.assistant.tools_days import parsed_day
from mm_demos.errors import InvalidInputError
from mm_demos.media.files import shown

MAX_BYTES = 8_000_000
NAMELESS = "item"  # a product whose name was nothing but orders to a model
ORDER_COLUMNS = ("number", "items", "ordered", "shipped", "delivered", "status")
PRODUCT_COLUMNS = ("name",)
ITEM = re.compile(r"\s*(?:(\d{1,4})\s*[x×]\s+)?(.+?)\s*", re.IGNORECASE)
RETURN_RULE = re.compile(r"return[^.\n]*?\bwithin (\d{1,3}) days of delivery", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Item:
    """One line of an order."""

    count: int
    name: str

    def __str__(self) -> str:
        return f"{self.count} x {self.name}"


@dataclass(frozen=True, slots=True)
class Order:
    """One row of `orders.csv`; dates are None until it happens."""

    number: str
    items: tuple[Item, ...]
    status: str
    ordered: date | None
    shipped: date | None
    delivered: date | None
    delivery: str = ""
    total: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Product:
    """One row of `products.csv`; None where the table does not tell."""

    name: str
    category: str = ""
    price: Decimal | None = None
    in_stock: int | None = None
    return_days: int | None = None
    electric: bool = False


@dataclass(frozen=True, slots=True)
class ShopRules:
    """The numbers of a shop's policy; None and empty where it is not known, and then nothing is claimed.

    Args:
        return_days: after delivery, where the product does not say otherwise.
        return_cost: taken off the refund of goods without a fault.
        delivery_days: working days from shipping to arrival, least and most, by kind of delivery.
        lost_after: working days from shipping after which a parcel counts as lost, and is sent again or refunded.
        cancelled_freely: an order may be cancelled free of charge until it is shipped.
        unless_opened: categories that go back unopened only.
        warranty_years: from delivery; `electric_years` where the product is electric.
        no_warranty: categories without warranty.
    """

    return_days: int | None = None
    return_cost: Decimal | None = None
    refund_days: int | None = None
    delivery_days: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    lost_after: int | None = None
    cancelled_freely: bool = False
    unless_opened: frozenset[str] = frozenset()
    warranty_years: int | None = None
    electric_years: int | None = None
    no_warranty: frozenset[str] = frozenset()
    currency: str = "€"

    @classmethod
    def sample(cls) -> ShopRules:
        """The rules that the sample shop's policies state."""
        return cls(
            return_days=30,
            return_cost=Decimal("3.90"),
            refund_days=5,
            delivery_days={"standard": (3, 5), "express": (1, 2)},
            lost_after=10,
            cancelled_freely=True,
            unless_opened=frozenset({"tea"}),
            warranty_years=2,
            electric_years=3,
            no_warranty=frozenset({"plants", "candles", "tea", "gift cards"}),
        )

    @classmethod
    def read(cls, policies: str) -> ShopRules:
        """What can be read for certain from policies in words: the return period, where a sentence states it as in the sample."""
        found = RETURN_RULE.search(policies)
        return cls(return_days=int(found[1])) if found else cls()

    def money(self, amount: Decimal) -> str:
        """ "€64.00"."""
        return f"{self.currency}{amount:.2f}"


@dataclass(frozen=True, slots=True)
class Shop:
    """Orders by number and products by name, both in lower case."""

    orders: Mapping[str, Order] = field(default_factory=dict)
    products: Mapping[str, Product] = field(default_factory=dict)
    rules: ShopRules = field(default_factory=ShopRules)

    @classmethod
    def of_folder(cls, folder: Path, *, rules: ShopRules | None = None) -> Shop:
        """From `orders.csv`, `products.csv` and the Markdown policies of a folder, whichever are there.

        Raises:
            InvalidInputError: a table cannot be read or lacks a column.
        """
        orders, products = folder / "orders.csv", folder / "products.csv"
        if rules is None:
            rules = ShopRules.read("\n".join(file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.md"))))
        return cls(
            orders=read_orders(orders) if orders.exists() else {},
            products=read_products(products) if products.exists() else {},
            rules=rules,
        )

    def order(self, number: str) -> Order:
        """The order with this number, its words cleaned: a table is data and gives no orders.

        Raises:
            InvalidInputError: there is none.
        """
        found = self.orders.get(number.strip().lower())
        if found is None:
            raise InvalidInputError(f"There is no order {number.strip()[:40]!r}: check the number in the confirmation e-mail.")
        items = tuple(Item(item.count, guard.safe(item.name) or NAMELESS) for item in found.items)
        return replace(found, items=items, status=guard.safe(found.status), delivery=guard.safe(found.delivery))

    def product(self, name: str) -> Product:
        """The product of this name; one that is in no table is known by its name alone."""
        return self.products.get(name.strip().lower(), Product(guard.safe(name, limit=200) or NAMELESS))


def read_orders(file: Path) -> dict[str, Order]:
    """`orders.csv` by number in lower case: number, items ("2 x Pebble Mug; 1 x …"), ordered, shipped, delivered, status.

    Raises:
        InvalidInputError: it is no such table.
    """
    orders = {}
    for line, row in _rows(file, ORDER_COLUMNS):
        where = f"Line {line} of {shown(file.name)}"
        if not row["number"]:
            raise InvalidInputError(f"{where} has no order number: every order needs one.")
        orders[row["number"].lower()] = Order(
            number=row["number"],
            items=_items(row["items"]),
            status=row["status"].lower(),
            ordered=_day(row["ordered"], where),
            shipped=_day(row["shipped"], where),
            delivered=_day(row["delivered"], where),
            delivery=row.get("delivery", "").lower(),
            total=_amount(row.get("total", ""), where),
        )
    return orders


def read_products(file: Path) -> dict[str, Product]:
    """`products.csv` by name in lower case: name and, where known, category, price, in_stock, return_days, material.

    Raises:
        InvalidInputError: it is no such table.
    """
    products = {}
    for line, row in _rows(file, PRODUCT_COLUMNS):
        where = f"Line {line} of {shown(file.name)}"
        products[row["name"].lower()] = Product(
            name=row["name"],
            category=row.get("category", "").lower(),
            price=_amount(row.get("price", ""), where),
            in_stock=_count(row.get("in_stock", ""), where),
            return_days=_count(row.get("return_days", ""), where),
            electric="electric" in row.get("material", "").lower(),
        )
    return products


def _rows(file: Path, needed: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    name = shown(file.name)
    try:
        if file.stat().st_size > MAX_BYTES:
            raise InvalidInputError(f"{name} is larger than {MAX_BYTES // 1_000_000} MB: keep the orders of the last months.")
        text = file.read_text(encoding="utf-8-sig")
    except OSError:
        raise InvalidInputError(f"{name} cannot be read: choose it again.") from None
    except UnicodeDecodeError:
        raise InvalidInputError(f"{name} is not UTF-8 text: save it as CSV UTF-8.") from None
    head = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count), restval="")
    columns = [(column or "").strip().lower() for column in reader.fieldnames or ()]
    missing = [column for column in needed if column not in columns]
    if missing:
        raise InvalidInputError(f"{name} has no column {missing[0]!r}: name its columns {', '.join(needed)}.")
    reader.fieldnames = columns
    try:
        return [
            (reader.line_num, {key: (value or "").strip() for key, value in row.items() if isinstance(key, str)})
            for row in reader
        ]
    except csv.Error:
        raise InvalidInputError(f"{name} is not a CSV table: save it as CSV UTF-8.") from None


def _items(text: str) -> tuple[Item, ...]:
    parts = [ITEM.fullmatch(part) for part in text.split(";") if part.strip()]
    return tuple(Item(int(part[1] or 1), part[2]) for part in parts if part)


def _day(text: str, where: str) -> date | None:
    return parsed_day(text, f"{where}: the date") if text else None


def _amount(text: str, where: str) -> Decimal | None:
    if not text:
        return None
    try:
        amount = Decimal(text.strip("€$£ ").replace(",", "."))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise InvalidInputError(f"{where}: {text[:40]!r} is not an amount: write it like 64.00.")
    return amount


def _count(text: str, where: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidInputError(f"{where}: {text[:40]!r} is not a whole number: write it like 30.")
    return int(text)
