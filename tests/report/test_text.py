import pytest

from loadgen.report.text import number, plain, tick


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
