"""What a person sees: tables that line up, few lines in a log, and a bar on a terminal alone."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from training.loop import Epoch, History
from training.screen import (
    Progress,
    confusion_table,
    distinct,
    parameters,
    say,
    score_table,
    short,
    show,
    size_of,
    warn,
)

ROOT = Path(__file__).parent.parent


def epoch(number, **changes):
    values = {
        "step": number, "lr": 1e-3, "train_loss": 1 / number, "val_loss": 2 / number, "scores": {"rmse": 3.5},
        "watched": 2 / number, "best": True, "seconds": 0.25 * number, "grad_norm": 1.0,
    }  # fmt: skip
    return Epoch(epoch=number, **{**values, **changes})


def watch(epochs, stop=None, mode="lines", *, batches=1, start=(0, 0), out=None, **changes):
    """Show a training of so many epochs that stops at `stop`; the lines of the table.

    `start`: epochs, and batches of the next, that are done already.
    """
    out = out or io.StringIO()
    behind, done = start
    history = History([epoch(number, **changes) for number in range(1, behind + 1)])
    progress = Progress(mode, epochs, "rmse", start_epoch=behind, start_batch=done, batches=batches, out=out)
    with progress:
        for number in range(behind + 1, (stop or epochs) + 1):
            for batch in range(done + 1, batches + 1):
                progress.after_batch(batch, batches)
            done = 0
            history.epochs.append(epoch(number, **changes))
            history.best = history.epochs[-1]
            progress.after_epoch(history)
        progress.finish(history)
    return out.getvalue().splitlines() if isinstance(out, io.StringIO) else []


def ends(line):
    """Where the words of a line end: one column's are under each other."""
    return [match.end() for match in re.finditer(r"\S+( loss)?", line)]


class Terminal(io.StringIO):
    def isatty(self):
        return True


class TestTheTableOfEpochs:
    def test_has_a_line_an_epoch(self):
        assert watch(2) == [
            " epoch   train loss     val loss         rmse        lr     time   * best so far",
            "     1            1            2          3.5     0.001     0.2s   *",
            "     2          0.5            1          3.5     0.001     0.5s   *",
        ]

    def test_marks_the_best_epochs_alone(self):
        _, row = watch(1, best=False)
        assert "*" not in row
        assert row == row.rstrip()

    @pytest.mark.parametrize("loss", [1.23456e-7, 0.0, 12345.678, 1e15, -3.21])
    def test_lines_up_whatever_the_numbers(self, loss):
        head, *rows = watch(
            20, train_loss=loss, val_loss=None, scores={"rmse": None}, lr=3e-5, seconds=12345.6
        )
        for row in rows:
            assert ends(row)[:6] == ends(head)[:6]

    def test_shows_nothing_where_nothing_was_measured(self):
        _, row = watch(1, val_loss=None, scores={})
        assert row.split()[1:4] == ["1", "-", "-"]

    @pytest.mark.parametrize("epochs", [1, 2, 5, 19, 20, 21, 29, 30, 39, 41, 100, 999, 100_000])
    def test_has_no_more_than_25_lines_with_the_first_and_the_last(self, epochs):
        stop = min(epochs, 2000)
        _, *rows = watch(epochs, stop)
        numbers = [int(row.split()[0]) for row in rows]
        assert len(rows) <= 25
        assert (numbers[0], numbers[-1]) == (1, stop)
        assert numbers == sorted(set(numbers))
        if epochs <= 20:
            assert len(rows) == epochs

    def test_shows_the_epoch_at_which_training_stopped(self):
        assert [row.split()[0] for row in watch(100, 12)[1:]] == ["1", "5", "10", "12"]

    def test_of_no_epochs_is_its_head(self):
        out = io.StringIO()
        with pytest.raises(KeyboardInterrupt), Progress("lines", 5, "rmse", out=out):
            raise KeyboardInterrupt
        assert len(out.getvalue().splitlines()) == 1

    def test_of_a_training_that_goes_on_has_the_epochs_from_there(self):
        head, *rows = watch(100, start=(42, 1), batches=3)
        assert head.split()[0] == "epoch"
        assert [row.split()[0] for row in rows] == [
            *("43", "45", "50", "55", "60", "65", "70", "75", "80", "85", "90", "95", "100")
        ]

    def test_of_a_training_that_has_nothing_left_is_its_head(self):
        assert len(watch(5, start=(5, 0))) == 1

    @pytest.mark.parametrize(
        ("columns", "widest", "first"),
        [
            (80, 80, " epoch   train loss     val loss         rmse        lr     time   * best so far"),
            (79, 68, " epoch   train loss     val loss         rmse        lr     time"),
            (64, 64, " epoch   train loss     val loss         rmse        lr     time"),
            (60, 59, " epoch   train loss     val loss         rmse        lr"),
            (20, 19, " epoch   train loss"),
            (5, 4, ""),
        ],
    )
    def test_has_the_columns_that_a_terminal_has_room_for(self, monkeypatch, columns, widest, first):
        monkeypatch.setenv("COLUMNS", str(columns))
        out = Terminal()
        lines = watch(3, out=out) or out.getvalue().splitlines()
        assert lines[0] == first
        assert max(map(len, lines)) == widest

    def test_is_silent_when_told_so(self, capsys):
        assert watch(30, mode="none") == []
        assert capsys.readouterr() == ("", "")

    def test_goes_to_stdout_line_by_line(self, capsys):
        with Progress("lines", 3, "rmse") as progress:
            progress.after_epoch(History([epoch(1)], epoch(1)))
            out, err = capsys.readouterr()
        assert len(out.splitlines()) == 2
        assert err == ""


class TestRedirected:
    def test_output_has_no_bar_and_no_control_characters(self, capsys):
        """Neither of the captured streams is a terminal."""
        with Progress("auto", 3, "rmse") as progress:
            for number in (1, 2, 3):
                progress.after_batch(1, 1)
                progress.after_epoch(History([epoch(number)], epoch(number)))
        out, err = capsys.readouterr()
        assert len(out.splitlines()) == 4
        assert not set(out) & set("\r\x1b\b")
        assert err == ""

    @pytest.mark.parametrize("stream", ["stdout", "stderr"])
    def test_either_stream_is_enough_for_lines(self, monkeypatch, stream):
        monkeypatch.setattr(sys, "stdout", Terminal())
        monkeypatch.setattr(sys, "stderr", Terminal())
        monkeypatch.setattr(sys, stream, io.StringIO())
        assert Progress("auto", 3, "rmse").mode == "lines"

    @pytest.mark.parametrize("stream", ["stdout", "stderr"])
    @pytest.mark.parametrize("mode", ["auto", "bar"])
    def test_a_stream_that_was_closed_from_the_start_is_no_terminal(self, monkeypatch, stream, mode):
        if mode == "bar":
            pytest.importorskip("tqdm", reason="tqdm is not installed (extra: train)")
        monkeypatch.setattr(sys, "stdout", Terminal())
        monkeypatch.setattr(sys, "stderr", Terminal())
        monkeypatch.setattr(sys, stream, None)
        assert Progress(mode, 3, "rmse", out=io.StringIO()).mode == (
            "bar" if (mode, stream) == ("bar", "stdout") else "lines"
        )

    def test_a_terminal_that_knows_no_cursor_has_lines(self, monkeypatch):
        monkeypatch.setattr(sys, "stdout", Terminal())
        monkeypatch.setattr(sys, "stderr", Terminal())
        monkeypatch.setenv("TERM", "dumb")
        assert Progress("auto", 3, "rmse").mode == "lines"


class TestWithoutTqdm:
    @pytest.mark.parametrize("mode", ["auto", "bar"])
    def test_a_terminal_has_lines(self, monkeypatch, mode):
        monkeypatch.setitem(sys.modules, "tqdm", None)
        monkeypatch.setattr(sys, "stdout", Terminal())
        monkeypatch.setattr(sys, "stderr", Terminal())
        assert watch(3, mode=mode, out=sys.stdout) == watch(3)
        assert sys.stderr.getvalue() == ""

    def test_importing_the_screen_needs_none(self):
        code = "import sys; import training.screen; assert 'tqdm' not in sys.modules"
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


ON_A_TERMINAL = """
import sys
sys.path.insert(0, "tests")
from test_screen import watch
watch(60, 47, "auto", batches=3, start={start}, out=sys.stdout)
print("end")
"""


def on_a_terminal(columns=100, start=(0, 0), **env):
    """What a pseudo-terminal so wide gets to see of a training."""
    pty = pytest.importorskip("pty", reason="pseudo-terminals are POSIX")
    ours, theirs = pty.openpty()
    pytest.importorskip("termios").tcsetwinsize(theirs, (40, columns))
    outside = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LC_ALL", "TERM")}
    child = subprocess.Popen(
        [sys.executable, "-c", ON_A_TERMINAL.format(start=start)], stdout=theirs, stderr=theirs, cwd=ROOT,
        env={**outside, "TQDM_MININTERVAL": "0", "LC_CTYPE": "C.UTF-8", **env},
    )  # fmt: skip
    os.close(theirs)
    raw = b""
    try:
        while part := os.read(ours, 65536):
            raw += part
    except OSError:  # how Linux says that the other side is closed
        pass
    finally:
        os.close(ours)
    assert child.wait() == 0
    return raw.decode()


def after_all(text):
    """The lines on a terminal once it has done as the characters say."""
    rows, row, column = {0: {}}, 0, 0
    for part in re.findall(r"\x1b\[\d*[A-Za-z]|[\r\n]|[^\x1b\r\n]+|\x1b", text):
        if part == "\r":
            column = 0
        elif part == "\n":
            row += 1
        elif part == "\x1b[A":
            row -= 1
        elif part == "\x1b[K":
            rows[row] = {place: char for place, char in rows[row].items() if place < column}
        else:
            assert not part.startswith("\x1b"), repr(part)
            for char in part:
                rows.setdefault(row, {})[column] = char
                column += 1
        rows.setdefault(row, {})
    return [
        "".join(rows[n].get(i, " ") for i in range(max(rows[n], default=-1) + 1)).rstrip()
        for n in sorted(rows)
    ]


class TestTheBar:
    @pytest.fixture(autouse=True)
    def tqdm(self):
        return pytest.importorskip("tqdm", reason="tqdm is not installed (extra: train)")

    def test_is_chosen_on_a_terminal(self, monkeypatch):
        monkeypatch.setattr(sys, "stdout", Terminal())
        monkeypatch.setattr(sys, "stderr", Terminal())
        assert Progress("auto", 3, "rmse").mode == "bar"

    def test_leaves_the_table_whole_on_a_terminal(self):
        text = on_a_terminal()
        assert re.search(r"epoch 47 of 60 \|.+\| \d\d:\d\d left at most, best epoch 46", text)
        assert [line for line in after_all(text) if line] == [*watch(60, 47), "end"]
        assert "█" in text

    def test_starts_where_the_training_goes_on(self):
        text = on_a_terminal(start=(30, 2))
        bars = re.findall(r"epoch (\d+) of 60 \|([^|]*)\|", text)
        assert bars[0][0] == "31"
        shares = [len(bar.rstrip()) / len(bar) for _, bar in bars]
        assert shares[0] == pytest.approx(30.67 / 60, abs=0.03)
        assert min(shares) > 0.5  # never back to the beginning
        assert [line for line in after_all(text) if line] == [*watch(60, 47, start=(30, 2)), "end"]

    def test_stays_on_one_line_of_a_narrow_terminal(self):
        text = on_a_terminal(20)
        assert "epoch 47 of 60 |" in text
        assert all(len(part) <= 20 for part in re.split(r"[\r\n]|\x1b\[A", text))
        rows = [line for line in after_all(text) if line]
        assert [row.split()[0] for row in rows] == ["epoch", "1", *map(str, range(3, 46, 3)), "47", "end"]

    @pytest.mark.parametrize("env", [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}])
    def test_is_ascii_where_nothing_else_can_be_shown(self, env):
        text = on_a_terminal(**env)
        assert re.search(r"epoch 47 of 60 \|#+", text)
        assert text.isascii()

    def test_stays_out_of_a_redirected_table(self, capsys):
        """With --progress bar and stdout in a file."""
        assert watch(60, 47, "bar") == watch(60, 47)
        assert "epoch 1 of 60" in capsys.readouterr().err

    def test_is_gone_after_an_exception(self, capsys, tqdm):
        with pytest.raises(KeyboardInterrupt), Progress("bar", 5, "rmse", out=io.StringIO()) as progress:
            raise KeyboardInterrupt
        assert progress.bar not in tqdm.tqdm._instances
        assert capsys.readouterr().err.endswith("\r")


class TestTheTableOfScores:
    def test_has_a_row_a_metric_and_a_column_a_part(self):
        table = score_table(
            {
                "train": {"rmse": 2.5, "r2": 1.0},
                "test": {"rmse": 1234.567, "r2": None},
                "always the mean": {"rmse": 3.0},
            }
        )
        assert table == [
            "                  train         test   always the mean",
            "rmse                2.5         1235                 3",
            "r2                    1            -                 -",
        ]

    def test_of_a_baseline_with_a_strange_name_stays_one_line(self):
        (head, _) = score_table({"train": {"accuracy": 1.0}, "always 'a\nb'": {"accuracy": 0.5}})
        assert head.endswith(r"   always 'a\nb'")


class TestTheTableOfMistakes:
    def test_has_the_true_classes_in_rows(self):
        assert confusion_table(np.array([[10, 0], [3, 4]]), ["no", "yes"]) == [
            "true              no   yes   (predicted)",
            "no                10     .",
            "yes                3     4",
        ]

    def test_lines_up_with_long_names_that_stay_different(self):
        names = ["Iris setosa of the north", "Iris setosa of the south", "b"]
        head, *rows = confusion_table(np.full((3, 3), 123), names)
        cells = [row[14:] for row in rows]
        assert len({row[:14] for row in rows}) == 3
        assert {len(row) for row in rows} == {len(head.removesuffix("   (predicted)"))}
        assert len(set(cells)) == 1


class TestLines:
    def test_of_the_report_have_a_label_and_no_control_characters(self, capsys):
        say("data", "a\x1b[31m\r\nb.csv   größe")
        assert capsys.readouterr().out == "data      a\\x1b[31m\\r\\nb.csv   größe\n"

    def test_of_warning_go_to_stderr(self, capsys):
        warn("train.py", "look\nhere")
        assert capsys.readouterr() == ("", "train.py: warning: look\\nhere\n")

    def test_of_tables_have_no_blanks_at_their_ends(self, capsys):
        show(["a  ", "", " b"])
        assert capsys.readouterr().out == "a\n\n b\n"

    def test_shorten_names_in_the_middle(self):
        assert short("name", 4) == "name"
        assert short("a long name", 7) == "a l…ame"
        assert len(short("x" * 100, 12)) == 12
        assert short("a\nb", 12) == r"a\nb"

    def test_tell_names_apart_that_became_alike(self):
        names = ["class number 1 of three", "class number 2 of three", "another", "class number 3 of three"]
        assert distinct(names, 12) == ["1 clas…three", "2 clas…three", "another", "4 clas…three"]

    def test_give_sizes_and_parameters(self):
        assert size_of((1, 28, 28)) == "1 x 28 x 28"
        assert size_of((4,)) == "4"
        assert parameters({"W": np.ones((100, 784)), "b": np.ones(100)}) == "78,500 parameters"
