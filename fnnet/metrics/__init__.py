"""Metrics: functions (prediction, target) -> number, 0-d or (K,) for K replicas, in float64."""

from fnnet.metrics.classification import accuracy as accuracy
from fnnet.metrics.regression import r2 as r2
