"""Networks as scikit-learn's estimators: they keep its contract, and train what train.py trains."""

import importlib
import pickle
import sys

import numpy as np
import pytest

import layers

pytest.importorskip("sklearn", "1.6", reason="scikit-learn 1.6 is not installed (extra: datasets)")

from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from training.estimators import NetClassifier, NetRegressor
from training.options import Options

QUICK = {"hidden": (16,), "epochs": 20, "lr": 0.01, "random_state": 0}


def checks():
    for estimator in (NetClassifier(**QUICK), NetRegressor(**QUICK)):
        for instance, check in estimator_checks_generator(estimator):
            how = getattr(check, "keywords", {})  # of a check that is asked more than once
            name = "-".join(
                [type(estimator).__name__, getattr(check, "func", check).__name__, *map(str, how.values())]
            )
            yield pytest.param(instance, check, id=name)


@pytest.mark.parametrize(("estimator", "check"), list(checks()))
def test_scikit_learn_finds_nothing_to_object_to(estimator, check):
    check(clone(estimator))


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return X[:200], y[:200]


@pytest.mark.parametrize("kind", [NetClassifier, NetRegressor])
def test_the_defaults_are_those_of_train_py(kind):
    ours = kind().get_params()
    other = {"model", "random_state", "validation_fraction", "class_weight", "refit"}
    assert {name: value for name, value in ours.items() if name not in other} == {
        name: getattr(Options, name) for name in ours.keys() - other
    }
    assert ours["validation_fraction"] == Options.val


def test_a_classifier_learns_words_and_gives_their_probabilities(iris):
    X, y = iris[0], np.array(["setosa", "versicolor", "virginica"])[iris[1]]
    net = NetClassifier(**QUICK | {"epochs": 60}).fit(X, y)
    p = net.predict_proba(X)
    assert net.score(X, y) > 0.94
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_array_equal(net.predict(X), net.classes_[p.argmax(axis=1)])


def test_a_regressor_answers_in_the_units_of_the_target(diabetes):
    X, y = diabetes
    net = NetRegressor(**QUICK).fit(X, 1e6 + 1e3 * y)
    assert net.score(X, 1e6 + 1e3 * y) > 0.4
    scaled = NetRegressor(**QUICK).fit(X, y)
    np.testing.assert_allclose(net.predict(X), 1e6 + 1e3 * scaled.predict(X), rtol=1e-6)


def test_several_targets_have_a_column_of_answers_each(diabetes):
    X, y = diabetes
    both = np.column_stack([y, -3 * y])
    p = NetRegressor(**QUICK).fit(X, both).predict(X)
    assert p.shape == (len(X), 2)
    assert np.corrcoef(p.T)[0, 1] < -0.9


@pytest.mark.parametrize(("kind", "data"), [(NetClassifier, "iris"), (NetRegressor, "diabetes")])
def test_the_seed_settles_the_network_to_the_last_bit(kind, data, request):
    X, y = request.getfixturevalue(data)
    quick = QUICK | {"epochs": 2, "dropout": 0.2}
    first, again = (kind(**quick).fit(X, y).model_.state() for _ in range(2))
    other = kind(**quick | {"random_state": 1}).fit(X, y).model_.state()
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["0.W"], other["0.W"])


def test_the_scale_of_the_inputs_does_not_matter(iris):
    X, y = iris
    quick = QUICK | {"epochs": 3}
    p = NetClassifier(**quick).fit(X, y).predict_proba(X)
    far = NetClassifier(**quick).fit(1e5 * X + 1e6, y).predict_proba(1e5 * X + 1e6)
    np.testing.assert_allclose(far, p, atol=1e-6)


def test_it_works_in_a_pipeline_a_search_and_cross_validation(iris):
    X, y = iris
    pipeline = make_pipeline(MinMaxScaler(), NetClassifier(**QUICK))
    scores = cross_val_score(pipeline, X, y, cv=2, error_score="raise")
    assert scores.min() > 0.5
    grid = {"netclassifier__hidden": [(), (8,)], "netclassifier__schedule": ["cosine", "constant"]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, y)
    assert search.best_params_.keys() == grid.keys()


@pytest.mark.parametrize(("kind", "data"), [(NetClassifier, "iris"), (NetRegressor, "diabetes")])
def test_a_pickle_predicts_the_same(kind, data, request):
    X, y = request.getfixturevalue(data)
    net = kind(**QUICK | {"epochs": 2, "batchnorm": True}).fit(X, y)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(net)).predict(X), net.predict(X))


def test_a_data_frame_is_remembered_by_the_names_of_its_columns(iris):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    X, y = iris
    frame = pandas.DataFrame(X, columns=list("abcd"))
    net = NetClassifier(**QUICK | {"epochs": 2}).fit(frame, pandas.Series(y))
    assert list(net.feature_names_in_) == list("abcd")
    np.testing.assert_array_equal(net.predict(frame), net.predict(frame.copy()))
    with pytest.raises(ValueError, match="feature names should match"):
        net.predict(frame[list("dcba")])


def test_with_refit_all_rows_are_learnt_for_as_long_as_the_best_epoch_took(iris):
    how = {"hidden": (8,), "schedule": "constant", "random_state": 0}
    net = NetClassifier(**how, epochs=30).fit(*iris)
    best = net.history_.best.epoch
    whole = NetClassifier(**how, epochs=best, validation_fraction=0).fit(*iris)
    np.testing.assert_array_equal(net.predict_proba(iris[0]), whole.predict_proba(iris[0]))
    some = NetClassifier(**how, epochs=30, refit=False).fit(*iris)
    assert not np.array_equal(net.predict_proba(iris[0]), some.predict_proba(iris[0]))


def test_a_function_may_build_the_network(iris):
    asked = []

    def build(input_shape, output_size, rng):
        asked.append((input_shape, output_size))
        return layers.Sequential(layers.Affine(4, 5, rng=rng), layers.Tanh(), layers.Affine(5, 3, rng=rng))

    net = NetClassifier(model=build, epochs=2, random_state=0).fit(*iris)
    assert asked == [((4,), 3)] * 2  # with rows held back, and with all
    assert net.model_.params["0.W"].shape == (5, 4)


def test_it_stops_when_the_rows_held_back_get_no_better(iris):
    X, y = iris
    net = NetClassifier(**QUICK | {"epochs": 200, "patience": 2, "lr": 0.1, "schedule": "constant"}).fit(X, y)
    history = net.history_
    assert len(history.epochs) == history.best.epoch + 2 < 200
    whole = NetClassifier(**QUICK | {"epochs": 3, "validation_fraction": 0.0}).fit(X, y).history_
    assert [row.val_loss for row in whole.epochs] == [None] * 3


def test_few_rows_all_train():
    X, y = np.arange(9.0)[:, None], np.arange(9) % 2
    history = NetClassifier(**QUICK | {"epochs": 3}).fit(X, y).history_
    assert [row.val_loss for row in history.epochs] == [None] * 3


def test_weights_move_the_answers_to_a_rare_class():
    rng = np.random.default_rng(0)
    y = (rng.random(300) < 0.1).astype(int)
    X = rng.standard_normal((300, 1)) + y[:, None]
    answers = [
        NetClassifier(**QUICK, class_weight=weight).fit(X, y).predict(X).mean()
        for weight in (None, "balanced", {0: 1.0, 1: 9.0})
    ]
    assert answers[0] < 0.1 < 0.2 < min(answers[1:])


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"optimizer": "sdg"}, "NetClassifier: expected optimizer to be adam or .* did you mean 'sgd'"),
        ({"schedule": "plateau"}, "expected schedule to be constant or .*, got 'plateau'"),
        ({"activation": "rleu"}, "expected activation to be relu or .*, got 'rleu'; did you mean 'relu'"),
        ({"hidden": 64}, r"expected hidden to be a tuple of sizes, got 64; write \(64, 64\)"),
        ({"validation_fraction": 1.0}, r"expected validation_fraction in \[0, 1\), got 1.0"),
        ({"epochs": 0}, "expected epochs >= 1, got 0"),
        ({"batch_size": 0}, "expected batch_size >= 1, got 0"),
        ({"model": lambda *_: None, "hidden": (3,)}, "hidden has no meaning where model= builds the network"),
    ],
)
def test_a_parameter_that_cannot_be_is_refused_by_fit(how, message, iris):
    with pytest.raises(ValueError, match=message):
        NetClassifier(**how).fit(*iris)


def test_without_scikit_learn_one_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    monkeypatch.delitem(sys.modules, "training.estimators")
    with pytest.raises(ImportError, match=r"needs scikit-learn 1.6 or later; python -m pip install -U"):
        importlib.import_module("training.estimators")


def test_one_class_and_what_is_no_class_are_refused(iris):
    X, y = iris
    with pytest.raises(ValueError, match=r"expected at least two classes in y, got one class \(.*0.*\)"):
        NetClassifier(**QUICK).fit(X, 0 * y)
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        NetClassifier(**QUICK).fit(X, y + 0.5)
