"""From what the user typed to rows with a target; nothing is fitted here. dataset.py is the way in."""
