"""Renders the chart as Helm does: by its library, in a process of its own."""

import functools
import importlib.util
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm/remit"

Values = dict[str, Any]
Manifest = dict[str, Any]

_LIBRARY = """
import json, sys
import helm_python as helm
given = json.load(sys.stdin)
try:
    with helm.Chart.load(given["chart"]) as chart:
        chart.validate_schema(given["values"])
        files = chart.render(given["values"], name="prod", namespace="agents")
    report = helm.lint(given["chart"], given["values"], strict=True)
    print(json.dumps({"files": files, "found": [one["error"] for one in report["messages"] if one["severity"] > 1]}))
except helm.HelmError as error:
    print(json.dumps({"refused": str(error)}))
"""


class RefusedError(Exception):
    """Helm refuses these values."""


@dataclass(frozen=True)
class Rendered:
    """What a release would consist of."""

    manifests: tuple[Manifest, ...]
    notes: str
    found: tuple[str, ...]
    """What a strict lint complains about."""

    def of(self, kind: str, name: str = "") -> list[Manifest]:
        """Give the manifests of a kind, those whose name ends so."""
        return [one for one in self.manifests if one["kind"] == kind and one["metadata"]["name"].endswith(name)]

    def one(self, kind: str, name: str = "") -> Manifest:
        """Give the only one."""
        [found] = self.of(kind, name)
        return found


def rendered(values: Values | None = None) -> Rendered:
    """Render with these values over the chart's own; raise `RefusedError` when Helm would not."""
    return _rendered(json.dumps(values or {}, sort_keys=True))


@functools.cache
def _rendered(values: str) -> Rendered:
    said = _helm(values)
    if "refused" in said:
        raise RefusedError(said["refused"])
    files: dict[str, str] = said["files"]
    notes = next((text for name, text in files.items() if name.endswith("NOTES.txt")), "")
    texts = [text for name, text in files.items() if name.endswith(".yaml")]
    manifests = tuple(one for text in texts for one in yaml.safe_load_all(text) if one)
    return Rendered(manifests, notes, tuple(said["found"]))


def _helm(values: str) -> dict[str, Any]:
    if importlib.util.find_spec("helm_python") is None:
        pytest.skip("the package helm-python-sdk is not installed")
    # Not in this process: a Go program within it would answer its signals.
    given = json.dumps({"chart": str(CHART), "values": json.loads(values)})
    done = subprocess.run(
        [sys.executable, "-c", _LIBRARY], input=given, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def pods(release: Rendered) -> dict[str, Manifest]:
    """Give the template of every pod, by the name of what makes it."""
    makers = [one for one in release.manifests if one["kind"] in {"Deployment", "StatefulSet", "Job"}]
    return {one["metadata"]["name"]: one["spec"]["template"] for one in makers}


FULL: Values = {
    "image": {"repository": "registry.example.com/agents", "digest": "sha256:" + "a" * 64},
    "imagePullSecrets": ["registry"],
    "agents": ["agent.py:clerk", "shop.agents:seller"],
    "config": "[access]\nidle_minutes = 30\n",
    "database": {"cidrs": ["10.1.2.0/24"], "podLabels": {"app": "pooler"}},
    "api": {
        "ingress": {"enabled": True, "className": "nginx", "tlsSecret": "cert", "annotations": {"a": "b"}},
        "service": {"annotations": {"a": "b"}},
        "args": ["--protocols=openai,mcp"],
        "env": [{"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://collector.monitoring.svc:4318"}],
        "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}}],
        "annotations": {"a": "b"},
        "tolerations": [{"key": "agents", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {}},
        "nodeSelector": {"pool": "agents"},
    },
    "workers": {"secretEnv": ["providers"], "keda": {"enabled": True, "selector": 'namespace="agents"'}, "grace": 120},
    "gateway": {"policy": "allow: api.openai.com\n", "noProxy": ["models.internal"]},
    "networkPolicy": {
        "dns": {"podLabels": {"k8s-app": "kube-dns"}, "cidrs": ["169.254.20.10/32"]},
        "scrapers": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
        "extraEgress": [{"to": [{"podSelector": {"matchLabels": {"app": "models"}}}], "ports": [{"port": 8080}]}],
    },
    "metrics": {"podMonitor": {"enabled": True, "labels": {"release": "prometheus"}}},
    "serviceAccount": {"annotations": {"a": "b"}},
}
WITH_DATABASE: Values = {"postgresql": {"enabled": True, "storageClass": "fast"}}
BARE: Values = {
    "gateway": {"enabled": False},
    "networkPolicy": {"enabled": False},
    "migration": {"enabled": False},
    "topologySpread": {"enabled": False},
    "api": {"replicas": 1},
}
ALL = {"as it comes": {}, "all of it": FULL, "with a database": WITH_DATABASE, "as little as can be": BARE}
each = pytest.mark.parametrize("values", ALL.values(), ids=ALL.keys())


def matches(selector: Manifest, labels: dict[str, str]) -> bool:
    """Whether a selector takes what has these labels."""
    wanted = selector.get("matchLabels", {}).items() <= labels.items()
    among = (labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", ()))
    return wanted and all(among)


def words(template: Manifest) -> list[str]:
    """Give what a container of ours is told to do."""
    return template["spec"]["containers"][0]["args"]


def environment(template: Manifest) -> dict[str, Any]:
    """Give the variables of a pod, with the key of the secret for those that come from one."""
    found = template["spec"]["containers"][0]["env"]
    return {one["name"]: one.get("value") or one["valueFrom"]["secretKeyRef"] for one in found}
