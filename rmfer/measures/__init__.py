"""How good a recogniser is: accuracies of a confusion matrix, how sure they are, and its picture."""

from __future__ import annotations

from rmfer.measures.accuracy import (
    absent_classes,
    average_accuracy,
    class_recalls,
    confusion_matrix,
    overall_accuracy,
    row_shares,
)
from rmfer.measures.bootstrap import Interval, Intervals, bootstrap

__all__ = [
    "Interval",
    "Intervals",
    "absent_classes",
    "average_accuracy",
    "bootstrap",
    "class_recalls",
    "confusion_matrix",
    "overall_accuracy",
    "row_shares",
]
