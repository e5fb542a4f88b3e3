"""Train a network on a regression or classification dataset.

python train.py                                  a built-in dataset
python train.py houses.csv --target price        your own table
python train.py --help                           everything else
"""

import sys

from training.cli import main

if __name__ == "__main__":
    sys.exit(main())
