"""Evaluation: what a model can do, and whether a change is more than noise."""
