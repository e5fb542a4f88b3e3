"""What a run leaves to read: doubts that are due, the row that is furthest off, and the right pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from layers import Affine, Flatten, Sequential
from layers.base import Array
from training.errors import DiskError
from training.gallery import pictures
from training.loop import Epoch, History
from training.options import parse
from training.prepare import Prepared, prepare
from training.problem import answers
from training.report import Outcome, doubts, is_stuck, judge, report, show_residuals
from training.run import Run

RIGHT = {"accuracy": 0.9, "macro_f1": 0.9, "log_loss": 0.1}
TRIVIAL = {"accuracy": 0.5, "macro_f1": 0.3, "log_loss": 0.7}


def history(losses: list[float]) -> History:
    rows = [
        Epoch(
            epoch=n, step=n, lr=0.1, train_loss=loss, val_loss=None, scores={}, watched=loss, best=n == 1,
            seconds=0.1, grad_norm=1.0,
        )
        for n, loss in enumerate(losses, start=1)
    ]  # fmt: skip
    return History(rows, rows[0])


def prepared_from(folder: Path, text: str) -> Prepared:
    (folder / "t.csv").write_text(text)
    return prepare(parse([str(folder / "t.csv"), "--task", "regression"]))


def outcome(reached: dict[str, float | None]) -> Outcome:
    return Outcome({"test": reached}, "test", np.zeros((1, 2)), dict(TRIVIAL), "always 'a'", None)


class TestDoubts:
    @pytest.fixture
    def kind(self):
        return prepare(parse(["iris"])).kind

    def test_there_are_none_where_the_network_learned(self, kind):
        assert doubts(kind, outcome(dict(RIGHT)), history([1 / n for n in range(1, 40)])) == []

    def test_a_network_that_is_no_better_than_the_baseline_is_told(self, kind):
        (note,) = doubts(kind, outcome({**RIGHT, "accuracy": 0.5}), history([1.0, 0.5]))
        assert note.startswith(
            "accuracy 0.5 on the test rows is no better than always 'a' (0.5); try another"
        )

    def test_a_loss_that_stands_still_is_told(self, kind):
        (note,) = doubts(kind, outcome(dict(RIGHT)), history([2.31] + [2.303] * 20))
        assert note.startswith("the loss has stood at 2.303 for 20 epochs: it does not learn; try a")

    def test_fewer_epochs_tell_nothing(self, kind):
        assert doubts(kind, outcome(dict(RIGHT)), history([2.303] * 19)) == []

    @pytest.mark.parametrize(
        ("losses", "stuck"),
        [
            ([2.303] * 25, True),
            ([2.4] * 5 + [2.303 + 1e-5 * (n % 2) for n in range(20)], True),
            ([2.3] * 5 + [0.01] * 20, False),  # learned, and done
            ([0.0] * 25, False),
            ([2.303 - 0.001 * n for n in range(25)], False),  # slowly, but on the way
        ],
    )
    def test_stuck_is_a_loss_that_neither_falls_nor_fell(self, losses, stuck):
        assert is_stuck(losses) == stuck


class TestTheLargestError:
    def test_is_named_by_row_and_place(self, tmp_path, capsys):
        lines = "\n".join(f"{n},{2 * n}" for n in range(40))
        prepared = prepared_from(tmp_path, f"a,b\n{lines}\n")
        part, answer = prepared.parts["test"], prepared.parts["test"].truth.copy()
        answer[2] += 7.5
        show_residuals(prepared.kind, part, answer)
        row, true = part.rows[2], part.truth[2, 0]
        assert capsys.readouterr().out == (
            f"\nresiduals largest in row {row + 1} ({tmp_path}/t.csv:{row + 2}): "
            f"predicted {true + 7.5:.4g}, actual {true:.4g}\n"
        )

    def test_of_arrays_is_named_once_and_of_several_outputs_which(self, tmp_path, capsys):
        rng = np.random.default_rng(0)
        x, y = rng.standard_normal((40, 3)), rng.standard_normal((40, 2)) * [1, 1000]
        np.savez(tmp_path / "t.npz", x=x, y=y)
        prepared = prepare(parse([str(tmp_path / "t.npz")]))
        part = prepared.parts["test"]
        answer = part.truth + np.array([9.0, 1000.0])
        show_residuals(prepared.kind, part, answer)
        said = capsys.readouterr().out
        assert f"largest of y 1 in {tmp_path}/t.npz, row {part.rows[0] + 1}: predicted" in said


def drawn(prepared: Prepared, model) -> list[str]:
    part = prepared.parts["test"]
    answer: Array = answers(prepared.kind, model, part.x, part.data.place)
    return [name for name, _ in pictures(prepared, model, history([1.0]), "test", answer, "loss")]


class TestThePictures:
    def test_of_classes(self):
        assert drawn(prepare(parse(["iris"])), Affine(4, 3, rng=0)) == [
            *("learning_curve", "confusion", "reliability")
        ]

    def test_of_two_features_have_a_map(self, tmp_path):
        assert drawn(prepare(parse(["spirals:90"])), Affine(2, 3, rng=0))[-1] == "decision_boundary"
        lines = "\n".join(f"{n},{n * n % 17},{2 * n}" for n in range(40))
        prepared = prepared_from(tmp_path, f"a,b,c\n{lines}\n")
        names = drawn(prepared, Affine(2, 1, rng=0))
        assert names == ["learning_curve", "predicted_vs_actual", "residuals", "prediction_map"]

    def test_of_one_category_have_none(self, tmp_path):
        numbers = prepared_from(tmp_path, "a,b\n" + "".join(f"{n},{2 * n}\n" for n in range(40)))
        tested = numbers.parts["test"].rows[0]  # a level that no training row has
        lines = "".join(f"{'no' if n == tested else 'yes'},{2 * n}\n" for n in range(40))
        prepared = prepared_from(tmp_path, f"a,b\n{lines}")
        assert prepared.inputs.shape == (2,)  # a=yes, a=(other)
        assert "prediction_map" not in drawn(prepared, Affine(2, 1, rng=0))

    def test_of_arrays_with_two_features_have_a_map_in_their_units(self, tmp_path):
        matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra: train)")
        assert matplotlib
        x = np.random.default_rng(0).standard_normal((60, 2)) * [10, 0.1] + [100, 5]
        np.savez(tmp_path / "t.npz", x=x, y=(x[:, 0] > 100).astype(int))
        prepared = prepare(parse([str(tmp_path / "t.npz")]))
        model, part = Affine(2, 2, rng=0), prepared.parts["test"]
        model.params["W"][...] = [[-9, 0], [9, 0]]
        found = judge(prepared, model)
        name, picture = pictures(prepared, model, history([1.0]), "test", found.answer, "loss")[-1]
        assert name == "decision_boundary"
        np.testing.assert_allclose(picture.keywords["x"], x[part.rows], rtol=1e-5)
        apart = prepared.inputs.mean + np.array([[-1, 0], [1, 0]])
        assert picture.keywords["classify"](apart).tolist() == [0, 1]

    def test_of_images_have_the_first_layers_weights(self, tmp_path):
        x = np.random.default_rng(0).integers(0, 255, (60, 5, 4)).astype(np.uint8)
        np.savez(tmp_path / "t.npz", x=x, y=np.arange(60) % 3)
        prepared = prepare(parse([str(tmp_path / "t.npz")]))
        assert drawn(prepared, Sequential(Flatten(), Affine(20, 3, rng=0)))[-1] == "weights"


class TestAFullDisk:
    def test_costs_neither_the_scores_nor_what_comes_after(self, tmp_path, capsys, monkeypatch):
        prepared, model = prepare(parse(["iris"])), Affine(4, 3, rng=0)
        (tmp_path / "plots").write_text("a file where a folder should be")
        run = Run(tmp_path)

        def full(name, value):
            raise DiskError(f"{name}: cannot be written: No space left")

        monkeypatch.setattr(run, "write_json", full)
        with pytest.raises(DiskError, match=r"metrics\.json: cannot be written"):
            report(parse(["iris"]), prepared, model, history([1.0]), run)
        said = capsys.readouterr().out
        assert "accuracy" in said
        assert "next      python" in said
        assert "saved " not in said
        assert (tmp_path / "predictions.csv").exists()

    def test_of_pictures_alone_is_told_too(self, tmp_path, capsys):
        pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra: train)")
        (tmp_path / "plots").write_text("a file where a folder should be")
        prepared, model = prepare(parse(["iris"])), Affine(4, 3, rng=0)
        with pytest.raises(DiskError, match="plots: cannot be made"):
            report(parse(["iris"]), prepared, model, history([1.0]), Run(tmp_path))
        assert (tmp_path / "metrics.json").exists()
        assert "plots   " not in capsys.readouterr().out
