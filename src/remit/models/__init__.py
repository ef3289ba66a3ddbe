"""Models: wrappers that any language model may wear. Each is a `Model` around a `Model`."""

from remit.models.prices import FREE, FlatPrice, known_price
from remit.models.wrappers.breaking import Breaking
from remit.models.wrappers.fallback import Fallback
from remit.models.wrappers.priced import Priced
from remit.models.wrappers.retrying import Retrying

__all__ = ["FREE", "Breaking", "Fallback", "FlatPrice", "Priced", "Retrying", "known_price"]
