"""Guard: what policies in Cedar say of a call. Nothing is allowed that no policy permits, and a doubt is a no."""

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from remit.core.errors import ConfigError
from remit.core.events import VerdictKind
from remit.core.messages import Call
from remit.core.ports import ALLOW, Clock, Verdict
from remit.core.state import State
from remit.core.toolspec import ToolSpec
from remit.core.values import JsonObject
from remit.policy.cedar import engine
from remit.policy.cedar.policies import Policy, read
from remit.policy.cedar.requests import Question, question, written
from remit.policy.cedar.schema import Offer, offers_of, schema_for
from remit.policy.cedar.source import Problem
from remit.policy.cedar.values import UnfitError
from remit.policy.order import together

_NUMBERED = re.compile(r"`policy(\d+)`")


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a call was judged as it was."""

    verdict: Verdict
    policies: tuple[Policy, ...]
    """Those that decided."""
    others: tuple[Policy, ...]
    """Those that are about this tool and whose conditions were not met."""
    errors: tuple[str, ...]
    """What could not be evaluated; any of these denies."""
    request: JsonObject
    """What Cedar was asked: principal, action, resource, context, and the entities they are; empty if it was not."""

    @property
    def decision(self) -> VerdictKind:
        """What was said."""
        return self.verdict.kind

    @property
    def reason(self) -> str:
        """Why, in a sentence."""
        return self.verdict.reason


def check_policies(text_by_file: Mapping[str, str], specs: Iterable[ToolSpec]) -> tuple[Problem, ...]:
    """Say all that is wrong with policies for these tools; empty when they can be used."""
    return tuple(read(text_by_file, offers_of(specs))[1])


class CedarPolicies:
    """Policies as a guard: a matching `forbid` denies, then a matching `permit` allows or asks, and all else is denied.

    A dangerous tool needs a permit that names it with `action ==` or in the list of `action in`.
    """

    __slots__ = ("_clock", "_offers", "_prepared", "policies")

    def __init__(self, text_by_file: Mapping[str, str], specs: Iterable[ToolSpec], *, clock: Clock = time.time) -> None:
        """Take the text of each file, all the tools it may speak of, and a wall clock.

        Raise `ConfigError` with a line for each mistake: file, line, policy, what is wrong and what to do.
        """
        self._offers = offers_of(specs)
        policies, problems = read(text_by_file, self._offers)
        if problems:
            raise ConfigError("\n".join(map(str, problems)))
        self.policies = tuple(policies)
        self._clock = clock
        self._prepared: dict[str, _Prepared] = {}

    def check(self, call: Call, spec: ToolSpec, state: State) -> Verdict:
        """Judge a call as the policies say; deny what they cannot judge.

        Of a session that is not open yet, as when a plan is made, only that is denied which no session may do.
        """
        return self._judge(call, spec, state, None).verdict

    def explain(self, call: Call, spec: ToolSpec, state: State, *, at: float | None = None) -> Explanation:
        """Judge a call, now or as at another time in seconds since the epoch, and say what it was that decided."""
        judged = self._judge(call, spec, state, at)
        asked = judged.question
        request: JsonObject = {}
        if asked is not None:
            request = {
                "principal": asked.principal,
                "action": asked.action,
                "resource": asked.resource,
                "context": asked.context,
                "entities": asked.entities,
            }
        others = tuple(policy for policy in judged.about if policy not in judged.deciding)
        return Explanation(judged.verdict, judged.deciding, others, judged.errors, request)

    def closed(self) -> tuple[str, ...]:
        """Name the tools that nobody may ever use: no permit covers them or, when they are dangerous, names them."""
        found = ((name, self._prepare(offer).foresee().verdict) for name, offer in self._offers.items())
        return tuple(
            name
            for name, verdict in found
            if verdict.kind == "deny" or (self._offers[name].spec.dangerous and not verdict.reason)
        )

    def _judge(self, call: Call, spec: ToolSpec, state: State, at: float | None) -> "_Judged":
        offer = self._offers.get(spec.name)
        if offer is None:
            text = f"no policy was made for `{spec.name}`: it is not among the tools of the registry; add it there"
            return _Judged(Verdict("deny", text))
        prepared = self._prepare(offer)
        differing = _differing(offer.spec, spec)
        if differing:
            text = f"`{spec.name}` is not the tool that the policies were made for: it differs in {differing}"
            return _Judged(Verdict("deny", text), prepared.policies)
        try:
            if state.opened is None:
                written(offer, call, spec.hosts)
                return prepared.foresee()
            asked = question(offer, call, spec.hosts, state, self._clock() if at is None else at)
        except UnfitError as error:
            return _Judged(Verdict("deny", f"policies cannot judge this call: {error}"), prepared.policies)
        return prepared.ask(asked, state)

    def _prepare(self, offer: Offer) -> "_Prepared":
        """Compile only what is about one tool, once, so that a verdict costs the same however many others there are."""
        name = offer.spec.name
        if name not in self._prepared:
            policies = tuple(policy for policy in self.policies if policy.covers(offer))
            together = "\n".join(policy.text for policy in policies)
            schema = engine.compiled_schema(schema_for([offer]))
            self._prepared[name] = _Prepared(offer, policies, engine.compiled(together), schema)
        return self._prepared[name]


@dataclass(frozen=True, slots=True)
class _Judged:
    verdict: Verdict
    about: tuple[Policy, ...] = ()
    deciding: tuple[Policy, ...] = ()
    errors: tuple[str, ...] = ()
    question: Question | None = None


@dataclass(frozen=True, slots=True)
class _Prepared:
    offer: Offer
    policies: tuple[Policy, ...]
    compiled: engine.Compiled
    schema: engine.CompiledSchema

    def ask(self, asked: Question, state: State) -> _Judged:
        answer = engine.ask(asked.request(), self.compiled, asked.about(), self.schema)
        deciding = tuple(sorted((self._numbered(name) for name in answer.reasons), key=self.policies.index))
        errors = tuple(_NUMBERED.sub(lambda found: self._shown(found[1]), error) for error in answer.errors)
        return _Judged(self._verdict(answer, deciding, errors, state), self.policies, deciding, errors, asked)

    def foresee(self) -> _Judged:
        """Say no to what no permit could ever cover, and to nothing else: who asks is not known yet."""
        permits = [policy for policy in self.policies if policy.effect == "permit"]
        if not permits:
            return _Judged(Verdict("deny", f"no policy permits `{self.offer.spec.name}` to anybody"), self.policies)
        named = any(policy.ask or self.offer.spec.name in (policy.actions or ()) for policy in permits)
        return _Judged(Verdict(reason="some sessions may") if named else ALLOW, self.policies)

    def _verdict(
        self, answer: engine.Answer, deciding: Sequence[Policy], errors: Sequence[str], state: State
    ) -> Verdict:
        if deciding and not answer.allowed:
            return Verdict("deny", "; ".join(dict.fromkeys(map(_forbidding, deciding))))
        if errors:
            # A policy that breaks may have been the one that forbids.
            return Verdict("deny", f"policies cannot judge this call: {'; '.join(errors)}")
        if not answer.allowed:
            return Verdict("deny", self._unpermitted(state))
        asking = [policy for policy in deciding if policy.ask]
        if asking:
            reason = "; ".join(dict.fromkeys(policy.ask for policy in asking))
            return together([_question(policy, reason) for policy in asking])
        naming = [policy for policy in deciding if self.offer.spec.name in (policy.actions or ())]
        return Verdict(reason=f"permitted by {_cited(naming[0])}") if naming else ALLOW

    def _unpermitted(self, state: State) -> str:
        assert state.opened is not None
        who = f"agent `{state.opened.agent}` of tenant `{state.opened.tenant}`"
        return f"no policy permits `{self.offer.spec.name}` to {who} with these arguments as things stand"

    def _numbered(self, name: str) -> Policy:
        return self.policies[int(name.removeprefix("policy"))]

    def _shown(self, number: str) -> str:
        return _cited(self.policies[int(number)])


def _forbidding(policy: Policy) -> str:
    return f"{policy.reason} ({_cited(policy)})" if policy.reason else f"forbidden by {_cited(policy)}"


def _question(policy: Policy, reason: str) -> Verdict:
    return Verdict("ask", reason, expires=policy.expires, persons=policy.persons, escalate=policy.escalate)


def _cited(policy: Policy) -> str:
    return f"`{policy.id}`" if policy.id == policy.place else f"`{policy.id}` in {policy.place}"


def _differing(known: ToolSpec, now: ToolSpec) -> str:
    """Name what policies count on and is another by now; empty when it is the same."""
    if known is now:
        return ""
    parts = {
        "schema": known.schema == now.schema,
        "effect": known.effect == now.effect,
        "danger": known.dangerous == now.dangerous,
        "source": known.source == now.source,
        "owner": known.owner == now.owner,
        "labels": set(known.labels) == set(now.labels),
    }
    return ", ".join(name for name, same in parts.items() if not same)
