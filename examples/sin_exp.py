"""f(x) = 2 / sin(exp(-x)) at x = -4.499: four layers in a row, their local derivatives, and the chain.

    python examples/sin_exp.py

exp(4.499) is 90, nearly. A lecture that goes on with sin(90) = 1 and cos(90) = 0 reads 90 as degrees; exp
knows nothing of degrees, and the sine of analysis takes radians. Both readings are worked out here.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from gradcheck import check_layer, jvp
from layers import Elementwise, Sequential

X = -4.499
DEGREE = np.pi / 180


def chain(sin, cos):
    """a = -x,  b = exp(a),  c = sin(b),  d = 2 / c: each with its local derivative."""
    return Sequential(
        Elementwise(lambda x: -x, lambda x: -np.ones_like(x)),
        Elementwise(np.exp, np.exp),
        Elementwise(sin, cos),
        Elementwise(lambda c: 2 / c, lambda c: -2 / c**2),
    )


def sin_degrees(b):
    return np.sin(DEGREE * b)


def cos_degrees(b):
    return np.cos(DEGREE * b)


def slope_of_sin_degrees(b):
    return DEGREE * np.cos(DEGREE * b)


READINGS = {
    "radians": (np.sin, np.cos),
    "degrees": (sin_degrees, slope_of_sin_degrees),
    "degrees, with cos(b) as the slope of sin(b)": (sin_degrees, cos_degrees),
}


def walk(model, x=X):
    """[(name, value, local derivative), ...]: the values forwards, then each layer's backward(1)."""
    value, values = np.array([x]), []
    for layer in model.layers:
        value = layer.forward(value)
        values.append(value.item())
    locals_ = [layer.backward(np.ones(1))[0].item() for layer in model.layers]
    return list(zip("abcd", values, locals_, strict=True))


def main():
    x, one = np.array([X]), np.ones(1)
    for reading, (sin, cos) in READINGS.items():
        model = chain(sin, cos)
        print(f"{reading}\n  x = {X}")
        rows = walk(model)
        for (name, value, slope), below in zip(rows, "xabc", strict=True):
            print(f"  {name} = {value:<12.6f} d{name}/d{below} = {slope:.6g}")
        product = " * ".join(f"({slope:.4g})" for _, _, slope in reversed(rows))
        model.forward(x)
        dx, _ = model.backward(one)
        print(f"  df/dx = {product} = {np.prod([slope for *_, slope in rows]):.6g}")
        print(f"  by backward {dx.item():.6g}, by moving x {jvp(model, x, one).item():.6g}\n")

    print("What the checker says of the last reading's third layer:")
    print(check_layer(Elementwise(sin_degrees, cos_degrees), (2, 3)))


if __name__ == "__main__":
    main()
