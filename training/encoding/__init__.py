"""From rows to the arrays of a network and back: what is fitted on training rows, and kept with the model."""
