"""The properties of a state as functions near it."""

from collections.abc import Mapping
from typing import Any

from thermo_ideal._dictionary import SYMBOLS
from thermo_ideal._expressions import Algebra
from thermo_ideal.thermodynamics._partial_derivatives import LocalDerivatives
from thermo_ideal.thermodynamics._properties import AbstractState
from thermo_ideal.thermodynamics._property_table import PROPERTIES


class LocalState(AbstractState[LocalDerivatives]):
    """A state whose properties are functions of temperature and volume, by their derivatives at one point."""

    temperature: LocalDerivatives
    volume: LocalDerivatives
    noise_scale: LocalDerivatives
    _algebra: Algebra[Any]
    _of_helmholtz: LocalDerivatives
    _of_energy: LocalDerivatives
    _of_rate: LocalDerivatives
    _of_dimension: LocalDerivatives

    def __init__(
        self,
        algebra: Algebra[Any],
        helmholtz: LocalDerivatives,
        energy: LocalDerivatives,
        rate: LocalDerivatives,
        temperature: Any,
        volume: Any,
        noise_scale: Any,
        dimension: Any,
    ) -> None:
        self._algebra, self._of_helmholtz, self._of_energy, self._of_rate = algebra, helmholtz, energy, rate
        self.temperature = LocalDerivatives.coordinate(temperature, (1, 0))
        self.volume = LocalDerivatives.coordinate(volume, (0, 1))
        self.noise_scale, self._of_dimension = map(LocalDerivatives.coordinate, (noise_scale, dimension))

    def _helmholtz(self, i: int, j: int) -> LocalDerivatives:
        return self._derivative(self._of_helmholtz, i, j)

    def _energy(self, i: int, j: int) -> LocalDerivatives:
        return self._derivative(self._of_energy, i, j)

    def _dimension(self) -> LocalDerivatives:
        return self._of_dimension

    def _direction_rate(self) -> LocalDerivatives:
        return self._of_rate

    def _log(self, x: LocalDerivatives) -> LocalDerivatives:
        return self._algebra.functions["log"](x)

    def _sqrt(self, x: LocalDerivatives) -> LocalDerivatives:
        return self._algebra.functions["sqrt"](x)

    def _derivative(self, f: LocalDerivatives, i: int, j: int) -> LocalDerivatives:
        f = f.along(i, j)
        # Each power by itself: together they might overflow.
        for scale in (self.temperature(),) * i + (self.volume(),) * j:
            f = f / scale
        return f

    def names(self) -> Mapping[str, LocalDerivatives]:
        """Every property by word, by symbol, and with "log_", as `thermo_ideal._expressions.parse` takes them."""
        words = {name: self._later(name) for name in PROPERTIES}
        named = words | {SYMBOLS[word]: f for word, f in words.items()}
        return named | {f"log_{name}": self._log(f) for name, f in named.items()}

    def _later(self, name: str) -> LocalDerivatives:
        """A property that is worked out when it is asked for, since not every gas has all."""
        return LocalDerivatives(lambda i, j: getattr(self, name)(i, j)).limited()
