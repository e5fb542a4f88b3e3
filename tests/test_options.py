"""The command line of train.py: what each option may say, what its default is, and the help."""

from __future__ import annotations

import argparse
import re
from dataclasses import fields

import pytest

from training.arguments import (
    choice,
    count,
    folder,
    missing_values,
    names,
    number,
    part,
    sizes,
)
from training.errors import UsageError
from training.options import Options, build_parser, parse
from training.reading.cells import MISSING


def test_without_arguments_the_built_in_digits_are_trained_with_defaults() -> None:
    options = parse([])
    assert options == Options()
    assert (options.data, options.given) == ("digits", frozenset())


def test_what_is_typed_is_told_from_what_is_default() -> None:
    options = parse(["auto.csv", "--lr", "0.001", "--epochs", "100", "--no-plots"])
    assert options.given == {"data", "lr", "epochs", "no_plots"}
    assert (options.data, options.lr, options.epochs, options.no_plots) == ("auto.csv", 0.001, 100, True)


def test_options_may_stand_before_the_data_and_be_joined_by_an_equals_sign() -> None:
    assert parse(["--epochs=5", "-t", "mpg", "auto.csv"]) == parse(
        ["auto.csv", "--target", "mpg", "--epochs", "5"]
    )


def test_of_an_option_given_twice_the_last_wins() -> None:
    assert parse(["--epochs", "5", "--hidden", "3", "--epochs", "7"]).epochs == 7


@pytest.mark.parametrize(
    ("text", "value"), [("0.2", 0.2), ("0", 0.0), ("1", 1.0), ("1e2", 100.0), ("val.csv", "val.csv")]
)
def test_a_part_is_a_fraction_a_count_or_a_file(text: str, value: float | str) -> None:
    assert part(text) == value


@pytest.mark.parametrize(("text", "value"), [("", ()), ("8", (8,)), ("64,32,1000000", (64, 32, 1000000))])
def test_sizes_have_commas_between_them(text: str, value: tuple[int, ...]) -> None:
    assert sizes(text) == value


def test_names_may_hold_commas_in_double_quotes() -> None:
    assert names('a, b ,"Last, First"') == ("a", "b", "Last, First")
    assert names("") == ()


def test_words_for_missing_are_added_to_the_usual_ones_unless_one_is_empty() -> None:
    assert missing_values("13o,-") == (*MISSING, "13o", "-")
    assert missing_values("") == ()
    assert missing_values(",-") == ("-",)


def test_numbers_and_counts_are_read_in_their_range() -> None:
    assert number(0, 0.99)("0.5") == 0.5
    assert number(0, open_low=True)("1e-3") == 0.001
    assert count(0)("0") == 0
    assert choice("a", "b")("b") == "b"
    assert folder("out/my runs/ö") == "out/my runs/ö"


@pytest.mark.parametrize("text", ["", "a/-b", "x" * 256, "ö" * 128, "a\0b"])
def test_a_folder_that_cannot_be_made_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--run: expected a folder's name"):
        parse([f"--run={text}"])


def test_a_wrong_word_brings_the_nearest_right_one() -> None:
    with pytest.raises(
        UsageError,
        match=r"^--schedule: expected constant or .* or plateau, got 'cosin'; did you mean 'cosine'",
    ):
        parse(["--schedule", "cosin"])


def test_the_hyphens_of_a_word_may_be_left_out() -> None:
    assert [choice("one-cycle", "step")(text) for text in ("one-cycle", "onecycle")] == ["one-cycle"] * 2
    with pytest.raises(argparse.ArgumentTypeError, match="expected one-cycle or step, got 'one_cycle'"):
        choice("one-cycle", "step")("one_cycle")


@pytest.mark.parametrize("option", ["--hidden 8", "--activation tanh", "--dropout 0.1", "--batchnorm"])
@pytest.mark.parametrize("other", ["--arch linear", "--model net.py:build"])
def test_options_of_the_mlp_are_refused_with_another_network(option: str, other: str) -> None:
    with pytest.raises(UsageError, match=rf"^{option.split()[0]}: has no meaning with {other.split()[0]}"):
        parse([*option.split(), *other.split()])


def test_default_values_are_what_the_options_themselves_would_accept() -> None:
    parser = build_parser()
    for action in parser._actions:
        default = getattr(Options, action.dest, None)
        if callable(action.type) and isinstance(default, str | int | float) and default is not None:
            assert action.type(str(default)) == default, action.dest


# The help


def help_lines(monkeypatch: pytest.MonkeyPatch, columns: int = 80) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(columns))
    return build_parser().format_help().splitlines()


def test_the_help_fits_a_page_and_names_every_option(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = help_lines(monkeypatch)
    text = "\n".join(lines)
    assert len(lines) <= 76
    assert max(map(len, lines)) <= 80
    for field in fields(Options):
        if field.name not in ("data", "origin"):
            assert f"--{field.name.replace('_', '-')}" in text
    assert "exit codes: 0 done" in text
    assert "python train.py houses.csv --target price" in text


def test_the_help_shows_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    text = " ".join(" ".join(help_lines(monkeypatch)).split())
    for option, default in (
        ("--epochs N", Options.epochs),
        ("--batch-size N", Options.batch_size),
        ("--patience N", Options.patience),
        ("--hidden SIZES", ",".join(map(str, Options.hidden))),
        ("--activation NAME", Options.activation),
        ("--weight-decay L2", f"{Options.weight_decay:g}"),
        ("--val PART", Options.val),
        ("DATA", Options.data),
    ):
        assert re.search(rf"{option} [^\[]*\[{re.escape(str(default))}\]", text), option


@pytest.mark.parametrize("columns", [1, 20, 40, 300])
def test_the_help_is_whole_on_any_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    text = "".join(help_lines(monkeypatch, columns))
    assert "--missing-values" in text
    assert "130 Ctrl-C" in text
