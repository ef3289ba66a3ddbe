"""Home: opens a store, resolves names, wires ports and runs agents. Adapters meet only here and above."""

from remit.home.home import FOLDER, MEMORY, Home
from remit.home.lives import HANDED_BACK, Lives
from remit.home.remits import SHARED_KEY, child_of, shared_key
from remit.home.settings import ModelMaker, Settings

__all__ = [
    "FOLDER",
    "HANDED_BACK",
    "MEMORY",
    "SHARED_KEY",
    "Home",
    "Lives",
    "ModelMaker",
    "Settings",
    "child_of",
    "shared_key",
]
