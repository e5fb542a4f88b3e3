"""Hypotheses about a wrong gradient, each a function of the evidence."""
