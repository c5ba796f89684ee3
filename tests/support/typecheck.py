"""The checker of annotations: beartype, which takes an int for a float as PEP 484 does."""

from beartype import BeartypeConf, beartype

typecheck = beartype(conf=BeartypeConf(is_pep484_tower=True))
