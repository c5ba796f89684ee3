"""SGD as drift and diffusion: a loss, a gradient noise and a protocol. No time loop."""

from thermo_ideal.dynamics._losses import (
    AbstractLoss,
    AbstractZonalLoss,
    ScaleInvariantLoss,
    VonMisesFisherLoss,
    ZonalLoss,
)
from thermo_ideal.dynamics._noise import AbstractNoise, AnisotropicNoise, CustomNoise, IsotropicNoise
from thermo_ideal.dynamics._protocols import (
    AbstractProtocol,
    FixedEffectiveLearningRate,
    FixedLearningRate,
    FixedSphere,
    protocol_class,
)
from thermo_ideal.dynamics._schedules import Schedule, TabulatedSchedule
from thermo_ideal.dynamics._sgd import SGD

__all__ = [
    "SGD",
    "AbstractLoss",
    "AbstractNoise",
    "AbstractProtocol",
    "AbstractZonalLoss",
    "AnisotropicNoise",
    "CustomNoise",
    "FixedEffectiveLearningRate",
    "FixedLearningRate",
    "FixedSphere",
    "IsotropicNoise",
    "ScaleInvariantLoss",
    "Schedule",
    "TabulatedSchedule",
    "VonMisesFisherLoss",
    "ZonalLoss",
    "protocol_class",
]
