"""What train.py refuses: one line on stderr with the mend, the exit code of its kind, and nothing left."""

from __future__ import annotations

import gzip
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from commands import Commands, flowers, houses

USAGE, DATA, DISK = 2, 3, 6

NETWORKS = """\
import numpy as np
from layers import Affine, Identity, Layer, Sequential

def build(input_shape, output_size, rng):
    return Sequential(Affine(input_shape[0], output_size, rng=rng))

def wide(input_shape, output_size, rng):
    return Sequential(Affine(input_shape[0], output_size + 1, rng=rng))

def deep(input_shape, output_size, rng):
    return Sequential(Affine(input_shape[0], 4, rng=rng), Affine(5, output_size, rng=rng))

def raises(input_shape, output_size, rng):
    return 1 / 0

def nothing(input_shape, output_size, rng):
    return None

def fixed(input_shape, output_size, rng):
    return Constant(output_size)

class Constant(Layer):
    def __init__(self, size):
        self.size = size

    def forward(self, x):
        return np.zeros((len(x), self.size), x.dtype)

    def backward(self, upstream):
        return None, {}
"""


def idx(array: np.ndarray, magic: int | None = None) -> bytes:
    header = struct.pack(f">{1 + array.ndim}I", magic or 0x0800 | array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder with all the good and bad files; no test writes to it."""
    folder = tmp_path_factory.mktemp("files")
    price = houses().splitlines()
    texts = {
        "houses.csv": houses(),
        "flowers.csv": flowers(),
        "empty.csv": "",
        "blank.csv": " \n\n \n",
        "header.csv": "a,b,y\n",
        "ragged.csv": "\n".join([*price[:7], "1,2,3", *price[7:]]),
        "wide.csv": "\n".join([*price[:7], "1,2,north,4,5", *price[7:]]),
        "quote.csv": "\n".join([*price[:4], '1,2,"north,4', *price[4:]]),
        "word.csv": houses().replace("\n2,37,south", "\n2,13o,south"),
        "target-word.csv": "\n".join([*price[:9], "1,2,north,high", *price[9:]]),
        "target-inf.csv": "\n".join([*price[:9], "1,2,north,1e400", *price[9:]]),
        "target-blank.csv": "\n".join([*price[:9], "1,2,north,", *price[9:]]),
        "inf.csv": "\n".join([*price[:9], "inf,2,north,5", *price[9:]]),
        "one-class.csv": "a,y\n" + "".join(f"{i},yes\n" for i in range(20)),
        "one-value.csv": "a,y\n" + "".join(f"{i},1.5\n" for i in range(20)),
        "only-target.csv": "price\n" + "".join(f"{i}.5\n" for i in range(20)),
        "each-its-own.csv": "a,y\n" + "".join(f"{i},w{i}\n" for i in range(40)),
        "two-targets.csv": "label,class,a\n" + "".join(f"{i % 2},{i % 2},{i}\n" for i in range(20)),
        "two-rows.csv": "a,y\n1,1.5\n2,2.5\n",
        "no-header.csv": "\n".join(f"{i},{i * i},{i % 2}" for i in range(20)),
        "twice.csv": "a,a,y\n1,2,3\n",
        "decimal.csv": "a;y\n" + "".join(f"{i},5;{i},25\n" for i in range(20)),
        "lacks.csv": "rooms,price\n" + "".join(f"{1 + i % 5},{i}.5\n" for i in range(20)),
        "lacks-target.csv": "rooms,area,place\n" + "".join(f"{1 + i % 5},{i},north\n" for i in range(20)),
        "strange.csv": "length,width,kind\n0,1,x\n1,0,x\n",
        "many.csv": "a,b,y\n" + "".join(f"w{i % 1200},{i},{i % 2}\n" for i in range(3000)),
        "table.parquet": "",
        "net.py": NETWORKS,
        "broken.py": "from layers import Affine\n\ndef build(input_shape, output_size, rng)\n    return 1\n",
        "imports.py": "import numpy\nimport no_such_module\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), np.arange(40) % 2
    np.savez(folder / "good.npz", x=x, y=y)
    np.savez(folder / "lengths.npz", x=x, y=y[:39])
    np.savez(folder / "keys.npz", points=x, answers=y)
    np.savez(folder / "objects.npz", x=np.array([["a", 1]] * 40, dtype=object), y=y)
    np.savez(folder / "nan.npz", x=np.where(np.arange(120).reshape(40, 3) == 31, np.nan, x), y=y)
    (folder / "cut.npz").write_bytes((folder / "good.npz").read_bytes()[:300])
    (folder / "latin.csv").write_bytes("a,y\n1,ä\n2,b\n".encode("latin-1"))
    (folder / "nul.csv").write_bytes(b"a,y\n1,\x00\n")
    (folder / "excel.csv").write_bytes(b"PK\x03\x04" + b"xl/workbook" + bytes(40))
    (folder / "cut.csv.gz").write_bytes(gzip.compress(houses().encode())[:-12])
    for name, images, labels in (
        ("idx", idx(np.zeros((20, 4, 4))), idx(np.zeros(19))),
        ("magic", idx(np.zeros((20, 4, 4)), 0x0801), idx(np.zeros(20))),
        ("no-images", b"", idx(np.zeros(20))),
    ):
        (folder / name).mkdir()
        (folder / name / "train-labels-idx1-ubyte").write_bytes(labels)
        if images:
            (folder / name / "train-images-idx3-ubyte").write_bytes(images)
    (folder / "a-file").write_text("in the way")
    (folder / "taken").mkdir()
    return folder


@pytest.fixture
def commands(files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.chdir(files)
    return Commands(files, capsys)


CASES = [
    # what options may say
    ("iris --epochs ten", USAGE, r"--epochs: expected a whole number >= 1, got 'ten'"),
    ("iris --epochs 1e3", USAGE, r"--epochs: expected a whole number >= 1, got '1e3'"),
    ("iris --epochs -3", USAGE, r"--epochs: expected a whole number >= 1, got '-3'"),
    ("iris --epochs 0", USAGE, r"--epochs: .*got '0'; predict.py scores a trained model"),
    ("iris --epochs 99999999999999999999", USAGE, r"--epochs: expected a whole number"),
    ("iris --lr nan", USAGE, r"--lr: expected a number > 0, got 'nan'"),
    ("iris --lr inf", USAGE, r"--lr: expected a number > 0, got 'inf'"),
    ("iris --lr -1", USAGE, r"--lr: expected a number > 0, got '-1'"),
    ("iris --lr 0", USAGE, r"--lr: expected a number > 0, got '0'"),
    ("iris --lr fast", USAGE, r"--lr: expected a number > 0, got 'fast'"),
    ("iris --hidden 64,,32", USAGE, r"--hidden: expected sizes .*got '64,,32'; for example 64 or 64,32"),
    ("iris --hidden 64x32", USAGE, r"--hidden: expected sizes .*got '64x32'"),
    ("iris --hidden 0", USAGE, r"--hidden: expected sizes from 1 to 1000000, got '0'"),
    ("iris --hidden 10000000", USAGE, r"--hidden: expected sizes from 1 to 1000000, got '10000000'"),
    (
        "iris --hidden 1000000,1000000",
        USAGE,
        r"--hidden 1000000,1000000: 1,000,009,000,003 parameters: training them needs 24,000\.\d GB, "
        r"[\d.,]+ GB are free; use smaller sizes",
    ),
    ("iris --batch-size 0", USAGE, r"--batch-size: expected a whole number >= 1, got '0'"),
    ("iris --batch-size 2.5", USAGE, r"--batch-size: expected a whole number >= 1, got '2.5'"),
    ("iris --dropout 1.5", USAGE, r"--dropout: expected a number >= 0 and <= 0.99, got '1.5'"),
    ("iris --patience -1", USAGE, r"--patience: expected a whole number >= 0, got '-1'"),
    ("iris --seed 1.5", USAGE, r"--seed: expected a whole number >= 0, got '1.5'"),
    ("iris --weight-decay -1", USAGE, r"--weight-decay: expected a number >= 0, got '-1'"),
    ("iris --clip-norm 0", USAGE, r"--clip-norm: expected a number > 0, got '0'"),
    ("iris --limit 0", USAGE, r"--limit: expected a whole number >= 1, got '0'"),
    ("iris --task clasification", USAGE, r"--task: expected auto or .*; did you mean 'classification'\?"),
    ("iris --optimizer Adam", USAGE, r"--optimizer: .*got 'Adam'; did you mean 'adam'\?"),
    ("iris --activation relo", USAGE, r"--activation: .*got 'relo'; did you mean 'relu'\?"),
    ("iris --dtype float16", USAGE, r"--dtype: expected float32 or float64, got 'float16'"),
    ("iris --val -0.1", USAGE, r"--val: expected a fraction below 1, a count, 0, or a file, got '-0.1'"),
    ("iris --val 1.5", USAGE, r"--val: expected a fraction below 1, a count, 0, or a file, got '1.5'"),
    ("iris --test nan", USAGE, r"--test: expected a fraction below 1, a count, 0, or a file, got 'nan'"),
    (
        "iris --val 0.6 --test 0.5",
        USAGE,
        r"--val 0\.6 --test 0\.5: expected a sum below 1; lower one of them",
    ),
    ("iris --val 100 --test 50", USAGE, r"expected to leave rows for training, got 100 \+ 50 of 150"),
    # which options there are
    ("iris --epoc 5", USAGE, r"--epoc: no such option; did you mean --epochs\?"),
    ("--epoc 5 iris", USAGE, r"--epoc: no such option; did you mean --epochs\?"),
    ("iris --epoc=5", USAGE, r"--epoc: no such option; did you mean --epochs\?"),
    ("iris --shuffle False", USAGE, r"--shuffle: no such option"),
    ("iris -x", USAGE, r"-x: no such option"),
    ("iris --epochs", USAGE, r"--epochs: expected a value, got none"),
    ("iris -t", USAGE, r"--target: expected a value, got none"),
    (
        "iris --lr -fast",
        USAGE,
        r"--lr: expected a value, got none; one that .* dash needs an equals sign: --lr=",
    ),
    ("iris --no-plots=1", USAGE, r"--no-plots: expected no value, got one"),
    ("iris digits", USAGE, r"digits: expected one DATA, got one more"),
    # which of them go together
    ("iris --arch linear --hidden 8", USAGE, r"--hidden: has no meaning with --arch linear"),
    ("iris --model net.py:build --hidden 8", USAGE, r"--hidden: has no meaning with --model"),
    ("iris --model net.py:build --arch mlp", USAGE, r"--arch: has no meaning with --model"),
    ("iris --run new --out there", USAGE, r"--out: has no meaning with --run"),
    (
        "iris --batchnorm --batch-size 1",
        USAGE,
        r"BatchNorm\(64\): expected more than one value .*larger batch",
    ),
    ("iris --val 0 --metric accuracy", USAGE, r"--metric: has no meaning with --val 0"),
    ("iris --loss mse", USAGE, r"--loss: expected cross-entropy or hinge for classification, got 'mse'"),
    ("diabetes --loss hinge", USAGE, r"--loss: expected mse or l1 or huber for regression, got 'hinge'"),
    (
        "diabetes --metric accuracy",
        USAGE,
        r"--metric: expected loss or rmse .* for regression, got 'accuracy'",
    ),
    ("iris --metric acuracy", USAGE, r"--metric: .*got 'acuracy'; did you mean 'accuracy'\?"),
    ("diabetes --class-weight balanced", USAGE, r"--class-weight: has no meaning for regression"),
    ("iris --class-weight balanced --loss hinge", USAGE, r"--class-weight: has no meaning with --loss hinge"),
    ("good.npz --categorical x", USAGE, r"--categorical: has no meaning for arrays"),
    ("good.npz --sep ;", USAGE, r"--sep: has no meaning for arrays"),
    ("iris --encoding latin-1", USAGE, r"--encoding: has no meaning for built-in data"),
    ("good.npz --drop x", USAGE, r"--drop: good.npz has no named columns"),
    ("houses.csv --drop price -t price", USAGE, r"--drop: 'price' is the --target too"),
    ("houses.csv --categorical prise", USAGE, r"--categorical: .*got 'prise'"),
    ("houses.csv --categorical rooms --numeric rooms", USAGE, r"got 'rooms' in both"),
    ("houses.csv --sep ab", USAGE, r"--sep: expected one character, got 'ab'"),
    ("houses.csv --encoding utf-99", USAGE, r"--encoding: .*got 'utf-99'"),
    # the network of the user
    ("iris --model net.py", USAGE, r"--model: expected FILE.py:FUNCTION, got 'net.py'"),
    ("iris --model nets.py:build", USAGE, r"--model: expected a file, got nets.py, which is not there"),
    ("iris --model net.py:biuld", USAGE, r"--model: .*'biuld', found none; did you mean 'build'\?"),
    ("iris --model broken.py:build", USAGE, r"--model: .*broken.py:3: SyntaxError"),
    ("iris --model imports.py:build", USAGE, r"--model: .*imports.py:2: ModuleNotFoundError.*no_such_module"),
    ("iris --model net.py:raises", USAGE, r"--model: .*net.py:14: ZeroDivisionError"),
    (
        "iris --model net.py:nothing",
        USAGE,
        r"--model: net.py:16: expected nothing to return a Layer, got NoneType",
    ),
    ("iris --model net.py:wide", USAGE, r"--model: .*output of shape \(N, 3\).*got \(2, 4\)"),
    ("iris --model net.py:deep", USAGE, r"--model: .*expected x .*5.*got.*4.*in layer 1"),
    ("iris --model net.py:fixed", USAGE, r"--model: expected a network with parameters"),
    # where the run goes
    ("iris --run taken", USAGE, r"--run taken: exists already"),
    ("iris --run=-x", USAGE, r"--run: expected a folder's name"),
    (f"iris --run {'x' * 300}", USAGE, r"--run: expected a folder's name of at most 255 bytes"),
    ("iris --out a-file", DISK, r"a-file: cannot be made"),
    ("iris --run a-file/run", DISK, r"a-file: cannot be made|a-file/run: cannot be made"),
    # the file
    ("hoses.csv", DATA, r"hoses.csv: no such file; did you mean houses.csv\?"),
    ("irs", DATA, r"irs: no such file; did you mean iris\?"),
    ("taken", DATA, r"taken: is a folder without train-images"),
    ("empty.csv", DATA, r"empty.csv: is empty \(0 bytes\)"),
    ("blank.csv", DATA, r"blank.csv: is empty \(5 bytes, all of them blank\)"),
    ("header.csv", DATA, r"header.csv: has a header and 0 rows"),
    ("ragged.csv", DATA, r"ragged.csv:8: has 3 cells, expected 4 as in the header"),
    ("wide.csv", DATA, r"wide.csv:8: has 5 cells, expected 4 as in the header"),
    ("quote.csv", DATA, r"quote.csv:5: has a quote that is never closed"),
    ("latin.csv", DATA, r"latin.csv:2: byte 0xe4 at offset 6 is not UTF-8; try --encoding latin-1"),
    ("nul.csv", DATA, r"nul.csv:2: has a NUL byte"),
    ("excel.csv", DATA, r"excel.csv: is an Excel workbook; save it as CSV"),
    ("cut.csv.gz", DATA, r"cut.csv.gz: ends early"),
    ("table.parquet", DATA, r"table.parquet: is "),
    ("twice.csv", DATA, r"twice.csv: columns 1 and 2 are both named 'a'"),
    ("no-header.csv", DATA, r"no-header.csv:1: the header is all numbers .*add --no-header"),
    ("decimal.csv", DATA, r"decimal.csv:2, column 'y': '0,25' is not a number: it has a decimal comma"),
    # the columns
    (
        "word.csv",
        DATA,
        r"word.csv:3, column 'area': '13o' is not a number; fix it, or --missing-values 13o, "
        r"or --categorical area",
    ),
    ("inf.csv", DATA, r"inf.csv:10, column 'rooms': 'inf' is not a finite number"),
    ("many.csv --categorical a", DATA, r"many.csv, column 'a': expected at most 1000 categories, got 1200"),
    ("houses.csv -t prize", DATA, r"houses.csv: has no column 'prize' for --target; did you mean 'price'\?"),
    ("houses.csv --drop room", DATA, r"houses.csv: has no column 'room' for --drop; did you mean 'rooms'\?"),
    ("two-targets.csv", DATA, r"'label' and 'class' may each be the target; choose one with --target"),
    ("only-target.csv", DATA, r"only-target.csv: no feature columns left"),
    # the target
    ("one-class.csv", DATA, r"one-class.csv: target has one value \('yes'\); nothing to learn"),
    ("one-value.csv", DATA, r"one-value.csv: y has one value \(1.5\) in the training rows; nothing to learn"),
    ("each-its-own.csv", DATA, r"40 rows, 40 classes; did you mean --task regression"),
    ("target-word.csv", DATA, r"target-word.csv:10, column 'price': 'high' is not a number; fix it"),
    ("target-inf.csv", DATA, r"target-inf.csv:10, column 'price': '1e400' is not a finite number"),
    (
        "target-blank.csv",
        DATA,
        r"target-blank.csv, column 'price': the target is missing in 1 row \(line 10\)",
    ),
    ("flowers.csv --task regression", DATA, r"flowers.csv:2, column 'kind': 'a' is not a number"),
    (
        "two-rows.csv",
        DATA,
        r"two-rows.csv: the data needs at least 10 rows \(has 2\); --val 0 --test 0 lowers it to 2",
    ),
    ("iris --limit 20", DATA, r"target has one value \('setosa'\); nothing to learn"),
    # the files to validate and to test on
    ("houses.csv --val ten", DATA, r"ten: no such file"),
    (
        "houses.csv --test lacks.csv",
        DATA,
        r"lacks.csv: expected the columns of the training, lacks area, place",
    ),
    ("houses.csv --test lacks-target.csv", DATA, r"lacks-target.csv: has no column 'price' for --target"),
    (
        "houses.csv --test target-word.csv",
        DATA,
        r"target-word.csv:10, column 'price': 'high' is not a number",
    ),
    ("houses.csv --val good.npz", DATA, r"good.npz: .*'price'"),
    ("flowers.csv --val strange.csv", DATA, r"strange.csv: none of its classes is in the training data"),
    # arrays
    ("lengths.npz", DATA, r"lengths.npz: 'x' has shape \(40, 3\), .*'y' \(39,\); each row needs one target"),
    ("objects.npz", DATA, r"objects.npz: 'x' holds Python objects; refused for safety"),
    ("keys.npz", DATA, r"keys.npz: has no arrays x, y .*\(it holds: points, answers\)"),
    ("nan.npz", DATA, r"nan.npz: 'x' holds nan in row 11, column 2"),
    ("cut.npz", DATA, r"cut.npz: is damaged"),
    ("idx", DATA, r"each row needs one target"),
    ("magic", DATA, r"magic/train-images-idx3-ubyte: begins with 0x00000801, expected the magic number"),
    ("no-images", DATA, r"no-images: is a folder without train-images-idx3-ubyte"),
]


@pytest.mark.parametrize(("line", "code", "says"), CASES, ids=[case[0][:60] for case in CASES])
def test_a_mistake_is_one_line_with_its_mend(commands: Commands, line: str, code: int, says: str) -> None:
    before = sorted(path.name for path in commands.folder.iterdir())
    result = commands.train(*line.split(), quick=False)
    assert (result.code, result.err.count("\n")) == (code, 1), result.err
    assert result.err.startswith("train.py: error: ")
    assert re.search(says, result.err), result.err
    assert "Traceback" not in result.err
    assert sorted(path.name for path in commands.folder.iterdir()) == before
    assert result.out == "" or "--run" in line or "--out" in line
