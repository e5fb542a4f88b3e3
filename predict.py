"""Predict with a model that train.py saved.

python predict.py runs/iris-001 new.csv -o answers.csv
"""

import sys

from training.predict import main

if __name__ == "__main__":
    sys.exit(main())
