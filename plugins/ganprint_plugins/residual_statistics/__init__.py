"""Residual statistics: small models on statistics of high-pass residuals, ganprint's own method."""

from ganprint_plugins.residual_statistics.method import ResidualStatistics
from ganprint_plugins.residual_statistics.settings import ResidualStatisticsConfig

__all__ = ["ResidualStatistics", "ResidualStatisticsConfig"]
