"""What comes in files of arrays, and in files beside the data."""

from __future__ import annotations

import gzip

import numpy as np
from trouble import DATA, GOOD, IMAGES, LABELS, NPZ, PICTURES, Case, X, Y, header, idx, npy, npz, zipped

ARRAYS: dict[str, Case] = {
    # arrays
    "62 NPZ cut off": Case({"a.npz": NPZ[: len(NPZ) // 2]}, "a.npz", DATA, r"a\.npz: is damaged"),
    "62 NPZ with a flipped bit": Case(
        {"a.npz": NPZ[:300] + bytes([NPZ[300] ^ 1]) + NPZ[301:]},
        "a.npz",
        DATA,
        r"a\.npz: is damaged \(Bad CRC-32",
    ),
    "63 objects": Case(
        {"a.npz": lambda path: np.savez(path, x=np.array([["a", 1]] * 40, object), y=Y)},
        "a.npz",
        DATA,
        r"a\.npz: 'x' holds Python objects; refused for safety, save as numbers",
    ),
    "64 a pickle": Case(
        {"a.npy": b"\x80\x04\x95abc"}, "a.npy", DATA, r"a\.npy: is a Python pickle; refused for saf"
    ),
    "65 a header that lies": Case(
        {"a.npy": header("{'descr': '<f8', 'fortran_order': False, 'shape': (4000000000000, 1), }")},
        "a.npy",
        DATA,
        r"a\.npy: is damaged or cut off: its header says .*32000000000000 bytes, and 0 bytes follow",
    ),
    "66 other keys": Case({"a.npz": npz(points=X, answers=Y)}, "a.npz", DATA, r"it holds: points, answers"),
    "66 other keys, the target named": Case({"a.npz": npz(points=X, answers=Y)}, "a.npz -t answers", 0),
    **{
        f"66 {x}, {y}": Case({"a.npz": npz(**{x: X, y: Y})}, "a.npz", 0, out=rf"target +{y} \(key '{y}'\)")
        for x, y in (("x", "y"), ("X", "Y"), ("x_train", "y_train"), ("data", "target"))
    },
    "67 lengths": Case(
        {"a.npz": npz(x=X, y=Y[:39])}, "a.npz", DATA, r"shape \(40, 3\), .*'y' \(39,\); each row"
    ),
    "68 one-hot": Case({"a.npz": npz(x=X, y=np.eye(2)[Y])}, "a.npz", 0, r"'y' is one-hot .*classes 0 to 1"),
    "68 (N, 1)": Case({"a.npz": npz(x=X, y=Y[:, None])}, "a.npz", 0, r"'y' has shape \(40, 1\), read as one"),
    "68 (N, H, W)": Case(
        {"a.npz": npz(x=IMAGES, y=Y)}, "a.npz", 0, out="40 rows of 1 x 4 x 5 numbers, uint8"
    ),
    "68 (N, C, H, W)": Case({"a.npz": npz(x=IMAGES[:, None], y=Y)}, "a.npz", 0, out="40 rows of 1 x 4 x 5"),
    "68 (N, H, W, C)": Case(
        {"a.npz": npz(x=IMAGES[..., None], y=Y)},
        "a.npz",
        0,
        r"shape \(40, 4, 5, 1\), read as images \(N, H, W, C\)",
    ),
    "68 (N, H, W, C) or (N, C, H, W)": Case(
        {"a.npz": npz(x=IMAGES[:, :3, :3, None].repeat(3, 3), y=Y)},
        "a.npz",
        0,
        r"read as images \(N, C, H, W\);",
    ),
    "68 no axis": Case(
        {"a.npz": npz(x=np.float64(3), y=Y)}, "a.npz", DATA, r"'x' has shape \(\); expected \(N, D"
    ),
    **{
        f"69 {what}": Case({"a.npz": npz(x=x, y=Y)}, "a.npz", DATA, rf"a\.npz: 'x' holds {says}")
        for what, x, says in (
            ("complex", X + 0j, "complex numbers"),
            ("datetime", np.zeros((40, 2), "M8[s]"), "dates"),
            ("structured", np.zeros((40, 2), [("a", "f8")]), "structured records"),
        )
    },
    **{
        f"69 {what}": Case({"a.npz": npz(x=X.astype(what), y=Y)}, "a.npz", 0)
        for what in ("float16", ">f8", ">i4")
    },
    "70 nan": Case(
        {"a.npz": npz(x=np.where(np.arange(120).reshape(40, 3) == 31, np.nan, X), y=Y)},
        "a.npz",
        DATA,
        r"a\.npz: 'x' holds nan in row 11, column 2",
    ),
    "71 magic": Case(
        {PICTURES: idx(IMAGES, 0x0801), LABELS: idx(Y)},
        "m",
        DATA,
        r"begins with 0x00000801, expected the magic",
    ),
    "71 too few bytes": Case(
        {PICTURES: idx(IMAGES)[:-1], LABELS: idx(Y)}, "m", DATA, r"says 40 x 4 x 5 = 800 bytes, 799 follow"
    ),
    "71 lengths": Case({PICTURES: idx(IMAGES), LABELS: idx(Y[1:])}, "m", DATA, r"each row needs one target"),
    "71 gzipped": Case(
        {f"{PICTURES}.gz": gzip.compress(idx(IMAGES)), LABELS: idx(Y)},
        "m",
        0,
        out="40 rows of 1 x 4 x 5 numbers",
    ),
    "72 bytes": Case(
        {PICTURES: idx(IMAGES), LABELS: idx(Y)}, "m", 0, out="20 inputs, bytes, scaled by 1/255"
    ),
    "73 a member outside": Case(
        {"a.npz": zipped(**{"../../x.npy": npy(X), "y.npy": npy(Y)})},
        "a.npz",
        DATA,
        r"it holds: \.\./\.\./x, y",
    ),
    # other files
    "75 another order": Case(
        {"a.csv": GOOD, "t.csv": "y,b,a\n" + "".join(f"{i}.5,{i},{i}\n" for i in range(5))},
        "a.csv --test t.csv",
        0,
    ),
    "75 columns lacking": Case(
        {"a.csv": GOOD, "t.csv": "y,z\n1,2\n"},
        "a.csv --test t.csv",
        DATA,
        r"t\.csv: .*, lacks a, b; add them",
    ),
    "75 no target": Case(
        {"a.csv": GOOD, "t.csv": "a,b\n1,2\n"},
        "a.csv --test t.csv",
        DATA,
        r"t\.csv: has no column 'y' for --target",
    ),
    "75 a header only": Case(
        {"a.csv": GOOD, "t.csv": "a,b,y\n"}, "a.csv --test t.csv", DATA, r"t\.csv: .* 0 rows"
    ),
    "76 the same rows": Case(
        {"a.csv": GOOD, "t.csv": GOOD},
        "a.csv --test t.csv",
        0,
        r"t\.csv: 24 of 24 rows in the data to train on too",
    ),
    "102 a target of 1e30": Case(
        {"a.csv": GOOD.replace(".25", "e30")}, "a.csv", 0, out=r"regression: 24 distinct numbers"
    ),
}
