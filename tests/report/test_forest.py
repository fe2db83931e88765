"""Forest plots: where values stand on an axis, and their words."""

import pytest

from loadgen.report.charts.forest import Point, plot


def made(*points, unit="times", line=1.0, direction="above"):
    log, criterion = unit == "times", "more supports it"
    return plot("lag", unit, points, line=line, direction=direction, criterion=criterion, log=log)


@pytest.mark.parametrize("direction", ["above", "below"])
@pytest.mark.parametrize("unit", ["times", "per token"])
def test_a_value_is_drawn_on_its_side_of_the_line(direction, unit):
    found = made(Point("a", 2.0, 1.8, 2.2), unit=unit, direction=direction)
    (row,) = found.rows
    inside = found.tint[0] <= row.bar[0] <= row.dot <= row.bar[1] <= found.tint[1]
    assert inside is (direction == "above")
    assert found.line in found.tint


def test_a_band_around_one_is_tinted_on_both_sides():
    found = made(Point("a", 1.0, 0.95, 1.05), line=1.1, direction="within")
    (row,) = found.rows
    assert found.tint[0] < row.bar[0] < row.bar[1] < found.tint[1] == found.line


@pytest.mark.parametrize("unit", ["times", "per token"])
def test_an_interval_without_end_ends_in_arrows_and_leaves_the_rest_readable(unit):
    found = made(
        Point("a", 1.5, 0.0 if unit == "times" else -1e9, 1e12), Point("b", 1.2, 1.1, 1.3), unit=unit
    )
    wide, narrow = found.rows
    assert (wide.cut, wide.bar) == ((True, True), (0.0, 100.0))
    assert narrow.cut == (False, False)
    assert narrow.bar[1] - narrow.bar[0] > 3


def test_zero_on_a_logarithmic_axis_is_at_its_left_end():
    (row,) = made(Point("a", 0.0, 0.0, 0.0), line=0.8).rows
    assert (row.dot, row.cut[0]) == (0.0, True)


def test_a_value_that_was_measured_once_has_no_bar():
    (row,) = made(Point("a", 0.5, None, None, "once")).rows
    assert (row.bar, row.cut) == (None, (False, False))


def test_a_note_of_some_rows_stands_below_the_plot_once():
    found = made(
        Point("a", 1.1, 0.9, 1.2, note="within the noise"),
        Point("b", 0.1, 0.01, 0.2),
        Point("c", 0.9, 0.8, 1.2, note="within the noise"),
    )
    assert found.notes == ("a, c: within the noise",)
    assert found.criterion == "more supports it"


def test_a_note_of_all_rows_stands_beside_the_criterion():
    found = made(Point("a", 1.1, 0.9, 1.2, note="noise"), Point("b", 0.1, 0.01, 0.2, note="noise"))
    assert (found.notes, found.criterion) == ((), "more supports it; noise")


def test_a_plot_has_its_values_in_words():
    found = made(Point("a", 5.0, 4.0, 6.0, "contradicts"), Point("b", 1.0, 0.9, 1.1, "undecided"))
    assert found.alternative == (
        "lag, times, more supports it: a 5.00 (4.00 to 6.00), contradicts it; b 1.00 (0.900 to 1.10), undecided"
    )
