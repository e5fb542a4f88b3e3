"""Pictures: right, readable by others, without a screen, whatever the names and the numbers."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from training import plots
from training.errors import DiskError
from training.loop import Epoch, History

ROOT = Path(__file__).parent.parent

pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra: train)")

from matplotlib import cbook, image  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.text import Text  # noqa: E402

STRANGE = [
    "a$b",
    "$x^$",
    r"a\$b$",
    "_x^",
    "größe",
    "数",
    "\N{UNICORN FACE}",
    "two\nlines",
    "%d {0} #",
    " ",
    "\udcff",
]


def history(train, val=None, best=1):
    rows = [
        Epoch(n, n, 0.1, loss, val and val[n - 1], {}, loss, n == best, 0.1 * n, 1.0)
        for n, loss in enumerate(train, start=1)
    ]
    return History(rows, rows[best - 1])


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """Calls a plot function with a path and checks its PNG; gives the figure behind it."""
    figures = []
    save = plots._save
    monkeypatch.setattr(plots, "_save", lambda figure, path: figures.append(figure) or save(figure, path))

    def draw(plot, *arguments):
        path = tmp_path / "plots" / "picture.png"
        plot(path, *arguments)
        assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
        pixels = image.imread(path)
        assert pixels.ndim == 3
        assert min(pixels.shape[:2]) > 300
        assert max(pixels.shape[:2]) < 2000
        assert 0.5 < pixels[..., :3].mean() < 0.999  # mostly paper, not only paper
        return figures.pop()

    return draw


def texts(figure):
    """Every text in the picture that is not empty, as a reader sees it."""
    found = [text.get_text() for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    assert not any(cbook.is_math_text(text) for text in found), found
    return [text.replace(r"\$", "$") for text in found]


def points(axes):
    return np.asarray(axes.collections[0].get_offsets())


class TestTheLearningCurve:
    def test_shows_both_losses_and_the_best_epoch(self, drawn):
        figure = drawn(plots.learning_curve, history([4.0, 2.0, 1.0], [5.0, 2.5, 3.0], best=2), "iris")
        (axes,) = figure.axes
        training, validation, best = axes.lines
        assert training.get_xydata().tolist() == [[1, 4], [2, 2], [3, 1]]
        assert validation.get_xydata().tolist() == [[1, 5], [2, 2.5], [3, 3]]
        assert list(best.get_xdata()) == [2, 2]
        assert [text.get_text() for text in axes.get_legend().get_texts()] == [
            "training", "validation", "best epoch, 2",
        ]  # fmt: skip
        assert (axes.get_title(), axes.get_xlabel(), axes.get_ylabel()) == ("iris", "epoch", "loss")

    @pytest.mark.parametrize("val", [None, [2.0]])
    def test_of_one_epoch_shows_its_points(self, drawn, val):
        (axes,) = drawn(plots.learning_curve, history([1.0], val), "one").axes
        assert axes.lines[0].get_marker() == "."
        low, high = axes.get_xlim()
        assert [tick for tick in axes.get_xticks() if low <= tick <= high] == [1]

    def test_has_a_log_axis_in_plain_numbers_where_the_loss_falls_far(self, drawn):
        figure = drawn(plots.learning_curve, history([10.0**-n for n in range(4)]), "far")
        assert figure.axes[0].get_yscale() == "log"
        assert {"1", "0.1", "0.001"} <= set(texts(figure))

    @pytest.mark.parametrize("losses", [[1.0, 0.5], [100.0, 0.0]])
    def test_has_no_log_axis_otherwise(self, drawn, losses):
        assert drawn(plots.learning_curve, history(losses), "near").axes[0].get_yscale() == "linear"


class TestTheConfusionMatrix:
    def test_has_the_true_classes_in_rows(self, drawn):
        matrix = np.array([[8, 0, 0], [0, 6, 2], [0, 0, 0]])
        figure = drawn(plots.confusion_matrix, matrix, ["a", "b", "c"], "iris, test part")
        axes = figure.axes[0]
        shares = axes.images[0].get_array()
        assert shares.tolist() == [[1, 0, 0], [0, 0.75, 0.25], [0, 0, 0]]
        counts = {text.get_position(): text.get_text() for text in axes.texts}
        assert counts == {(0, 0): "8", (1, 1): "6", (2, 1): "2"}  # (column, row)
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")
        for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
            assert [label.get_text() for label in labels] == ["a", "b", "c"]

    def test_of_forty_classes_with_long_names_keeps_them_apart(self, drawn):
        names = [f"a class with quite a long name, number {n}" for n in range(40)]
        matrix = np.random.default_rng(0).integers(0, 9, (40, 40))
        axes = drawn(plots.confusion_matrix, matrix, names, "forty").axes[0]
        labels = [label.get_text() for label in axes.get_yticklabels()]
        assert len(set(labels)) == 40
        assert max(map(len, labels)) <= 20
        assert {label.get_rotation() for label in axes.get_xticklabels()} == {90}

    def test_of_many_classes_names_some(self, drawn):
        axes = drawn(
            plots.confusion_matrix, np.eye(120, dtype=int), [f"k{n}" for n in range(120)], "many"
        ).axes[0]
        assert [label.get_text() for label in axes.get_xticklabels()][:3] == ["k0", "k3", "k6"]
        assert len(axes.get_xticklabels()) == 40


class TestPredictedAgainstActual:
    def test_has_the_truth_across_and_equal_axes(self, drawn):
        true, predicted = np.array([1.0, 2.0, 4.0]), np.array([1.5, 2.0, 3.0])
        (axes,) = drawn(plots.predicted_against_actual, predicted, true, "price", "houses").axes
        assert points(axes).tolist() == [[1, 1.5], [2, 2], [4, 3]]
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("actual price", "predicted price")
        assert axes.get_xlim() == axes.get_ylim()
        (line,) = axes.lines
        assert (line.get_xdata() == line.get_ydata()).all()
        assert axes.get_xlim()[0] < 1 < 4 < axes.get_xlim()[1]


class TestResiduals:
    def test_are_predicted_minus_actual(self, drawn):
        true, predicted = np.array([1.0, 2.0, 4.0]), np.array([1.5, 2.0, 3.0])
        axes, side = drawn(plots.residuals, predicted, true, "price", "houses").axes
        assert points(axes).tolist() == [[1.5, 0.5], [2, 0], [3, -1]]
        assert sum(bar.get_width() for bar in side.patches) == 3
        assert axes.get_ylim() == side.get_ylim()
        assert axes.get_ylabel() == "predicted − actual"
        assert side.get_title() == "mean −0.167, deviation 0.624"


NUMBERS = {
    "constant predictions": (np.full(9, 3.0), np.arange(9.0)),
    "all alike": (np.full(9, 3.0), np.full(9, 3.0)),
    "one row": (np.ones(1), np.zeros(1)),
    "huge": (np.full(4, 1e30), np.zeros(4)),
    "far from zero, close together": (np.full(3, 1e17), np.array([1e17, 1e17 + 16, 1e17])),
    "float32 and many": (
        np.linspace(-1, 1, 3000, dtype=np.float32),
        np.linspace(-1, 1, 3000, dtype=np.float32),
    ),
}


@pytest.mark.parametrize("numbers", NUMBERS.values(), ids=NUMBERS)
@pytest.mark.parametrize("plot", [plots.predicted_against_actual, plots.residuals])
def test_numbers_of_any_kind_are_drawn(drawn, plot, numbers):
    axes = drawn(plot, *numbers, "y", "title").axes[0]
    assert len(points(axes)) == len(numbers[0])
    (low, high), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    assert all(low <= x <= high and bottom <= y <= top for x, y in points(axes))


class TestNames:
    """Warnings are errors here: a glyph that the font lacks would be one."""

    def test_of_classes_are_shown_as_they_stand(self, drawn):
        figure = drawn(plots.confusion_matrix, np.eye(len(STRANGE), dtype=int), STRANGE, "a$b$c")
        shown = texts(figure)
        assert {"a$b$c", "a$b", "$x^$", r"a\$b$", "_x^", "größe", "%d {0} #"} <= set(shown)
        assert {r"\u6570", r"\U0001f984", r"two\nlines", r"\udcff"} <= set(shown)

    @pytest.mark.parametrize("plot", [plots.predicted_against_actual, plots.residuals])
    def test_of_columns_are_shown_as_they_stand(self, drawn, plot):
        figure = drawn(plot, np.arange(3.0), np.arange(3.0), "$x_1$ 数 " + "long " * 20, r"$\frac{$")
        shown = texts(figure)
        assert r"$\frac{$" in shown
        assert any(text.startswith(r"predicted $x_1$ \u6570 long") for text in shown)

    def test_of_data_are_shown_as_they_stand(self, drawn):
        assert r"_a$b$ \u6570" in texts(drawn(plots.learning_curve, history([1.0, 2.0]), "_a$b$ 数"))


class TestTheFile:
    def test_is_the_same_bytes_for_the_same_picture(self, tmp_path):
        for name in ("one", "two"):
            plots.learning_curve(tmp_path / name, history([2.0, 1.0]), "same")
        assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()

    def test_that_cannot_be_written_is_one_line(self, tmp_path):
        (tmp_path / "plots").write_text("a file")
        with pytest.raises(DiskError, match="plots: cannot be made: File exists"):
            plots.learning_curve(tmp_path / "plots" / "curve.png", history([1.0]), "title")


def test_no_figure_stays_behind(tmp_path):
    gc.collect()
    before = sum(type(thing) is Figure for thing in gc.get_objects())
    plots.learning_curve(tmp_path / "curve.png", history([1.0, 0.5]), "title")
    gc.collect()
    assert sum(type(thing) is Figure for thing in gc.get_objects()) == before


def test_neither_pyplot_nor_a_screen_is_needed(tmp_path):
    code = """
import sys
import numpy as np
from pathlib import Path
import training.plots as plots
assert "matplotlib" not in sys.modules
plots.residuals(Path(sys.argv[1]), np.arange(3.0), np.ones(3), "y", "title")
assert "matplotlib" in sys.modules and "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run(
        [sys.executable, "-W", "error", "-c", code, tmp_path / "picture.png"], check=True, cwd=ROOT,
        env={**os.environ, "MPLBACKEND": "TkAgg"},
    )  # fmt: skip
    assert (tmp_path / "picture.png").exists()


def test_without_matplotlib_there_are_none(monkeypatch):
    assert plots.available()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert not plots.available()
