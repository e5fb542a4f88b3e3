"""An assignment in layers, losses and optimizers, and what judges it: the student's folder, task by task."""
