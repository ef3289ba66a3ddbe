import os
from pathlib import Path

import pytest

from remit.core.errors import ConfigError
from remit.core.programs import Bounds, Mount, SandboxPolicy
from remit.core.values import JsonObject
from remit.sandbox.containers import ContainerSandbox
from remit.sandbox.containers.driver import engine_host
from remit.sandbox.containers.making import binds
from remit.sandbox.containers.owner import LABEL, labels, orphaned
from remit.sandbox.containers.spec import Wish, container, scratch

BOUNDS = Bounds(memory=1_000_000, disk=5000, files=3, processes=4)


def _host(wish: Wish) -> JsonObject:
    host = container(wish)["HostConfig"]
    assert isinstance(host, dict)
    return host


def _wish(volume: str | None = None, runtime: str | None = None, *, processes: bool = True) -> Wish:
    return Wish(image="i", runtime=runtime, profile="{}", bounds=BOUNDS, binds=(), volume=volume, processes=processes)


def test_a_container_has_no_network_no_rights_and_no_place_to_write_but_scratch() -> None:
    spec, host = container(_wish()), _host(_wish(runtime="runsc"))
    assert (spec["NetworkDisabled"], spec["User"], spec["Env"]) == (True, "65534:65534", [])
    assert (host["NetworkMode"], host["CapDrop"], host["ReadonlyRootfs"]) == ("none", ["ALL"], True)
    assert host["SecurityOpt"] == ["no-new-privileges", "seccomp={}"]
    assert (host["PidsLimit"], host["Runtime"], host["AutoRemove"]) == (6, "runsc", True)
    places = host["Tmpfs"]
    assert isinstance(places, dict)
    assert places["/scratch"] == f"rw,{scratch(BOUNDS)}"
    assert all(str(options).startswith("ro,") for place, options in places.items() if place != "/scratch")


def test_scratch_is_bounded_in_whole_pages_and_files() -> None:
    assert scratch(BOUNDS).startswith("nr_blocks=2,nr_inodes=4,")
    assert "v:/scratch:nocopy" in str(_host(_wish("v"))["Binds"])


def test_processes_are_bounded_only_where_the_engine_can() -> None:
    assert "PidsLimit" not in _host(_wish(processes=False))


def test_an_engine_is_found_as_told_by_argument_then_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    assert engine_host("unix:///x") == "unix:///x"
    assert engine_host() == "tcp://127.0.0.1:1"


def test_without_an_engine_it_says_what_to_install(tmp_path: Path) -> None:
    found = ContainerSandbox(host=f"unix://{tmp_path}/none.sock").capabilities()
    assert not found.available
    assert "the engine does not answer" in found.missing[0]
    for host in ("ftp://x", "x"):
        assert "no URL of an engine" in ContainerSandbox(host=host).capabilities().missing[0]


async def test_what_cannot_be_given_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    sandbox = ContainerSandbox(host=f"unix://{tmp_path}/none.sock", packages=("numpy",))
    with pytest.raises(ConfigError, match="above 'container'; use: microvm"):
        await sandbox.open(SandboxPolicy(least="microvm"))
    with pytest.raises(ConfigError, match="not said to have pandas"):
        await sandbox.open(SandboxPolicy(packages=("numpy", "pandas")))
    with pytest.raises(ConfigError, match="cannot run the container sandbox"):
        await sandbox.open(SandboxPolicy())
    with pytest.raises(ConfigError, match="does not answer"):
        await sandbox.reap()
    await sandbox.close()


def test_mounts_are_read_only_and_below_data(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(ConfigError, match="cannot read"):
        binds((Mount(source=str(tmp_path), target="/data/a"),))
    tmp_path.chmod(0o755)
    inner, outer = Mount(source=str(tmp_path), target="/data/a/b"), Mount(source=str(tmp_path), target="/data/a")
    assert binds((inner, outer)) == (f"{tmp_path}:/data/a:ro", f"{tmp_path}:/data/a/b:ro")
    for source, target in ((str(tmp_path), "/etc"), (str(tmp_path), "/data/x:rw"), (f"{tmp_path}/none", "/data/x")):
        with pytest.raises(ConfigError):
            binds((Mount(source=source, target=target),))


def test_an_owner_is_gone_when_its_process_is_or_began_at_another_time() -> None:
    own = labels()
    assert own[f"{LABEL}.pid"] == str(os.getpid())
    assert not orphaned(own)
    assert orphaned(own | {f"{LABEL}.began": "1"})
    assert orphaned(own | {f"{LABEL}.pid": "4194304"})
    assert not orphaned(own | {f"{LABEL}.place": "another machine", f"{LABEL}.began": "1"})
    assert not orphaned({})
    assert not orphaned(own | {f"{LABEL}.pid": "x"})
