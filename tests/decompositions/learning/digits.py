"""scikit-learn's handwritten digits, 8 × 8 pixels between 0 and 1, three quarters of them for training."""

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

Split = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]


def digits(seed: int) -> Split:
    """Training and test images, training and test labels."""
    images, labels = load_digits(return_X_y=True)
    train, test, train_labels, test_labels = train_test_split(
        images / 16, labels, test_size=0.25, random_state=seed, stratify=labels
    )
    return train, test, train_labels, test_labels
