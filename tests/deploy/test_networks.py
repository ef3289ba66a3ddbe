"""Who reaches whom in a release: workers reach the database, DNS and the gateway only."""

import pytest
from tests.deploy.rendering import (
    BARE,
    FULL,
    WITH_DATABASE,
    Manifest,
    Rendered,
    Values,
    each,
    environment,
    matches,
    pods,
    rendered,
)


def reached(release: Rendered, component: str) -> list[Manifest]:
    """Give the rules of what the pods of a component may reach."""
    [labels] = [
        template["metadata"]["labels"] for name, template in pods(release).items() if name.endswith(f"-{component}")
    ]
    policies = [one["spec"] for one in release.of("NetworkPolicy") if matches(one["spec"]["podSelector"], labels)]
    assert any("Egress" in one["policyTypes"] for one in policies), "it may reach everything"
    return [rule for one in policies for rule in one.get("egress", ())]


def destination(rule: Manifest) -> tuple[str, tuple[int, ...]]:
    """Say in a word where a rule leads, and to which ports."""
    peers = rule.get("to", [])
    where = "anywhere"
    if any("ipBlock" in peer for peer in peers):
        where = " ".join(peer["ipBlock"]["cidr"] for peer in peers if "ipBlock" in peer)
    elif peers:
        labels = peers[0].get("podSelector", {}).get("matchLabels", {})
        where = labels.get("app.kubernetes.io/component") or labels.get("app.kubernetes.io/name")
        where = where or peers[0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
    return where, tuple(sorted({port["port"] for port in rule["ports"]}))


@each
def test_what_no_policy_allows_is_refused_to_every_pod(values: Values) -> None:
    release = rendered(values)
    denying = [one["spec"] for one in release.of("NetworkPolicy", "-deny")]
    assert len(denying) == bool(release.of("NetworkPolicy", "-store"))
    for one in denying:
        assert one["policyTypes"] == ["Ingress", "Egress"]
        assert not {"ingress", "egress"} & set(one)
        found = [t for n, t in pods(release).items() if n.startswith("prod-remit-")]
        assert all(matches(one["podSelector"], t["metadata"]["labels"]) for t in found)


DNS = ("kube-system", (53,))


@pytest.mark.parametrize("component", ["worker", "api"])
def test_workers_and_the_api_reach_the_database_dns_and_the_gateway_only(component: str) -> None:
    plain = {destination(rule) for rule in reached(rendered(), component)}
    assert plain == {DNS, ("anywhere", (5432,)), ("gateway", (8877,))}
    named = {destination(rule) for rule in reached(rendered({"database": {"cidrs": ["10.1.2.0/24"]}}), component)}
    assert named == {DNS, ("10.1.2.0/24", (5432,)), ("gateway", (8877,))}
    within = {destination(rule) for rule in reached(rendered(WITH_DATABASE), component)}
    assert within == {DNS, ("postgresql", (5432,)), ("gateway", (8877,))}
    shut = {destination(rule) for rule in reached(rendered({"gateway": {"enabled": False}}), component)}
    assert shut == {DNS, ("anywhere", (5432,))}


def test_the_migration_reaches_the_database_only() -> None:
    assert {destination(rule) for rule in reached(rendered(), "migrate")} == {DNS, ("anywhere", (5432,))}


def test_the_gateway_reaches_the_world_without_the_metadata_of_clouds_and_not_the_database() -> None:
    rules = reached(rendered(), "gateway")
    assert {destination(rule) for rule in rules} == {DNS, ("0.0.0.0/0 ::/0", (443,))}
    [blocks] = [[peer["ipBlock"] for peer in rule["to"]] for rule in rules if "ipBlock" in rule["to"][0]]
    assert "169.254.0.0/16" in blocks[0]["except"]


def test_only_workers_and_the_api_may_ask_the_gateway() -> None:
    policy = rendered().one("NetworkPolicy", "-gateway")["spec"]
    [rule] = policy["ingress"]
    [peer] = rule["from"]
    found = {n: matches(peer["podSelector"], t["metadata"]["labels"]) for n, t in pods(rendered()).items()}
    assert {name.removeprefix("prod-remit-") for name, may in found.items() if may} == {"api", "worker"}


def test_what_goes_out_goes_by_the_gateway_and_the_token_comes_from_a_secret() -> None:
    for name in ("prod-remit-api", "prod-remit-worker"):
        env = environment(pods(rendered(FULL))[name])
        url = "http://remit:$(REMIT_GATEWAY_TOKEN)@prod-remit-gateway:8877"
        assert (env["HTTP_PROXY"], env["HTTPS_PROXY"]) == (url, url)
        assert env["NO_PROXY"].split(",")[-1] == "models.internal"
        # A variable is only put into those that come after it.
        assert list(env).index("REMIT_GATEWAY_TOKEN") < list(env).index("HTTP_PROXY")
    assert rendered().one("Service", "-gateway")["spec"]["ports"][0]["port"] == 8877
    assert "HTTPS_PROXY" not in environment(pods(rendered(BARE))["prod-remit-worker"])


@each
def test_no_secret_is_made_of_values_and_the_gateway_has_neither_key_nor_database(values: Values) -> None:
    release = rendered(values)
    assert release.of("Secret") == []
    for name, template in pods(release).items():
        env = environment(template)
        ours = name.endswith(("-api", "-worker", "-migrate"))
        assert (env.get("REMIT_KEY") == {"name": "remit", "key": "REMIT_KEY"}) == ours, name
        assert ("REMIT_STORE" in env) == ours, name
