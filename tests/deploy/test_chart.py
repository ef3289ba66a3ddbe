"""The chart renders to what a cluster takes, whatever is switched on, and holds its pods as it says."""

import copy
import importlib
import json
import re
from collections.abc import Iterator
from typing import Any, Protocol, cast

import pytest
import yaml
from tests.deploy.rendering import (
    BARE,
    CHART,
    FULL,
    ROOT,
    WITH_DATABASE,
    Manifest,
    RefusedError,
    Rendered,
    Values,
    each,
    matches,
    pods,
    rendered,
)

from remit.policy.hosts import HostPolicy
from remit.server.api import ENDPOINTS
from remit.telemetry.metrics import QUEUE
from remit.tools.registry import FILE

FOREIGN = {"ScaledObject", "PodMonitor"}
"""Kinds that a cluster knows only from others, whose schemas are not those of Kubernetes."""


class _Schemas(Protocol):
    SchemaNotFoundError: type[Exception]
    ValidationError: type[Exception]

    def validate(self, data: Manifest, desired_version: str, *, strict: bool) -> str: ...


@pytest.fixture(scope="module")
def schemas() -> _Schemas:
    """Give the schemas of Kubernetes."""
    pytest.importorskip("kubernetes_validate", reason="the package kubernetes-validate is not installed")
    return cast("_Schemas", importlib.import_module("kubernetes_validate"))


# What a cluster takes


@each
@pytest.mark.parametrize("version", ["1.27", "1.33"])
def test_what_it_renders_is_valid_in_old_and_new_clusters(values: Values, version: str, schemas: _Schemas) -> None:
    release = rendered(values)
    for one in release.manifests:
        if one["kind"] not in FOREIGN:
            schemas.validate(one, version, strict=True)
    names = [(one["kind"], one["metadata"]["name"]) for one in release.manifests]
    assert len(set(names)) == len(names) >= 5
    assert release.found == ()


def test_the_schemas_refuse_what_is_wrong(schemas: _Schemas) -> None:
    worker = copy.deepcopy(rendered().one("Deployment", "-worker"))
    worker["spec"]["template"]["spec"]["containers"][0]["readinessprobe"] = {}
    with pytest.raises(schemas.ValidationError, match="readinessprobe"):
        schemas.validate(worker, "1.33", strict=True)


def selectors(release: Rendered) -> Iterator[tuple[str, Manifest]]:
    """Give every selector of pods of this release, with whose it is."""
    for one in release.manifests:
        name, spec = f"{one['kind']}/{one['metadata']['name']}", one.get("spec", {})
        match one["kind"]:
            case "Service":
                yield name, {"matchLabels": spec["selector"]}
            case "Deployment" | "StatefulSet" | "PodDisruptionBudget" | "PodMonitor":
                yield name, spec["selector"]
            case "NetworkPolicy":
                yield name, spec["podSelector"]
            case _:
                pass


@each
def test_every_selector_finds_pods_and_every_port_and_volume_is_there(values: Values) -> None:
    release = rendered(values)
    labels = [template["metadata"]["labels"] for template in pods(release).values()]
    for name, selector in selectors(release):
        assert any(matches(selector, one) for one in labels), name
    for name, template in pods(release).items():
        [container] = template["spec"]["containers"]
        ports = {port["name"] for port in container.get("ports", ())}
        probes = [container[probe] for probe in container if probe.endswith("Probe")]
        asked = {(probe.get("httpGet") or probe.get("tcpSocket") or {"port": None})["port"] for probe in probes} - {
            None
        }
        assert asked <= ports, name
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        claimed = {"data"} if name.endswith("postgresql") else set[str]()
        assert mounted == {volume["name"] for volume in template["spec"]["volumes"]} | claimed, name
    for service in release.of("Service"):
        taken = [
            t
            for t in pods(release).values()
            if matches({"matchLabels": service["spec"]["selector"]}, t["metadata"]["labels"])
        ]
        [target] = taken
        ports = {port["name"] for port in target["spec"]["containers"][0]["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


def test_probes_ask_for_what_the_api_has() -> None:
    paths = {one.path for one in ENDPOINTS}
    for template in pods(rendered()).values():
        for probe in template["spec"]["containers"][0].values():
            if isinstance(probe, dict) and "httpGet" in probe:
                assert probe["httpGet"]["path"] in paths


# Growing, changing


def test_keda_follows_the_queue_and_else_there_is_no_autoscaler() -> None:
    plain, grown = rendered(), rendered(FULL)
    assert plain.one("Deployment", "-worker")["spec"]["replicas"] == 2
    assert [one["kind"] for one in plain.manifests if one["kind"] in {"ScaledObject", "HorizontalPodAutoscaler"}] == []
    worker, scaled = grown.one("Deployment", "-worker"), grown.one("ScaledObject")["spec"]
    # Both saying how many there are would fight at each upgrade.
    assert "replicas" not in worker["spec"]
    assert scaled["scaleTargetRef"] == {"name": worker["metadata"]["name"]}
    queries = [trigger["metadata"]["query"] for trigger in scaled["triggers"]]
    assert queries == [
        'max(remit_queue_oldest_seconds{namespace="agents"})',
        'max(remit_queue_depth{namespace="agents"})',
    ]
    assert {"remit_queue_oldest_seconds", "remit_queue_depth"} <= {family.name for family in QUEUE}
    # KEDA's fallback needs one trigger of this type.
    assert "AverageValue" in {trigger["metricType"] for trigger in scaled["triggers"]}
    assert all(isinstance(trigger["metadata"]["threshold"], str) for trigger in scaled["triggers"])


def test_tables_are_brought_forward_before_pods_are_replaced() -> None:
    job = rendered().one("Job")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    # What else is in the release is not there yet when it runs first.
    spec = job["spec"]["template"]["spec"]
    assert "serviceAccountName" not in spec
    assert not any("configMap" in volume for volume in spec["volumes"])
    own = rendered(WITH_DATABASE).one("Job")
    assert own["metadata"]["annotations"]["helm.sh/hook"] == "post-install,pre-upgrade"
    assert rendered(BARE).of("Job") == []


def test_pods_are_replaced_when_their_settings_change() -> None:
    def sums(values: Values) -> dict[str, dict[str, str]]:
        return {name: one["metadata"].get("annotations", {}) for name, one in pods(rendered(values)).items()}

    def changed(values: Values) -> set[str]:
        before = sums({})
        return {name.removeprefix("prod-remit-") for name, now in sums(values).items() if now != before[name]}

    assert changed({"config": "[access]\n"}) == {"api", "worker"}
    assert changed({"gateway": {"policy": "allow: a.example.com\n"}}) == {"gateway"}


def test_a_settings_file_is_put_where_remit_looks() -> None:
    release = rendered(FULL)
    assert release.one("ConfigMap", "prod-remit")["data"]["remit.toml"] == FULL["config"]
    for name in ("prod-remit-api", "prod-remit-worker"):
        mounts = {one["mountPath"]: one for one in pods(release)[name]["spec"]["containers"][0]["volumeMounts"]}
        assert mounts[f"/app/{FILE}"]["subPath"] == "remit.toml"


def test_some_pods_stay_while_nodes_are_drained() -> None:
    budgets = {one["metadata"]["name"]: one["spec"] for one in rendered().of("PodDisruptionBudget")}
    assert set(budgets) == {"prod-remit-api", "prod-remit-worker", "prod-remit-gateway"}
    # With one replica it would keep its node from ever being drained.
    assert "prod-remit-api" not in {one["metadata"]["name"] for one in rendered(BARE).of("PodDisruptionBudget")}


# Values


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"worker": {"replicas": 3}}, "worker"),
        ({"workers": {"replica": 3}}, "replica"),
        ({"workers": {"grace": "60"}}, "grace"),
        ({"workers": {"keda": {"age": 0}}}, "age"),
        ({"agents": []}, "agents"),
        ({"api": {"args": ["serve"]}}, "args"),
        ({"secret": "Not A Name"}, "secret"),
        ({"database": {"cidrs": ["anywhere"]}}, "cidrs"),
        ({"image": {"digest": "latest"}}, "digest"),
        ({"gateway": {"ports": []}}, "ports"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(values: Values, word: str) -> None:
    with pytest.raises(RefusedError, match=word):
        rendered(values)


def _keys(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict) and value:
        for name, inner in cast("dict[str, Any]", value).items():
            yield from _keys(inner, f"{path}.{name}")
    else:
        yield path


def _known(schema: Any, path: str = "") -> Iterator[str]:
    if "properties" in schema:
        for name, inner in schema["properties"].items():
            yield from _known(inner, f"{path}.{name}")
    else:
        yield path


def test_every_value_has_a_schema_a_default_and_a_place_in_the_file() -> None:
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    given = set(_keys(yaml.safe_load(text)))
    known = set(_known(json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))))
    known = {one for one in known if not one.endswith(".global")}
    # Resources have a shape and hold what a cluster knows.
    free = {one.rpartition(".")[0] if one.endswith((".requests", ".limits")) else one for one in known}
    assert {one for one in known if one not in given and not any(g.startswith(f"{one}.") for g in given)} == set()
    assert {one for one in given if not any(one == k or one.startswith(f"{k}.") for k in free)} == set()


def test_the_policy_that_the_gateway_begins_with_lets_nobody_through_and_the_notes_say_so() -> None:
    policy = rendered().one("ConfigMap", "-gateway")["data"]["hosts.txt"]
    assert not HostPolicy.read(policy, "hosts.txt").why("https://api.openai.com/", ["104.18.7.192"]).granted
    assert "lets nobody through" in rendered().notes
    assert "lets nobody through" not in rendered(FULL).notes
    opened = rendered(FULL).one("ConfigMap", "-gateway")["data"]["hosts.txt"]
    assert HostPolicy.read(opened, "hosts.txt").why("https://api.openai.com/", ["104.18.7.192"]).granted


def test_the_values_of_the_guide_are_ones_it_takes() -> None:
    page = (ROOT / "docs/how-to/deploy.md").read_text(encoding="utf-8")
    [block] = re.findall(r'```yaml title="values.yaml"\n(.*?)```', page, re.DOTALL)
    release = rendered(yaml.safe_load(block))
    assert release.one("ScaledObject")
    assert release.one("Ingress")["spec"]["rules"][0]["host"] == "agents.example.com"
    assert release.one("Deployment", "-api")["spec"]["template"]["spec"]["containers"][0]["args"][1] == "agent.py:clerk"


def test_the_notes_say_how_to_come_in() -> None:
    assert "exec deploy/prod-remit-worker -- remit keys new --name me --role admin" in rendered().notes
    assert "https://remit.example.com/" in rendered(FULL).notes
    assert "no backup" in rendered(WITH_DATABASE).notes
