"""Home: opens a store, resolves names, wires ports and runs agents. Adapters meet only here and above."""

from remit.home.home import FOLDER, MEMORY, Home
from remit.home.lives import HANDED_BACK, Lives
from remit.home.remits import child_of
from remit.home.settings import ModelMaker, Settings

__all__ = ["FOLDER", "HANDED_BACK", "MEMORY", "Home", "Lives", "ModelMaker", "Settings", "child_of"]
