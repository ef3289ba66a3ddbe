"""Costs: what a benchmark measured of a fleet, on one machine, on one day."""

import math

import msgspec

from remit.core.errors import ConfigError


class Costs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """CPU in microseconds, sizes as their names say. A session's own costs come beside those of its steps."""

    measured: str
    """The day."""
    machine: str
    remit: str
    """The version."""
    worker_us_step: float
    worker_us_session: float
    """To take a session up and let go of it."""
    server_us_step: float
    """Of PostgreSQL, with all its processes."""
    server_us_session: float
    commit_worker_us: float
    """For each commit beside what is in it. The costs above have that of full commits, which many sessions share."""
    commit_server_us: float
    driver_us_session: float
    """Of whoever begins a session, such as a replica of the API."""
    pick_ms: float
    """Between two sessions that one worker takes up from a full queue: it asks for the next when it has one."""
    sync_ms: float
    """For PostgreSQL's disk to confirm a commit."""
    first_step_ms: float
    """From a message to its first step when nothing else is to be done, for `first_step_share` of the messages."""
    first_step_share: float = 0.95
    bytes_step: float
    """On PostgreSQL's disk, with indexes."""
    bytes_session: float
    payload_step: float
    """The bytes of answers and results in `bytes_step`."""
    worker_rest_mb: float
    worker_kb_session: float
    """Memory for each session that is under way."""
    connections_worker: float
    """With much to do."""
    connections_replica: float

    def __post_init__(self) -> None:
        """Refuse what nobody can have measured."""
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, float) and not (math.isfinite(value) and value >= 0):
                raise ConfigError(f"measured costs: {name!r} is {value}, which is no cost")
        if min(self.worker_us_step, self.server_us_step, self.bytes_step) <= 0:
            raise ConfigError("measured costs: a step costs CPU of a worker, CPU of PostgreSQL and room on its disk")
        if self.pick_ms <= 0:
            raise ConfigError("measured costs: to take a session up takes time")
        if not 0 < self.first_step_share < 1:
            raise ConfigError(f"measured costs: 'first_step_share' is {self.first_step_share}, not between 0 and 1")

    @classmethod
    def read(cls, text: bytes, name: str) -> "Costs":
        """Read what a benchmark wrote; raise `ConfigError` that names the file when it is something else."""
        try:
            return msgspec.json.decode(text, type=cls)
        except msgspec.MsgspecError as error:
            raise ConfigError(f"{name} holds no measured costs: {error}") from None
