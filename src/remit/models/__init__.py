"""Models: wrappers that any language model may wear. Each is a `Model` around a `Model`."""

from remit.models.breaking import Breaking
from remit.models.fallback import Fallback
from remit.models.priced import Priced
from remit.models.prices import FREE, FlatPrice, known_price
from remit.models.retrying import Retrying

__all__ = ["FREE", "Breaking", "Fallback", "FlatPrice", "Priced", "Retrying", "known_price"]
