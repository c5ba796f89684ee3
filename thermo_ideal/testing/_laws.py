"""The laws of a gas, each a test of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from thermo_ideal.thermodynamics import (
    AbstractHelmholtzEnergy,
    ConsistencyError,
    State,
    check_consistency,
    consistency_names,
)


@dataclass(frozen=True)
class Law:
    """One thing that is asked of a gas, by the name that it has in `Consistency.errors`.

    Args:
        name: as in "Maxwell, F".

    Example:
        >>> from thermo_ideal.testing import Law
        >>> from thermo_ideal.thermodynamics import CaloricallyPerfectGas, State
        >>> Law("Maxwell, F").check(State(CaloricallyPerfectGas(11), temperature=0.5, volume=2.0))
    """

    name: str

    @property
    def __name__(self) -> str:
        """The name, which pytest takes for the id."""
        return self.name

    def __str__(self) -> str:
        return self.name

    def check(self, state: State) -> None:
        """Asserts the law at a state.

        Args:
            state: one, or a batch.

        Raises:
            AssertionError: it does not hold, with its error and where.
            ValueError: the gas of the state has no such law.
        """
        # With an axis before those of the batch, so that each temperature stays with its volume.
        T, V, sigma = (x[None] for x in (state.temperature, state.volume, state.noise_scale))
        try:
            check_consistency(state.gas, T, V, noise_scale=sigma, names=(self.name,)).require()
        except ConsistencyError as error:
            raise AssertionError(str(error)) from error


def laws_of(gas: Any) -> tuple[Law, ...]:
    """Everything that `check_consistency` asks of a gas, each a law: a suite in three lines.

    With pytest and Hypothesis::

        @pytest.mark.parametrize("law", laws_of(gas))
        @given(state=states(gas))
        @settings(deadline=None)  # the first state compiles
        def test_laws(law, state):
            law.check(state)

    Each law is a test with an id of its own, and a failure is shrunk to a state of small whole numbers. All laws are
    one program, compiled once.

    Args:
        gas: a Helmholtz energy; its `identities` are among the laws.

    Returns:
        The laws.

    Raises:
        ValueError: no gas.

    Example:
        >>> from thermo_ideal.testing import laws_of
        >>> from thermo_ideal.thermodynamics import CaloricallyPerfectGas
        >>> laws = laws_of(CaloricallyPerfectGas(11))
        >>> len(laws), laws[0].name
        (92, 'Maxwell, U')
    """
    if not isinstance(gas, AbstractHelmholtzEnergy):
        raise ValueError(
            f"gas: got {gas!r}, expected a Helmholtz energy, as in laws_of(VonMisesFisherGas(dimension=3))"
        )
    return tuple(Law(name) for name in consistency_names(gas))
