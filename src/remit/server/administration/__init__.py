"""Administration: keys, people and the audit log of a tenant, for those who may change who comes in."""

from remit.server.administration.register import Made, Register, Wanted
from remit.server.administration.views import Happened, KeyView, Known, Line, Lines

__all__ = ["Happened", "KeyView", "Known", "Line", "Lines", "Made", "Register", "Wanted"]
