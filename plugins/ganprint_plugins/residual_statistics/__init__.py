"""Residual statistics: small models on statistics of high-pass residuals, ganprint's own method."""
