"""What network a sweep trains, on which data, and how it is measured: the options of its spec."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from thermo_ideal.sweeps import Sweep

if TYPE_CHECKING:
    from thermo_ideal.networks import ImageData

_RANDOM = "random:"  # in front of the name of the data whose shapes they have
_SHAPES: Mapping[str, tuple[tuple[int, int, int], int]] = {
    "digits": ((8, 8, 1), 10),
    "mnist": ((28, 28, 1), 10),
    "fashion-mnist": ((28, 28, 1), 10),
    "cifar10": ((32, 32, 3), 10),
    "cifar100": ((32, 32, 3), 100),
}
_NETWORKS = ("mlp", "convnet", "resnet18")
_EXAMPLES = 1024  # of random data
_COUNTS = {"batch_size": 2, "logs": 4, "fresh_batches": 2, "draws": 16}
_DEFAULTS: Mapping[str, Any] = {
    "network": "mlp",
    "widths": "32 32",
    "data": "digits",
    "folder": "",
    "eps": 0.0,
    "batch_size": 128,
    "logs": 20,
    "fresh_batches": 32,
    "draws": 64,
    "spacings": "1 5 25",
}


@dataclass(frozen=True)
class NetworkSetup:
    """The options of a sweep of networks.

    Args:
        network: "mlp", "convnet" or "resnet18".
        widths: of the hidden layers of an MLP; of the others the one width.
        data: "digits", "mnist", "fashion-mnist", "cifar10", "cifar100", or "random:" in front of one of them.
        folder: of the data, where no package ships them.
        eps: of the normalisation.
        batch_size: examples of a step.
        logs: at which fresh mini-batches are measured, after the burn-in.
        fresh_batches: of each.
        draws: gradients at the last weights, for the spectrum of the noise.
        spacings: steps between the samples of an entropy.
    """

    network: str
    widths: tuple[int, ...]
    data: str
    folder: str
    eps: float
    batch_size: int
    logs: int
    fresh_batches: int
    draws: int
    spacings: tuple[int, ...]

    @classmethod
    def of(cls, sweep: Sweep) -> NetworkSetup:
        """That of a sweep whose options are good."""
        given = {name: sweep.option(name, default) for name, default in _DEFAULTS.items()}
        return cls(**given | {name: _counts(given[name]) for name in ("widths", "spacings")})

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of an image."""
        return _SHAPES[self.data.removeprefix(_RANDOM)][0]

    @property
    def num_classes(self) -> int:
        """Labels."""
        return _SHAPES[self.data.removeprefix(_RANDOM)][1]

    def model(self, key: jax.Array) -> Any:
        """A network, at total norm 1."""
        from thermo_ideal.networks import ConvNet, ResNet18, ScaleInvariantMLP

        size, channels = int(np.prod(self.shape)), self.shape[-1]
        if self.network == "mlp":
            return ScaleInvariantMLP(size, self.widths, self.num_classes, key=key, eps=self.eps)
        kind = ConvNet if self.network == "convnet" else ResNet18
        return kind(self.widths[0], self.num_classes, key=key, channels=channels, eps=self.eps)

    def shapes(self) -> Any:
        """A network whose arrays are shapes without numbers, made at no cost."""
        import equinox as eqx

        made = eqx.filter_eval_shape(self.model, jax.random.key(0))
        return jax.tree.map(lambda x: np.broadcast_to(np.zeros((), x.dtype), x.shape), made)

    @property
    def dimension(self) -> int:
        """`d`, the trainable weights."""
        from thermo_ideal.networks import count_scale_invariant

        return count_scale_invariant(self.shapes())

    def load(self) -> ImageData:
        """The data.

        Raises:
            ValueError: no folder is named where one is needed.
        """
        from thermo_ideal.networks import ImageData, cifar, digits, idx_images

        if self.data.startswith(_RANDOM):
            rng = np.random.default_rng(0)
            images = rng.normal(size=(_EXAMPLES, *self.shape)).astype(np.float32)
            return ImageData(images, rng.integers(self.num_classes, size=_EXAMPLES))
        if self.data == "digits":
            return digits()
        if not self.folder:
            raise ValueError(
                f'options: got data = "{self.data}" without a folder, expected where it is, as in folder = "data" in '
                "the spec, or --data data on the command line"
            )
        loaders: dict[str, Callable[[], ImageData]] = {
            "cifar10": lambda: cifar(self.folder, 10),
            "cifar100": lambda: cifar(self.folder, 100),
        }
        return loaders.get(self.data, lambda: idx_images(self.folder))()


def _counts(text: Any) -> tuple[int, ...]:
    return tuple(int(word) for word in str(text).split())


def check_options(sweep: Sweep) -> dict[str, str]:
    """What is wrong with the options of a sweep, by field."""
    given = dict(sweep.options)
    for name in given:
        if name not in _DEFAULTS:
            return {"options": f"got {name}, expected some of {', '.join(_DEFAULTS)}"}
    value: Any = sweep.option("network", _DEFAULTS["network"])
    if value not in _NETWORKS:
        return {"options": f"got network = {value!r}, expected one of {', '.join(map(repr, _NETWORKS))}"}
    value = sweep.option("data", _DEFAULTS["data"])
    if str(value).removeprefix(_RANDOM) not in _SHAPES:
        return {"options": f"got data = {value!r}, expected one of {', '.join(map(repr, _SHAPES))}"}
    for name, minimum in _COUNTS.items():
        value = sweep.option(name, _DEFAULTS[name])
        if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
            return {"options": f"got {name} = {value!r}, expected a whole number from {minimum}"}
    for name in ("widths", "spacings"):
        value = str(sweep.option(name, _DEFAULTS[name]))
        if not value.split() or not all(word.isdecimal() and int(word) for word in value.split()):
            return {"options": f"got {name} = {value!r}, expected whole numbers, as in {name} = '{_DEFAULTS[name]}'"}
    spacings = NetworkSetup.of(sweep).spacings
    if list(spacings) != sorted(set(spacings)):
        return {"options": f"got spacings = {spacings}, expected them ascending, as in spacings = '1 5 25'"}
    eps = sweep.option("eps", _DEFAULTS["eps"])
    if isinstance(eps, bool) or not isinstance(eps, int | float) or eps < 0:
        return {"options": f"got eps = {eps!r}, expected a number from 0, as in eps = 1e-5"}
    if sweep.option("network") == "resnet18" and sweep.option("data", "digits") == "digits":
        return {"options": "got resnet18 on digits, expected images of 28 x 28 or more, or network = 'mlp'"}
    if not isinstance(sweep.option("folder", ""), str):
        return {"options": f"got folder = {sweep.option('folder')!r}, expected the path of a folder"}
    return {}


def random_data(sweep: Sweep) -> Sweep:
    """The sweep on random data of the same shapes: it takes as long, and needs no files."""
    data = str(sweep.option("data", _DEFAULTS["data"]))
    random = data if data.startswith(_RANDOM) else _RANDOM + data
    return sweep.replace(options=dict(sweep.options) | {"data": random})
