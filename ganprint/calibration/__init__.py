"""Calibration: probabilities, thresholds, likelihood ratios and fusion, fitted and applied."""
