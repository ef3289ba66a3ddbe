import shutil
from pathlib import Path

import pytest
from tests.sandbox.native.places import FOUND, needs, opened, refuse, unheld

from remit.core.programs import Bounds
from remit.sandbox.native.inside import groups
from remit.sandbox.native.inside.groups import Groups, Place, find, kills

V2 = "30 20 0:26 / {root} rw,nosuid - cgroup2 cgroup rw,nsdelegate\n"


def _folder(path: Path, controllers: str, subtree: str) -> Path:
    path.mkdir(parents=True)
    (path / "cgroup.controllers").write_text(controllers)
    (path / "cgroup.subtree_control").write_text(subtree)
    return path


def test_version_2_is_found_where_it_is_delegated_to_this_process_or_to_its_parent(tmp_path: Path) -> None:
    mounts = V2.format(root=tmp_path)
    _folder(tmp_path / "user", "cpu memory pids", "memory pids")
    own = _folder(tmp_path / "user" / "app", "cpu memory pids", "")
    # A folder of a real hierarchy refuses to hand down while there are processes in it.
    (own / "cgroup.subtree_control").unlink()
    (own / "cgroup.subtree_control").mkdir()
    (place,) = find(mounts, "0::/user/app\n")
    assert (place.folder, place.memory[0], place.pids) == (str(tmp_path / "user"), "memory.max", "pids.max")
    (own / "cgroup.subtree_control").rmdir()
    (place,) = find(mounts, "0::/user/app\n")
    assert (place.folder, (own / "cgroup.subtree_control").read_text()) == (str(own), "+memory +pids")


def test_version_2_that_is_not_delegated_is_refused_with_what_to_do(tmp_path: Path) -> None:
    own = _folder(tmp_path / "app", "memory pids", "")
    (own / "cgroup.subtree_control").unlink()
    (own / "cgroup.subtree_control").mkdir()
    with pytest.raises(OSError, match="Delegate=yes"):
        find(V2.format(root=tmp_path), "0::/app\n")


def test_version_1_and_the_hybrid_are_found_by_controller_and_below_what_is_mounted() -> None:
    mounts = (
        "31 20 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
        "32 20 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
        "33 20 0:29 /box/7 /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
        "34 20 0:30 / / rw - overlay overlay rw\n"
    )
    memory, pids = find(mounts, "5:memory:/a/b\n4:pids:/box/7\n1:name=systemd:/\n0::/\n")
    assert (memory.folder, memory.memory[0]) == ("/sys/fs/cgroup/memory/a/b", "memory.limit_in_bytes")
    assert (pids.folder, pids.memory, pids.pids) == ("/sys/fs/cgroup/pids", (), "pids.max")


def test_without_controllers_there_is_a_reason() -> None:
    with pytest.raises(OSError, match="controllers memory and pids"):
        find("34 20 0:30 / / rw - overlay overlay rw\n", "0::/\n")


def test_a_box_of_version_2_is_bounded_in_memory_swap_and_processes(tmp_path: Path) -> None:
    made = Groups([Place(str(tmp_path), ("memory.max", "memory.swap.max"), "pids.max", "memory.events")])
    (top,) = tmp_path.iterdir()
    try:
        assert (top / "cgroup.subtree_control").read_text() == "+memory +pids"
        (top / "1").mkdir()
        (top / "1" / "memory.swap.max").write_text("max")
        (top / "1" / "memory.events").write_text("low 0\noom 3\noom_kill 2\n")
        events = made.add(1, 1000, 5)
        made.enter(1, 77)
        written = {name: (top / "1" / name).read_text() for name in ("memory.swap.max", "pids.max", "cgroup.procs")}
        assert written == {"memory.swap.max": "0", "pids.max": "5", "cgroup.procs": "77"}
        assert int((top / "1" / "memory.max").read_text()) >= 1000
        assert kills(events) == 2
    finally:
        shutil.rmtree(top)
        made.close()


def test_what_nobody_holds_is_swept_and_what_somebody_holds_is_not(tmp_path: Path) -> None:
    (tmp_path / (groups.NAME + "left") / "3").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    place = Place(str(tmp_path), (), "", "")
    held = Groups([place])
    assert groups.sweep([place]) == 1
    names = sorted(each.name for each in tmp_path.iterdir())
    assert len(names) == 2
    assert "other" in names
    held.close()
    assert [each.name for each in tmp_path.iterdir()] == ["other"]


async def test_a_box_is_in_a_group_with_its_bounds_and_leaves_none() -> None:
    needs("full")
    before = _tops()
    async with opened("full", Bounds(memory=100_000_000, disk=10_000_000, processes=7)) as box:
        assert (await box.run("1", inputs={}, tools={}, bridge=refuse)).value == 1
        boxes = [each for top in _tops() - before for each in top.iterdir() if each.is_dir()]
        assert boxes
        limits = [
            int(path.read_text()) for each in boxes for path in _files(each, "memory.limit_in_bytes", "memory.max")
        ]
        assert all(110_000_000 <= limit < 300_000_000 for limit in limits)
        assert [int(path.read_text()) for each in boxes for path in _files(each, "pids.max")] == [9]
        assert all((each / "cgroup.procs").read_text() for each in boxes)
    assert _tops() - before == set()
    assert unheld() == []


async def test_who_takes_more_than_the_group_has_ends_as_out_of_memory() -> None:
    needs("full")
    before = _tops()
    async with opened("full") as box:
        assert (await box.run("1", inputs={}, tools={}, bridge=refuse)).value == 1
        for top in _tops() - before:
            for path in [*top.glob("*/memory.limit_in_bytes"), *top.glob("*/memory.max")]:
                path.write_text("60000000")
        result = await box.run("len(b'x' * 150_000_000)", inputs={}, tools={}, bridge=refuse)
        assert (result.status, result.value) == ("oom", None), result
        assert (await box.run("1", inputs={}, tools={}, bridge=refuse)).value == 1


def _tops() -> set[Path]:
    if not FOUND["full"].available:
        return set()
    return {top for place in groups.here() for top in Path(place.folder).glob(groups.NAME + "*")}


def _files(folder: Path, *names: str) -> list[Path]:
    return [folder / name for name in names if (folder / name).exists()]
