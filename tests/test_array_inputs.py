"""Arrays into what a network takes: scaled by the training rows, images by channels."""

from __future__ import annotations

import json

import numpy as np
import pytest

from training.encoding.inputs import ArrayInputs, inputs_from_dict
from training.errors import DataError


def test_images_of_bytes_are_scaled_by_255() -> None:
    x = np.array([0, 51, 102, 255], np.uint8).reshape(1, 1, 2, 2)
    inputs = ArrayInputs.fit(x, np.array([0]))
    assert inputs.shape == (1, 2, 2)
    assert inputs.notes == ()
    scaled = inputs.transform(x)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled.ravel(), [0, 0.2, 0.4, 1], rtol=1e-6)
    with pytest.raises(DataError, match=r"expected images of bytes .* got float64"):
        inputs.transform(x / 255)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int32, np.uint8, np.float16, ">f4"])
def test_array_features_are_standardised_by_the_training_rows(dtype: type) -> None:
    x = np.array([[1, 10, 7], [3, 30, 7], [100, 50, 8]]).astype(dtype)
    inputs = ArrayInputs.fit(x, np.array([0, 1]))
    scaled = inputs.transform(x)
    assert scaled.dtype == np.float32
    assert scaled.tolist() == [[-1, -1, 0], [1, 1, 0], [98, 3, 1]]
    assert inputs.notes == ("1 of 3 features are constant in the training rows; scaled by 1",)


def test_image_channels_are_standardised_each_by_itself() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 3, 4, 4)) * np.array([1, 10, 100]).reshape(3, 1, 1) + 5
    scaled = ArrayInputs.fit(x, np.arange(50)).transform(x)
    np.testing.assert_allclose(scaled.mean(axis=(0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(axis=(0, 2, 3)), 1, rtol=1e-5)


def test_many_rows_and_features_are_scaled_as_few() -> None:
    x = np.random.default_rng(0).normal(3, 2, size=(2500, 37))
    rows = np.arange(0, 2500, 3)
    inputs = ArrayInputs.fit(x, rows)
    expected = (x - x[rows].mean(axis=0)) / x[rows].std(axis=0)
    np.testing.assert_allclose(inputs.transform(x), expected, rtol=1e-5, atol=1e-6)
    assert inputs.transform(x[[7, 2400]]).tobytes() == inputs.transform(x)[[7, 2400]].tobytes()


@pytest.mark.parametrize("x", [np.random.default_rng(0).normal(size=(9, 4)), np.ones((9, 2, 3, 3), np.uint8)])
def test_an_array_fit_survives_json_to_the_bit(x: np.ndarray) -> None:
    inputs = ArrayInputs.fit(x, np.arange(5))
    again = inputs_from_dict(json.loads(json.dumps(inputs.to_dict(), allow_nan=False)))
    assert isinstance(again, ArrayInputs)
    assert again.shape == inputs.shape
    assert again.notes == inputs.notes
    assert again.transform(x).tobytes() == inputs.transform(x).tobytes()


def test_arrays_that_cannot_be_learnt_from_are_refused() -> None:
    rows = np.arange(2)
    with pytest.raises(DataError, match=r"expected an array of shape \(N, D\) or \(N, C, H, W\), got \(3,\)"):
        ArrayInputs.fit(np.zeros(3), rows)
    with pytest.raises(DataError, match="expected an array of numbers, got complex128"):
        ArrayInputs.fit(np.zeros((3, 2), complex), rows)
    x = np.arange(6.0).reshape(3, 2)
    inputs = ArrayInputs.fit(x, rows)
    with pytest.raises(DataError, match=r"expected rows of shape \(2,\) as in training, got \(3,\)"):
        inputs.transform(np.zeros((3, 3)))
    with pytest.raises(DataError, match=r"x\[0, 1\]: 1e\+300 is too far from the training rows"):
        inputs.transform(np.array([[0.0, 1e300]]))
    x[2, 1] = np.nan
    for refuses in (lambda: ArrayInputs.fit(x, rows), lambda: inputs.transform(x)):
        with pytest.raises(DataError, match=r"x\[2, 1\]: nan is not a finite number; fill or drop it"):
            refuses()
