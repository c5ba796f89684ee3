"""What a derivation of SGD starts from: protocol, schedules, momentum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp
from sympy import Expr

from thermo_ideal.symbolic import _notation as n
from thermo_ideal.symbolic.derivations._component_check import Replay

PROTOCOLS = {
    "fixed-lr": {"learning_rate": n.LEARNING_RATE, "weight_decay": n.WEIGHT_DECAY},
    "fixed-elr": {"effective_learning_rate": n.EFFECTIVE_LEARNING_RATE, "weight_decay": n.WEIGHT_DECAY},
    "fixed-sphere": {"effective_learning_rate": n.EFFECTIVE_LEARNING_RATE, "radius": n.RADIUS},
}


@dataclass(frozen=True)
class Setting:
    """A protocol whose hyperparameters are constants or functions of time, with or without momentum.

    Args:
        protocol: "fixed-lr", "fixed-elr" or "fixed-sphere".
        isotropic: whether the noise is.
        time_dependent: the names of the hyperparameters that are functions of time.
        momentum: whether SGD has heavy-ball momentum `β`.

    Raises:
        ValueError: no such protocol, or a name that is not one of its hyperparameters.
    """

    protocol: str
    isotropic: bool = True
    time_dependent: Sequence[str] = ()
    momentum: bool = False

    def __post_init__(self) -> None:
        if self.protocol not in PROTOCOLS:
            raise ValueError(f"protocol: got {self.protocol!r}, expected one of {', '.join(map(repr, PROTOCOLS))}")
        allowed = PROTOCOLS[self.protocol]
        names = [self.time_dependent] if isinstance(self.time_dependent, str) else self.time_dependent
        for name in names:
            if name not in allowed:
                raise ValueError(
                    f"time_dependent: got {name!r}, expected some of {', '.join(map(repr, allowed))} with "
                    f"{self.protocol}"
                )
        object.__setattr__(self, "time_dependent", tuple(names))

    def _value(self, name: str) -> Expr:
        symbol = PROTOCOLS[self.protocol][name]
        return n.scheduled(symbol) if name in self.time_dependent else symbol

    @property
    def gain(self) -> Expr:
        """What momentum multiplies the learning rate by, `1/(1 − β)`."""
        return n.GAIN if self.momentum else sp.S.One

    @property
    def rescales(self) -> bool:
        """Whether the weights are put back onto a sphere."""
        return self.protocol == "fixed-sphere"

    @property
    def raw_step_size(self) -> Expr:
        """The learning rate of one step at radius r."""
        if self.protocol == "fixed-lr":
            return self._value("learning_rate")
        return self._value("effective_learning_rate") * n.RADIUS**2

    @property
    def step_size(self) -> Expr:
        """The learning rate that counts: with momentum, that of all its echoes."""
        return self.gain * self.raw_step_size

    @property
    def effective_learning_rate(self) -> Expr:
        """`η_eff` in the direction's SDE: the symbol under a fixed learning rate, where it is `η/r²`."""
        if self.protocol == "fixed-lr":
            return n.EFFECTIVE_LEARNING_RATE
        return self.gain * self._value("effective_learning_rate")

    @property
    def weight_decay(self) -> Expr:
        """`λ`; 0 on the sphere."""
        return sp.S.Zero if self.rescales else self._value("weight_decay")

    @property
    def sphere_radius(self) -> Expr:
        """The radius that the weights are rescaled to."""
        return self._value("radius")

    @property
    def subject(self) -> str:
        """The protocol in words."""
        where = {
            "fixed-lr": "at a fixed learning rate",
            "fixed-elr": "at a fixed effective learning rate",
            "fixed-sphere": "on a fixed sphere",
        }[self.protocol]
        return f"{'Heavy-ball SGD' if self.momentum else 'SGD'} {where}"

    @property
    def title(self) -> str:
        """The setting in words."""
        words = f"{self.subject} with {'isotropic' if self.isotropic else 'general'} noise"
        if self.time_dependent:
            words += f", where {' and '.join(name.replace('_', ' ') for name in self.time_dependent)} may change"
        return words

    def replay(self, dimension: int) -> Replay:
        """The setting in explicit components."""
        return Replay(dimension, self.step_size, self.weight_decay, self.isotropic)
