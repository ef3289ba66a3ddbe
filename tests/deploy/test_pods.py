"""Pods of the chart may do little, and are stopped with care."""

import copy
from typing import Any

import pytest
from tests.deploy.rendering import (
    Manifest,
    Values,
    each,
    pods,
    rendered,
    words,
)


def loose(template: Manifest) -> list[str]:
    """Say in what a pod is not held."""
    spec = template["spec"]
    [container] = spec["containers"]
    pod, own = spec.get("securityContext", {}), container.get("securityContext", {})
    checks = {
        "it may be root": pod.get("runAsNonRoot") is True and pod.get("runAsUser", 0) > 0,
        "no filter of system calls": pod.get("seccompProfile") == {"type": "RuntimeDefault"},
        "it may gain privileges": own.get("allowPrivilegeEscalation") is False and own.get("privileged") is False,
        "it can change its image": own.get("readOnlyRootFilesystem") is True,
        "it has capabilities": own.get("capabilities") == {"drop": ["ALL"]},
        "it has a token of the cluster": spec.get("automountServiceAccountToken") is False,
        "it shares the node": not any(spec.get(name) for name in ("hostNetwork", "hostPID", "hostIPC")),
        "a folder of the node": not any("hostPath" in volume for volume in spec.get("volumes", ())),
        "no bound on its memory": "memory" in container.get("resources", {}).get("limits", {}),
        "it asks for nothing": {"cpu", "memory"} <= set(container.get("resources", {}).get("requests", {})),
    }
    return [why for why, held in checks.items() if not held]


@each
def test_every_pod_is_held(values: Values) -> None:
    found = pods(rendered(values))
    assert {name: loose(template) for name, template in found.items()} == {name: [] for name in found}


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        (("securityContext", "runAsNonRoot"), False, "it may be root"),
        (("securityContext", "seccompProfile"), None, "no filter of system calls"),
        (("containers", 0, "securityContext", "allowPrivilegeEscalation"), True, "it may gain privileges"),
        (("containers", 0, "securityContext", "readOnlyRootFilesystem"), False, "it can change its image"),
        (("containers", 0, "securityContext", "capabilities"), {"drop": ["NET_RAW"]}, "it has capabilities"),
        (("automountServiceAccountToken",), True, "it has a token of the cluster"),
        (("hostPID",), True, "it shares the node"),
        (("volumes",), [{"name": "x", "hostPath": {"path": "/"}}], "a folder of the node"),
        (("containers", 0, "resources", "limits"), {}, "no bound on its memory"),
    ],
)
def test_a_pod_that_is_not_held_is_seen(path: tuple[Any, ...], value: Any, why: str) -> None:
    template = copy.deepcopy(pods(rendered())["prod-remit-worker"])
    place = template["spec"]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert loose(template) == [why]


@each
def test_a_pod_is_killed_only_after_its_grace(values: Values) -> None:
    for name, template in pods(rendered(values)).items():
        graces = [float(word.partition("=")[2]) for word in words(template) if word.startswith("--grace=")]
        pause = 5 if "lifecycle" in template["spec"]["containers"][0] else 0
        for grace in graces:
            assert template["spec"]["terminationGracePeriodSeconds"] >= grace + pause + 5, name
        assert len(graces) == name.endswith(("-api", "-worker", "-gateway")), name
