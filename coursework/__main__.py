"""python -m coursework."""

import os
import sys

if not sys.flags.safe_path:  # -m looks first where one stands: with a student, perhaps, and a numpy.py there
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from coursework.cli import main

sys.exit(main())
