"""Access: who asks, what they may do, and the record of it."""

from remit.server.access.approvers import approver
from remit.server.access.chained import Chained
from remit.server.access.cookies import CSRF_HEADER, Cookies, Entered, Login, LoginStore
from remit.server.access.keys import Key, Keys, KeyStore
from remit.server.access.local import LocalAccess
from remit.server.access.opening import Facts, Opened, open_access
from remit.server.access.paces import Pace, PaceStore, SharedPace
from remit.server.access.port import (
    MAY,
    ROLES,
    Access,
    Action,
    Asked,
    DeniedError,
    Principal,
    Role,
    Scheme,
)
from remit.server.access.records import AuditLog, AuditRecord
from remit.server.access.settings import AccessSettings
from remit.server.access.sites import is_loopback
from remit.server.access.stores import (
    FILE,
    AccessStore,
    MemoryAccessStore,
    PostgresAccessStore,
    SqliteAccessStore,
    access_store,
)

__all__ = [
    "Access",
    "AccessSettings",
    "AccessStore",
    "Action",
    "Asked",
    "AuditLog",
    "AuditRecord",
    "CSRF_HEADER",
    "Chained",
    "Cookies",
    "DeniedError",
    "Entered",
    "FILE",
    "Facts",
    "Key",
    "KeyStore",
    "Keys",
    "LocalAccess",
    "Login",
    "LoginStore",
    "MAY",
    "MemoryAccessStore",
    "Opened",
    "Pace",
    "PaceStore",
    "PostgresAccessStore",
    "Principal",
    "ROLES",
    "Role",
    "Scheme",
    "SharedPace",
    "SqliteAccessStore",
    "access_store",
    "approver",
    "is_loopback",
    "open_access",
]
