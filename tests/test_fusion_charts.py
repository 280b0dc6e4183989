"""Charts say what they show, are well-formed, and let nothing of a user's through unescaped."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from fusion_studio import curve, studio

from mm_demos.fusion import charts
from mm_demos.fusion.charts_parts import ticks
from mm_demos.fusion.measures import measure
from mm_demos.fusion.types import Interval, Studio

EVIL = ('<script>alert(1)</script>"', "a'b&c <img src=x onerror=y>")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    """A finished training."""
    return studio(tmp_path_factory.mktemp("studio"), n=400)


def parsed(chart: str) -> list[ElementTree.Element]:
    """The drawings of a chart, which must be well-formed and named."""
    root = ElementTree.fromstring(f"<div>{chart}</div>")  # noqa: S314 - our own markup
    drawings = [node for node in root.iter() if node.get("role") == "img"]
    for node in drawings:
        assert node.get("aria-label")
        assert next(iter(node)).tag.endswith("title")
    return drawings


def every_chart(made: Studio) -> dict[str, str]:
    best = made.standings[0].measures
    return {
        "curves": charts.curves(made.curves),
        "leaderboard": charts.leaderboard(made.standings, made.best),
        "confusion": charts.confusion(best, made.data.labels),
        "reliability": charts.reliability(best),
        "ablation": charts.ablation(best),
        "attention": charts.attention(made.attention),
        "attention of some": charts.attention(made.attention[:3], ("one", "two", "three")),
        "attention of one": charts.attention_row(made.attention[0]),
    }


def test_every_chart_is_a_named_picture_in_the_pages_colours(made: Studio) -> None:
    for name, chart in every_chart(made).items():
        assert len(parsed(chart)) == (2 if name == "curves" else 1), name
        assert "NaN" not in chart
        if name != "attention of one":
            assert "var(--mm-" in chart


def test_the_leaderboard_says_every_figure(made: Studio) -> None:
    spoken = parsed(charts.leaderboard(made.standings))[0].get("aria-label") or ""
    for standing in made.standings:
        assert charts.strategy_name(standing.strategy) in spoken
        assert f"{100 * standing.measures.accuracy.value:.1f}" in spoken


def test_a_guess_far_below_does_not_squeeze_the_others(made: Studio) -> None:
    chart = charts.leaderboard(made.standings)
    assert "below this scale" in chart
    assert "below this scale" not in charts.leaderboard([s for s in made.standings if s.strategy == "majority"])


def test_a_leaderboard_on_which_all_are_perfect_is_drawn(made: Studio) -> None:
    sure = [replace(s, measures=replace(s.measures, accuracy=Interval(1.0, 1.0, 1.0))) for s in made.standings]
    assert "100.0" in charts.leaderboard(sure)
    assert charts.leaderboard(())


def test_curves_mark_the_best_epoch_and_stay_within_the_plot() -> None:
    epochs = curve("bilinear", 4.0)
    chart = charts.curves(epochs)
    best = max(e.number for e in epochs if e.best)
    assert chart.count(f"bilinear: best epoch {best},") == 2
    points = [tuple(map(float, pair.split(","))) for line in re.findall(r'points="([^"]+)"', chart) for pair in line.split()]
    assert len(points) == 4 * len(epochs)
    assert all(0 <= x <= 100 and 0 <= y <= charts.TALL for x, y in points)


def test_curves_while_it_begins_and_when_a_loss_is_not_finite() -> None:
    first = curve("bilinear", 4.0)[0]
    for epochs in ((), (first,), (replace(first, validation_loss=math.nan), replace(first, number=2, train_loss=math.inf))):
        chart = charts.curves(epochs)
        assert len(parsed(chart)) == 2
        assert 'points="nan' not in chart


def test_the_confusion_matrix_names_every_cell_up_to_twenty_classes(made: Studio) -> None:
    best = made.standings[0].measures
    drawing = parsed(charts.confusion(best, made.data.labels))[0]
    cells = [node for node in drawing if node.tag.endswith("rect")]
    assert len(cells) == len(made.data.labels) ** 2
    assert "dog recognised: " in ElementTree.tostring(drawing, encoding="unicode")


def test_many_classes_become_a_grid_of_what_is_there() -> None:
    truth = np.arange(300) % 150
    probs = np.eye(150)[np.roll(truth, 1) % 150]
    found = measure(probs, truth, labels := tuple(f"class {i}" for i in range(150)))
    drawing = parsed(charts.confusion(found, labels))[0]
    assert len([node for node in drawing if node.tag.endswith("rect")]) == 150 + 1
    assert not [node for node in drawing if node.tag.endswith("text")]


def test_words_of_users_are_escaped(made: Studio) -> None:
    probs, truth = np.array([[0.9, 0.1], [0.3, 0.7]]), np.array([0, 0])
    shown = charts.confusion(measure(probs, truth, EVIL), EVIL) + charts.attention(made.attention[:2], EVIL)
    assert "<script" not in shown
    assert "<img" not in shown
    assert parsed(shown)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 0), (1, 1), (0.52, 0.97), (0, 37), (0, 3.7e-4), (12, 12.4)])
def test_ticks_are_round_and_cover(low: float, high: float) -> None:
    marks = ticks(low, high)
    assert 2 <= len(marks) <= 8
    assert marks[0] <= low + 1e-9
    assert marks[-1] >= high - 1e-9


def test_charts_name_no_address_of_the_network(made: Studio) -> None:
    for chart in every_chart(made).values():
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", chart)
    assert Path(charts.__file__).read_text(encoding="utf-8").count("http") == 0
