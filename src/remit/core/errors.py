"""Errors: the one tree of exceptions. A failure a model can use is a value, never one of these.

RemitError
├── ConfigError            something declared is wrong or missing; the message says where and what to do
├── TokenError             a remit token that is forged or unreadable
├── JournalError
│   ├── ConflictError      somebody else wrote first: the writer is fenced
│   ├── CorruptJournalError, NewerSchemaError, JournalBusyError, UnknownSessionError
├── OverLimitError         a shared account has no room for what was asked
├── SessionBusyError       a living worker drives this session already
├── DivergedError          a strategy did not repeat its recorded moves
├── ApprovalError          an approval that does not exist, is over, or is for other arguments
├── ModelError
│   ├── RateLimitError, OverloadedError, ModelTimeoutError, CutStreamError, UnreadableAnswerError
│   └── ModelRequestError
│       ├── AuthenticationError, QuotaError, ContentFilterError, ContextTooLongError
└── ToolError              raised by tools
    ├── InputRequiredError a person must answer a question before the call can go on
    └── RejectedError      the world said no and nothing happened
"""

from remit.core.values import JsonObject, JsonValue, show_usd

_LIMITS = (
    ("children/", "`Limits.children` of the root"),
    ("depth/", "`Limits.depth` of the root"),
    ("usd/tree/", "`Limits.tree_usd` of the root"),
    ("usd/tenant/", "`Tenant.usd_per_day`"),
    ("runs/tenant/", "`Tenant.sessions`"),
)
"""Which declaration caps the accounts that begin so."""


class RemitError(Exception):
    """Anything that went wrong in Remit or with what it was given."""


class ConfigError(RemitError):
    """A declaration is wrong or something it needs is missing."""


class TokenError(RemitError):
    """A remit token cannot be trusted."""


class JournalError(RemitError):
    """The journal could not do what was asked."""


class ConflictError(JournalError):
    """The tail is not where the writer thought: another writer came first and this one is fenced."""

    def __init__(self, session: str, after: int, tail: int) -> None:
        """Say which session, where the writer stood and where the tail is."""
        super().__init__(f"session {session!r} stands at {tail}, not at {after}: somebody else wrote to it")
        self.session, self.after, self.tail = session, after, tail


class CorruptJournalError(JournalError):
    """The file is damaged or is not a journal; nothing was changed."""


class NewerSchemaError(JournalError):
    """The file was written by a newer Remit; nothing was changed."""


class JournalBusyError(JournalError):
    """Another process kept the store locked for too long."""


class UnknownSessionError(JournalError):
    """No session has this id."""


class OverLimitError(RemitError):
    """A shared account has no room: nothing was written and nothing was spent."""

    def __init__(self, account: str, wanted: int, used: int, cap: int) -> None:
        """Say which account, what was wanted, and what is used of which cap."""
        shown = show_usd if account.startswith("usd/") else str
        limit = next((limit for start, limit in _LIMITS if account.startswith(start)), "whoever takes from it")
        stands = f"{shown(wanted)} more, and {shown(used)} of {shown(cap)} are used"
        super().__init__(f"no room in {account}: {stands}; {limit} caps it")
        self.account, self.wanted, self.used, self.cap = account, wanted, used, cap


class SandboxBusyError(RemitError):
    """No box was free for a program, which therefore did not run; it may be later."""


class SessionBusyError(RemitError):
    """A living worker drives this session; a second one would only be fenced."""


class DivergedError(RemitError):
    """A strategy yielded another move than the recorded one."""

    def __init__(self, step: str, recorded: str, yielded: str) -> None:
        """Say at which step, what the journal holds and what the strategy wanted."""
        super().__init__(f"diverged at step {step}: the journal holds {recorded}; the strategy now yields {yielded}")
        self.step, self.recorded, self.yielded = step, recorded, yielded


class ApprovalError(RemitError):
    """An approval cannot be decided: unknown, already decided, expired, or for other arguments."""


class ModelError(RemitError):
    """A model call failed."""

    retryable = False
    """Whether the same request may succeed later."""
    free = False
    """Whether it surely was not billed."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        """Keep the provider's wish for when to come back, in seconds, if it gave one."""
        super().__init__(message)
        self.retry_after = retry_after


class RateLimitError(ModelError):
    """The provider wants fewer requests or tokens a minute."""

    retryable = True
    free = True


class OverloadedError(ModelError):
    """The provider is down or overloaded."""

    retryable = True
    free = True


class ModelTimeoutError(ModelError):
    """The provider did not answer in time; what it spent is unknown."""

    retryable = True


class ModelRequestError(ModelError):
    """The provider will never accept this request as it is."""

    free = True


class CutStreamError(ModelError):
    """The answer broke off before its end; what came of it was surely computed."""

    retryable = True


class UnreadableAnswerError(ModelError):
    """What the provider sent is not an answer: broken JSON, a wrong type, an end without a beginning."""

    retryable = True


class AuthenticationError(ModelRequestError):
    """The provider does not know the key, or does not let it use this model."""


class QuotaError(ModelRequestError):
    """The account behind the key has no money or quota left; waiting a minute will not help."""


class ContentFilterError(ModelRequestError):
    """The provider refuses to deal with what was said."""


class ContextTooLongError(ModelRequestError):
    """The conversation is longer than the model can read."""


class ToolError(RemitError):
    """A tool failed and whether its effect happened is unknown, unless it is a `RejectedError`."""

    def __init__(self, message: str = "", *, landing: bool = False, retry_after: float | None = None) -> None:
        """Say with `landing` that it may still happen, as after a time-out: then no probe can rule it out yet.

        `retry_after` is the other side's wish for when to come back, in seconds, if it gave one.
        """
        super().__init__(message)
        self.landing, self.retry_after = landing, retry_after


class RejectedError(ToolError):
    """The world said no and nothing happened, so trying again cannot do a thing twice."""

    def __init__(
        self, message: str, *, retryable: bool = False, retry_after: float | None = None, arguments: bool = False
    ) -> None:
        """Say whether the same call may succeed later and after how many seconds, or if its arguments are to blame."""
        super().__init__(message, retry_after=retry_after)
        self.retryable, self.arguments = retryable, arguments


class InputRequiredError(ToolError):
    """Nothing has happened yet: a person must answer first, and then the call is made again with the answer."""

    def __init__(self, question: str, schema: JsonObject, memo: JsonValue = None) -> None:
        """Ask for a JSON object of a schema; `memo` is found again in `ToolContext.resume` and must be small."""
        super().__init__(question)
        self.question, self.schema, self.memo = question, schema, memo
