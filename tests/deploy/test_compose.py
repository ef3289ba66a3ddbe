"""The compose file is one, holds its containers, and waits for what must come first."""

import importlib
import re
import shutil
import subprocess
from typing import Any, Protocol, cast

import pytest
import yaml
from tests.deploy.composing import composed, ours, variables
from tests.deploy.rendering import DEPLOY, ROOT
from tests.deploy.test_commands import parsed

from remit.server.exporting import rules


class _Composing(Protocol):
    def from_yaml(self, text: str) -> Any: ...


@pytest.fixture(scope="module")
def composing() -> _Composing:
    """Give a reader that knows the specification of compose."""
    pytest.importorskip("compose_spec", reason="the package compose-spec is not installed")
    return cast("_Composing", importlib.import_module("compose_spec").PyCompose)


def test_it_is_as_the_specification_of_compose_has_it(composing: _Composing) -> None:
    found = composing.from_yaml(yaml.safe_dump(composed()))
    assert set(found.service_names()) == {"migrate", "postgres", "prometheus", "rules", "server", "worker"}


def test_a_word_that_compose_does_not_know_is_seen(composing: _Composing) -> None:
    wrong = composed()
    wrong["services"]["server"]["readonly"] = True
    with pytest.raises(ValueError, match="readonly"):
        composing.from_yaml(yaml.safe_dump(wrong))


def test_our_containers_may_do_little() -> None:
    for name, service in ours().items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service, name
        assert "cap_add" not in service, name
        # The image names its user; nobody else may be it.
        assert "user" not in service, name


def test_nothing_is_published_beyond_this_machine() -> None:
    published = [port for service in composed()["services"].values() for port in service.get("ports", ())]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_a_container_is_killed_only_after_its_grace() -> None:
    for name in ("server", "worker"):
        grace = parsed(ours()[name]["command"]).grace
        assert int(ours()[name]["stop_grace_period"].removesuffix("s")) >= grace + 5, name


def test_tables_are_there_before_anybody_works() -> None:
    services = composed()["services"]
    for name in ("server", "worker"):
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert services["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert "healthcheck" in services["postgres"]
    assert services["worker"]["deploy"]["replicas"] == 2


def test_secrets_come_from_the_file_that_the_example_shows() -> None:
    example = (DEPLOY / "env.example").read_text(encoding="utf-8")
    wanted = {name for name, usual in variables().items() if not usual}
    assert set(re.findall(r"(?m)^(\w+)=", example)) == wanted == {"REMIT_KEY", "POSTGRES_PASSWORD"}
    # Empty, so that compose says what is missing, and nobody runs with a key that is public.
    assert re.findall(r"(?m)^\w+=(.+)$", example) == []
    assert ".env" in (DEPLOY / ".gitignore").read_text(encoding="utf-8").split()
    assert "**/.env" in (ROOT / ".dockerignore").read_text(encoding="utf-8").split()


def test_prometheus_takes_its_settings() -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed")
    command = ["promtool", "check", "config", "--syntax-only", str(DEPLOY / "prometheus.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def test_prometheus_scrapes_what_tells_and_reads_the_rules_that_ship() -> None:
    services = composed()["services"]
    config = yaml.safe_load((DEPLOY / "prometheus.yaml").read_text(encoding="utf-8"))
    [job] = config["scrape_configs"]

    def place(name: str) -> str:
        return str(parsed(ours()[name]["command"]).metrics).replace("0.0.0.0", name)

    found = job["dns_sd_configs"][0]
    assert job["static_configs"][0]["targets"] == [place("server")]
    assert [f"{name}:{found['port']}" for name in found["names"]] == [place("worker")]
    # Written below the volume, and read below where Prometheus has it.
    written = ours()["rules"]["command"][-1]
    volume = next(one.partition(":") for one in ours()["rules"]["volumes"])
    mounted = next(one for one in services["prometheus"]["volumes"] if one.startswith(f"{volume[0]}:"))
    assert config["rule_files"] == [written.replace(volume[2], mounted.split(":")[1]) + "/*.yml"]
    assert [name for name in rules.FILES if name.endswith(".yml")]
