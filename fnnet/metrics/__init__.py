"""Metrics: functions (prediction, target) -> number, 0-d or (K,) for K replicas, in float64."""

from fnnet.metrics.averages import F1 as F1
from fnnet.metrics.averages import Precision as Precision
from fnnet.metrics.averages import Recall as Recall
from fnnet.metrics.averages import f1 as f1
from fnnet.metrics.averages import precision as precision
from fnnet.metrics.averages import recall as recall
from fnnet.metrics.classification import accuracy as accuracy
from fnnet.metrics.classification import balanced_accuracy as balanced_accuracy
from fnnet.metrics.classification import confusion_matrix as confusion_matrix
from fnnet.metrics.classification import top_k as top_k
from fnnet.metrics.guesses import of_labels as of_labels
from fnnet.metrics.guesses import of_probabilities as of_probabilities
from fnnet.metrics.logits import binary as binary
from fnnet.metrics.probabilities import ExpectedCalibrationError as ExpectedCalibrationError
from fnnet.metrics.probabilities import brier as brier
from fnnet.metrics.probabilities import expected_calibration_error as expected_calibration_error
from fnnet.metrics.probabilities import log_loss as log_loss
from fnnet.metrics.ranking import roc_auc as roc_auc
from fnnet.metrics.regression import explained_variance as explained_variance
from fnnet.metrics.regression import mae as mae
from fnnet.metrics.regression import r2 as r2
from fnnet.metrics.regression import rmse as rmse
