"""Images with labels, for training and for testing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thermo_ideal._arguments import require_finite
from thermo_ideal.networks._extra import require_scikit_learn


@dataclass(frozen=True, repr=False)
class ImageData:
    """Inputs and labels, all in memory.

    Args:
        images: `(n, …)`, floats; of the loaders `(n, height, width, channels)`, normalised channel by channel.
        labels: `(n,)`, whole numbers from 0.
        test_images: `(m, …)`, or None.
        test_labels: `(m,)`, or None.

    Raises:
        ValueError: inputs that are not finite, labels that are no whole numbers from 0, or not as many of both.

    Example:
        >>> import numpy as np
        >>> from thermo_ideal.networks import ImageData
        >>> ImageData(np.zeros((6, 8, 8, 1)), np.arange(6) % 3)
        ImageData: 6 images of 8 × 8 × 1 in 3 classes, none to test
    """

    images: np.ndarray
    labels: np.ndarray
    test_images: np.ndarray | None = None
    test_labels: np.ndarray | None = None

    def __post_init__(self) -> None:
        for name, label_name in (("images", "labels"), ("test_images", "test_labels")):
            images, labels = getattr(self, name), getattr(self, label_name)
            if images is None and labels is None and name != "images":
                continue
            require_finite(name, images)
            labels = np.asarray(labels)
            if labels.ndim != 1 or len(labels) != len(images) or not len(labels):
                raise ValueError(
                    f"{label_name}: got shape {labels.shape}, expected ({len(images)},), one for each image"
                )
            if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0:
                raise ValueError(f"{label_name}: got {labels.dtype} from {labels.min()}, expected whole numbers from 0")
            object.__setattr__(self, name, np.asarray(images, np.float32))
            object.__setattr__(self, label_name, labels.astype(np.int32))

    @property
    def num_classes(self) -> int:
        """How many classes the labels of training tell apart."""
        return int(self.labels.max()) + 1

    def __repr__(self) -> str:
        size = " × ".join(map(str, self.images.shape[1:]))
        test = "none" if self.test_images is None else f"{len(self.test_images)}"
        return f"ImageData: {len(self.images)} images of {size} in {self.num_classes} classes, {test} to test"


def normalised(
    images: np.ndarray,
    labels: np.ndarray,
    test_images: np.ndarray,
    test_labels: np.ndarray,
    moments: tuple[tuple[float, ...], tuple[float, ...]] | None = None,
) -> ImageData:
    """Images less the mean of each channel, over its standard deviation; those of the images of training if None."""
    if moments is None:
        axes = tuple(range(images.ndim - 1))
        moments = images.mean(axes, dtype=np.float64), images.std(axes, dtype=np.float64)
    mean, deviation = (np.asarray(moment, np.float32) for moment in moments)
    return ImageData((images - mean) / deviation, labels, (test_images - mean) / deviation, test_labels)


def digits() -> ImageData:
    """scikit-learn's digits: 8 × 8 pixels, 1497 to train and 300 to test (every sixth, from the first).

    Returns:
        An `ImageData`, normalised to mean 0 and standard deviation 1 over all pixels of training.

    Example:
        >>> from thermo_ideal.networks import digits
        >>> digits()
        ImageData: 1497 images of 8 × 8 × 1 in 10 classes, 300 to test

    Source: Alpaydin & Kaynak, UCI Machine Learning Repository (1998), the test set, as scikit-learn ships it.
    """
    loaded = require_scikit_learn().load_digits()
    images, labels = loaded.images[..., None].astype(np.float32) / 16, loaded.target
    test = np.arange(len(labels)) % 6 == 0
    return normalised(images[~test], labels[~test], images[test], labels[test])
