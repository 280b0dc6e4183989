"""The split: disjoint, complete, stratified, groups and copies kept together, the same for the same seed."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm_demos.errors import InvalidInputError
from mm_demos.fusion.split import split_rows, tied
from mm_demos.fusion.types import Columns, DataSet, Part, Row

PARTS: tuple[Part, ...] = ("train", "validation", "test")


def data_set(labels: list[str], groups: list[str] | None = None, ties: tuple[int, ...] = ()) -> DataSet:
    marks = groups or [""] * len(labels)
    rows = tuple(
        Row(number=n, label=label, text=f"t{n}", group=group)
        for n, (label, group) in enumerate(zip(labels, marks, strict=True), 1)
    )
    return DataSet(rows, tuple(sorted(set(labels))), ("text",), Columns(text="t", label="l"), (), "", ties)


counts_of_classes = st.lists(st.integers(2, 60), min_size=2, max_size=8)


@st.composite
def shuffled_labels(draw: st.DrawFn) -> list[str]:
    labels = [f"c{number}" for number, count in enumerate(draw(counts_of_classes)) for _ in range(count)]
    return draw(st.permutations(labels))


@st.composite
def grouped(draw: st.DrawFn) -> DataSet:
    """At least ten groups of one to six rows, some of which hold copies of rows of other groups."""
    sizes = draw(st.lists(st.integers(1, 6), min_size=10, max_size=40))
    groups = [f"g{number}" for number, size in enumerate(sizes) for _ in range(size)]
    labels = draw(st.lists(st.sampled_from("abc"), min_size=len(groups), max_size=len(groups)))
    ties = list(range(len(groups)))
    for row in draw(st.lists(st.integers(1, len(groups) - 1), max_size=3)):
        ties[row] = ties[row - 1]
    return data_set(labels, groups, tuple(ties))


@settings(max_examples=60, deadline=None)
@given(shuffled_labels(), st.integers(0, 2**32))
def test_parts_are_disjoint_complete_and_the_same_for_the_same_seed(labels: list[str], seed: int) -> None:
    data = data_set(labels)
    split = split_rows(data, seed=seed)
    assert tuple(split) == PARTS
    assert sorted(index for part in split.values() for index in part) == list(range(len(labels)))
    assert all(split[part] for part in PARTS)
    assert split == split_rows(data, seed=seed)


@settings(max_examples=60, deadline=None)
@given(shuffled_labels().filter(lambda labels: len(labels) >= 10), st.integers(0, 2**32))
def test_every_class_has_its_tenth_in_each_small_part_and_the_whole_too(labels: list[str], seed: int) -> None:
    split = split_rows(data_set(labels), seed=seed)
    for part in ("validation", "test"):
        found = Counter(labels[index] for index in split[part])
        for label, count in Counter(labels).items():
            assert abs(found[label] - count / 10) < 1
        assert abs(len(split[part]) - len(labels) / 10) < 1
    assert {labels[index] for index in split["train"]} == set(labels)


@settings(max_examples=60, deadline=None)
@given(grouped(), st.integers(0, 2**32))
def test_groups_and_copies_are_never_on_two_sides(data: DataSet, seed: int) -> None:
    split = split_rows(data, seed=seed)
    part_of = {index: part for part in PARTS for index in split[part]}
    assert len(part_of) == len(data.rows)
    for kind in ([row.group for row in data.rows], data.ties):
        sides: dict[object, set[Part]] = {}
        for index, key in enumerate(kind):
            sides.setdefault(key, set()).add(part_of[index])
        assert all(len(parts) == 1 for parts in sides.values())
    assert {data.rows[index].label for index in split["train"]} == set(data.labels)
    assert all(split[part] for part in PARTS)


def test_another_seed_is_another_split() -> None:
    data = data_set(["a", "b"] * 50)
    assert len({split_rows(data, seed=seed)["test"] for seed in range(10)}) > 5


def test_a_hundred_rows_give_eighty_ten_ten() -> None:
    split = split_rows(data_set(["a"] * 70 + ["b"] * 30), seed=3)
    assert [len(split[part]) for part in PARTS] == [80, 10, 10]
    assert sum(index < 70 for index in split["test"]) == 7


def test_one_huge_group_stays_in_the_training_part() -> None:
    labels = ["a", "b"] * 50
    groups = ["huge"] * 60 + [f"g{index}" for index in range(40)]
    for seed in range(20):
        split = split_rows(data_set(labels, groups), seed=seed)
        assert set(range(60)) <= set(split["train"])
        assert len(split["test"]) == 4


def test_four_rows_are_enough_and_two_groups_are_not() -> None:
    split = split_rows(data_set(["a", "a", "b", "b"]), seed=0)
    assert [len(split[part]) for part in PARTS] == [2, 1, 1]
    with pytest.raises(InvalidInputError, match="choose another group column"):
        split_rows(data_set(["a", "b"] * 10, ["left"] * 10 + ["right"] * 10), seed=0)


def test_rows_are_tied_through_others() -> None:
    assert tied([("x",), ("y",), ("x", "z"), ("z", "y"), ("w",), ()]) == (0, 0, 0, 0, 4, 5)
