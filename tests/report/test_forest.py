"""The pictures of claims: where things stand on an axis, and what is said of them."""

import pytest

from loadgen.model import Effect
from loadgen.report.charts.forest import pictures


def effect(value, low=None, high=None, *, name="figure, one", line=1.0, holds=None, **more):
    return Effect(name=name, unit=more.pop("unit", "times"), value=value, low=low, high=high, line=line, holds=holds,
                  **more)  # fmt: skip


def picture(*effects):
    (made,) = pictures(effects)
    return made


@pytest.mark.parametrize("above", [True, False])
@pytest.mark.parametrize("unit", ["times", "per token"])
def test_what_holds_is_drawn_on_the_tinted_side(above, unit):
    made = picture(effect(2.0, 1.8, 2.2, above=above, holds=above, unit=unit))
    (row,) = made.rows
    inside = made.tint[0] <= row.bar[0] <= row.dot <= row.bar[1] <= made.tint[1]
    assert inside is above
    assert row.says == ("holds" if above else "contradicts")
    assert ("more" if above else "less") in made.decides


@pytest.mark.parametrize("unit", ["times", "per token"])
def test_an_interval_without_bounds_ends_in_arrows_and_leaves_the_rest_readable(unit):
    made = picture(
        effect(1.5, 0.0 if unit == "times" else -1e9, 1e12, unit=unit), effect(1.2, 1.1, 1.3, unit=unit)
    )
    wide, narrow = made.rows
    assert wide.cut == (True, True)
    assert wide.bar == (0.0, 100.0)
    assert narrow.cut == (False, False)
    assert narrow.bar[1] - narrow.bar[0] > 3


def test_zero_on_a_logarithmic_axis_is_at_its_left_end():
    made = picture(effect(0.0, 0.0, 0.0, line=0.8, above=False, holds=True))
    assert made.rows[0].dot == 0.0
    assert made.rows[0].cut[0]


def test_what_was_measured_once_has_no_bar_and_says_so():
    (row,) = picture(effect(0.5)).rows
    assert (row.bar, row.between, row.says) == (None, "", "alone")


def test_shares_are_percentages_and_everyone_s_concurrency_is_in_the_title():
    both = [
        effect(0.5, 0.4, 0.6, name=f"share open, {client} at 100 streams", unit="share", line=0.95, holds=False,
               client=client)
        for client in ("a", "b")
    ]  # fmt: skip
    made = picture(*both)
    assert (made.title, made.unit) == ("share open at 100 streams", "%")
    assert [(row.label, row.value, row.between) for row in made.rows] == [
        ("a", "50.0", "40.0 to 60.0"),
        ("b", "50.0", "40.0 to 60.0"),
    ]
    assert "more than 95" in made.decides


def test_pairs_stand_on_the_axis_of_their_figure():
    made = picture(
        effect(5.0, 4.0, 6.0, name="lag, a as a multiple of b, at 9 streams", above=False, holds=False),
        effect(0.1, 0.01, 0.2, name="lag, c as a multiple of b, at 9 streams", above=False, holds=True),
    )
    assert made.title == "lag at 9 streams"
    one, other = made.rows
    assert (one.label, other.label) == ("a ÷ b", "c ÷ b")
    assert (one.says, other.says) == ("contradicts", "holds")
    assert other.dot < one.dot


def test_what_is_said_of_some_rows_stands_below_the_picture_once():
    made = picture(
        effect(1.1, 0.9, 1.2, name="lag, a as a multiple of b, at 9 streams", note="within the noise"),
        effect(0.1, 0.01, 0.2, name="lag, c as a multiple of b, at 9 streams"),
        effect(0.9, 0.8, 1.2, name="lag, d as a multiple of b, at 9 streams", note="within the noise"),
    )
    assert made.notes == ("a ÷ b, d ÷ b: within the noise",)
    assert "within" not in made.decides
