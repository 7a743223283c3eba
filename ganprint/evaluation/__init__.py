"""Evaluation: metrics with intervals, and the runner that measures them on a manifest."""
