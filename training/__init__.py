"""What train.py needs that is not mathematics: reading, encoding, the loop, the run directory, the screen."""
