"""How good a recogniser is: accuracies of a confusion matrix, how sure they are, and its picture."""

from __future__ import annotations

from rmfer.evaluation.accuracy import (
    absent_classes,
    average_accuracy,
    class_recalls,
    confusion_matrix,
    overall_accuracy,
    row_shares,
)
from rmfer.evaluation.intervals import AccuracyIntervals, Interval, accuracy_intervals, recall_intervals

FOLDER = "evaluation"
"""Of a run, for what was found on its benchmark."""

__all__ = [
    "FOLDER",
    "AccuracyIntervals",
    "Interval",
    "absent_classes",
    "accuracy_intervals",
    "average_accuracy",
    "class_recalls",
    "confusion_matrix",
    "overall_accuracy",
    "recall_intervals",
    "row_shares",
]
