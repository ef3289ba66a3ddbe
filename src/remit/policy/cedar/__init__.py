"""Cedar: policies as code, over who asks, which tool, its arguments and how things stand. Needs the extra `cedar`."""

from remit.policy.cedar.guard import CedarPolicies, Explanation, check_policies
from remit.policy.cedar.policies import Policy
from remit.policy.cedar.schema import schema_of, schema_text
from remit.policy.cedar.source import Problem

__all__ = ["CedarPolicies", "Explanation", "Policy", "Problem", "check_policies", "schema_of", "schema_text"]
