import pytest

from loadgen.report.text import interval, is_noisy, number, percents, plain, tick, with_interval


@pytest.mark.parametrize(
    ("value", "low", "high", "shown"),
    [
        (2.0, 1.0, 3.0, "1.00 to 3.00"),
        (2.0, 1.0, 20.0, "1.00 to 20.0"),
        (2.0, 1.0, 20.1, "too noisy to tell"),
        (30.0, 0.0004, 244_210.0, "too noisy to tell"),
        (3.0, 0.0, 40.0, "0 to 40.0"),  # cut at 0
        (3.0, 0.0, 61.0, "too noisy to tell"),
        (0.0, 0.0, 61.0, "0 to 61.0"),
        (1.0, -3.0, 100.0, "-3.00 to 100"),  # a difference has no factor
        (1.0, None, None, ""),
    ],
)
def test_an_interval_wider_than_a_factor_of_twenty_is_too_noisy_to_tell(value, low, high, shown):
    assert interval(low, high, value) == shown
    assert with_interval(value, low, high) == (f"{number(value)} ({shown})" if shown else number(value))


@pytest.mark.parametrize(
    ("low", "high", "noisy"),
    [(-0.1, 0.2, False), (-0.9, 0.9, False), (-0.9, 1.1, True), (-1.0, 0.0, True), (-0.999, 2442.0, True),
     (3, 50, False)],
)  # fmt: skip
def test_the_interval_of_a_change_is_one_of_ratios(low, high, noisy):
    assert is_noisy(low, high) is noisy


def test_percents_are_of_differences():
    assert percents(0.001, 0.03) == "0.100 to 3.00"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (float("inf"), "–"),
        (0, "0"),
        (0.0, "0"),
        (7, "7"),
        (1234567, "1,234,567"),
        (0.0004, "<0.001"),
        (-0.0004, ">-0.001"),
        (0.0426, "0.043"),
        (0.5, "0.500"),
        (9.994, "9.99"),
        (9.996, "10.0"),
        (99.96, "100"),
        (485.4, "485"),
        (1039.4, "1,039"),
        (12345.6, "12,346"),
        (-2.5, "-2.50"),
    ],
)
def test_numbers_have_three_significant_digits(value, shown):
    assert number(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0.5, "0.5"), (1000.0, "1 k"), (2.5e6, "2.5 M"), (-3000, "-3 k"), (0, "0")]
)
def test_ticks_are_short(value, shown):
    assert tick(value) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("中文 é", "中文 é"),
        ("a\nb", "a\\nb"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\u202eabc", "\\u202eabc"),
        ("\u2066x\u2069", "\\u2066x\\u2069"),
        ("\x00", "\\x00"),
        ("\x9b1m", "\\x9b1m"),
        ("\u2028", "\\u2028"),
        ("\ud800", "\\ud800"),
        ("👩\u200d💻", "👩\u200d💻"),
        (7, "7"),
    ],
)
def test_invisible_characters_are_spelled_out(text, shown):
    assert plain(text) == shown


def test_long_text_is_cut_with_an_ellipsis():
    assert plain("x" * 50, 10) == "x" * 9 + "…"
    assert plain("x" * 10, 10) == "x" * 10
