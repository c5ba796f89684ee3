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
from thermo_ideal.dynamics._schedules import TabulatedSchedule
from thermo_ideal.dynamics._sgd import SGD
from thermo_ideal.dynamics._spiked_noise import spiked_noise
from thermo_ideal.dynamics._vectors import inner, norm

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
    "TabulatedSchedule",
    "VonMisesFisherLoss",
    "ZonalLoss",
    "inner",
    "norm",
    "protocol_class",
    "spiked_noise",
]
