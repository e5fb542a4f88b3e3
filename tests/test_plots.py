"""Pictures: right, readable by others, without a screen, whatever the names and the numbers."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from layers import Affine, BatchNorm, Conv2D, Flatten, ReLU, Residual, Sequential
from training import canvas, maps, plots
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


def history(train, val=None, best=1, *, rates=None, scores=None):
    rows = [
        Epoch(
            epoch=n,
            step=n,
            lr=rates[n - 1] if rates else 0.1,
            train_loss=loss,
            val_loss=val and val[n - 1],
            scores={"accuracy": scores[n - 1]} if scores else {},
            watched=loss,
            best=n == best,
            seconds=0.1 * n,
            grad_norm=1.0,
        )
        for n, loss in enumerate(train, start=1)
    ]
    return History(rows, rows[best - 1])


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """Calls a plot function with a path and checks its PNG; gives the figure behind it."""
    figures = []
    save = canvas.save
    monkeypatch.setattr(canvas, "save", lambda figure, path: figures.append(figure) or save(figure, path))

    def draw(plot, *arguments):
        path = tmp_path / "plots" / "picture.png"
        plot(path, *arguments)
        assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
        pixels = image.imread(path)
        assert pixels.ndim == 3
        assert min(pixels.shape[:2]) > 150
        assert max(pixels.shape[:2]) < 2000
        assert 0.3 < pixels[..., :3].mean() < 0.999  # mostly paper, not only paper
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

    def test_has_a_panel_for_the_score_that_tells_the_best_epoch(self, drawn):
        told = history([3.0, 2.0, 1.0], [3.0, 2.5, 2.0], best=2, scores=[0.5, None, 0.75])
        losses, score = drawn(plots.learning_curve, told, "iris", "accuracy").axes
        curve, best = score.lines
        assert curve.get_xdata().tolist() == [1, 2, 3]
        np.testing.assert_array_equal(curve.get_ydata(), [0.5, np.nan, 0.75])
        assert list(best.get_xdata()) == [2, 2]
        assert (losses.get_ylabel(), score.get_ylabel()) == ("loss", "validation accuracy")
        assert (losses.get_xlabel(), score.get_xlabel()) == ("", "epoch")

    def test_has_a_strip_for_a_learning_rate_that_changes(self, drawn):
        told = history([3.0, 2.0, 1.0], rates=[0.1, 0.05, 0.0])
        _, strip = drawn(plots.learning_curve, told, "iris").axes
        assert strip.lines[0].get_xydata().tolist() == [[1, 0.1], [2, 0.05], [3, 0]]
        assert (strip.get_ylabel(), strip.get_xlabel()) == ("lr", "epoch")

    def test_cuts_a_title_that_is_too_long(self, drawn):
        figure = drawn(plots.learning_curve, history([1.0, 0.5]), "a name " * 40)
        assert len(figure.axes[0].get_title()) <= 8 * 7

    def test_of_losses_that_fall_very_far_names_powers_of_ten_alone(self, drawn):
        figure = drawn(plots.learning_curve, history([10.0**-n for n in range(9)]), "far")
        low, high = figure.axes[0].get_ylim()
        shown = [tick for tick in figure.axes[0].get_yticks() if low <= tick <= high]
        assert 4 <= len(shown) <= 10


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

    def test_of_names_that_differ_in_the_middle_numbers_them(self, drawn):
        names = [f"the class that is called {n} by everybody" for n in range(12)]
        axes = drawn(plots.confusion_matrix, np.eye(12, dtype=int), names, "twelve").axes[0]
        assert len({label.get_text() for label in axes.get_xticklabels()}) == 12


class TestTheReliabilityCurve:
    def test_has_what_is_said_across_and_what_is_so_up(self, drawn):
        probabilities = np.array([[0.5, 0.5], [0.45, 0.55], [0.1, 0.9], [0.96, 0.04], [1.0, 0.0]])
        figure = drawn(plots.reliability_curve, probabilities, np.array([0, 0, 1, 0, -1]), "iris, test part")
        axes, counts = figure.axes
        diagonal, curve = axes.lines
        assert (diagonal.get_xdata() == diagonal.get_ydata()).all()
        np.testing.assert_allclose(curve.get_xydata(), [[0.525, 0.5], [2.86 / 3, 2 / 3]])
        assert [(bar.get_x(), bar.get_height()) for bar in counts.patches] == [(0.5, 2), (0.9, 3)]
        assert [text.get_text() for text in counts.texts] == ["2", "3"]
        assert axes.get_title() == "iris, test part\ncalibration error 0.182"

    @pytest.mark.parametrize("probabilities", [np.eye(2)[[0]], np.full((1000, 100), 0.01), np.eye(3)[[0, 1]]])
    def test_of_few_rows_and_of_many_classes_is_drawn(self, drawn, probabilities):
        labels = np.zeros(len(probabilities), int)
        axes, counts = drawn(plots.reliability_curve, probabilities, labels, "title").axes
        assert sum(bar.get_height() for bar in counts.patches) == len(labels)
        assert axes.get_xlim() == (0, 1)


def halves(places):
    """Class 1 where the first feature is 5 or more."""
    return (places[:, 0] >= 5).astype(int)


class TestTheDecisionBoundary:
    def test_has_the_rows_over_the_regions_in_the_users_units(self, drawn):
        x, labels = np.array([[0.0, 100.0], [10.0, 300.0], [9.0, 200.0]]), np.array([0, 1, -1])
        figure = drawn(maps.class_map, x, labels, ["length", "width"], ["no", "yes"], halves, "iris")
        (axes,) = figure.axes
        (image,) = axes.images
        assert image.get_extent() == pytest.approx([-0.4, 10.4, 92, 308])
        regions = image.get_array()
        assert (regions[:, :99] == 0).all()
        assert (regions[:, 101:] == 1).all()
        shown = [group.get_offsets().tolist() for group in axes.collections]
        assert shown == [[[9, 200]], [[0, 100]], [[10, 300]]]
        (legend,) = figure.legends
        assert [text.get_text() for text in legend.get_texts()] == ["a class never seen", "no", "yes"]
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("length", "width")

    def test_shows_the_second_feature_upwards(self, drawn):
        x = np.array([[0.0, 0.0], [1.0, 1.0]])
        above = lambda places: (places[:, 1] > 0.5).astype(int)  # noqa: E731
        figure = drawn(maps.class_map, x, np.array([0, 1]), ["a", "b"], ["low", "high"], above, "title")
        (image,) = figure.axes[0].images
        assert image.origin == "lower"
        assert image.get_array()[0].max() == 0
        assert image.get_array()[-1].min() == 1

    def test_tells_few_classes_by_shape_and_colour_and_many_by_a_scale(self, drawn):
        rng = np.random.default_rng(0)
        x = rng.uniform(0, 10, (300, 2))
        for C, axes in ((8, 1), (40, 2)):
            names = [f"a class with a long name, number {n}" for n in range(C)]
            figure = drawn(maps.class_map, x, rng.integers(0, C, 300), ["a", "b"], names, halves, "title")
            assert len(figure.axes) == axes
            colours = {tuple(group.get_facecolor()[0]) for group in figure.axes[0].collections}
            assert len(colours) >= min(C, 35)
            paths = {group.get_paths()[0].vertices.tobytes() for group in figure.axes[0].collections}
            assert len(paths) == (8 if C == 8 else 1)
        assert len(figure.axes[1].get_yticks()) <= 12


class TestThePredictionMap:
    def test_shows_predictions_and_rows_on_one_scale(self, drawn):
        x, true = np.array([[0.0, 0.0], [1.0, 2.0], [2.0, 1.0]]), np.array([0.0, 5.0, 2.0])
        predict = lambda places: places[:, 0] + 10  # noqa: E731
        figure = drawn(maps.value_map, x, true, ["a", "b"], "price", predict, "houses")
        axes, scale = figure.axes
        rows = axes.collections[-1]
        assert rows.get_offsets().tolist() == x.tolist()
        assert rows.get_array().tolist() == true.tolist()
        assert rows.get_clim() == axes.images[0].get_clim()
        assert rows.get_clim()[0] < 0 < 12.08 < rows.get_clim()[1]
        assert scale.get_ylabel() == "price"

    @pytest.mark.parametrize("unit", [1e-30, 1, 1e30])
    @pytest.mark.parametrize("slope", [0, 1])
    def test_is_drawn_whatever_the_numbers(self, drawn, unit, slope):
        x = np.array([[1.0, 1.0], [2.0, 1.0]]) * unit
        predict = lambda places: slope * places[:, 0]  # noqa: E731
        axes = drawn(maps.value_map, x, x[:, 0], ["a", "b"], "y", predict, "title").axes[0]
        assert len(axes.collections[-1].get_offsets()) == 2


class TestTheWeights:
    def test_of_a_first_layer_over_images_are_images(self):
        first = Affine(12, 5, rng=0)
        images = maps.first_weights(Sequential(Flatten(), first, ReLU(), Affine(5, 2)), (1, 3, 4))
        np.testing.assert_array_equal(images, first.params["W"].reshape(5, 1, 3, 4))
        conv = Conv2D(3, 6, 5, rng=0)
        images = maps.first_weights(Sequential(Residual(Sequential(BatchNorm(3), conv))), (3, 9, 9))
        np.testing.assert_array_equal(images, conv.params["W"])
        assert maps.first_weights(conv, (3, 9, 9)) is conv.params["W"]

    @pytest.mark.parametrize(
        ("model", "shape"),
        [
            (Affine(64, 5), (64,)),
            (Sequential(Flatten(), Affine(8, 5)), (2, 2, 2)),
            (Conv2D(3, 4, 3, groups=1), (1, 8, 8)),
            (Sequential(Flatten(), ReLU()), (1, 2, 2)),
        ],
    )
    def test_of_other_networks_are_none(self, model, shape):
        assert maps.first_weights(model, shape) is None

    @pytest.mark.parametrize(("units", "shown"), [(1, 1), (6, 6), (100, 64)])
    @pytest.mark.parametrize("C", [1, 3])
    def test_have_a_picture_a_unit(self, drawn, units, shown, C):
        images = np.random.default_rng(0).standard_normal((units, C, 5, 4)).astype(np.float32)
        axes = drawn(maps.weights, images, "mnist").axes[0]
        sheet = np.ma.filled(axes.images[0].get_array(), np.nan)
        rows, columns = -(-shown // 8), min(8, shown)
        assert sheet.shape[:2] == (6 * rows, 5 * columns)
        row, column = divmod(shown - 1, 8)
        last = sheet[6 * row + 1 : 6 * row + 6, 5 * column + 1 : 5 * column + 5]
        small = np.abs(images[shown - 1]) < 2  # the others are cut
        if C == 1:
            np.testing.assert_allclose(last[small[0]], images[shown - 1, 0][small[0]], rtol=1e-6)
        else:
            assert last.shape == (5, 4, 3)
            assert ((last >= 0) & (last <= 1)).all()
            brightest = images[shown - 1].argmax(axis=0) == last.argmax(axis=-1)
            assert brightest[small.all(axis=0)].all()
        more = ", 64 of 100 units" if units == 100 else ""
        assert axes.get_title() == f"mnist, first layer{more}"

    def test_of_0_are_drawn(self, drawn):
        drawn(maps.weights, np.zeros((4, 1, 3, 3)), "zeros")


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
        assert any(text.startswith(r"predicted $x_1$ \u6570") for text in shown)

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
    assert canvas.available()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert not canvas.available()
