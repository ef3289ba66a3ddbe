"""What images are made of, and where they are kept."""

import io
import os
import time
from pathlib import Path

import pytest

from remit.core.errors import ConfigError
from remit.sandbox.microvm import cache, cpio, kernels, ticks


def test_an_archive_has_headers_names_and_contents_in_fours(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"abcde")
    archive = io.BytesIO()
    cpio.write([cpio.Entry("d", 0o40755), cpio.Entry("d/f", 0o100644, 7, str(source))], archive)
    data, found, place = archive.getvalue(), list[tuple[str, int, bytes]](), 0
    while place < len(data):
        head = data[place : place + 110]
        assert head[:6] == b"070701"
        fields = [int(head[start : start + 8], 16) for start in range(6, 110, 8)]
        name = data[place + 110 : place + 110 + fields[11] - 1].decode()
        place += (110 + fields[11] + 3) // 4 * 4
        found.append((name, fields[1], data[place : place + fields[6]]))
        place += (fields[6] + 3) // 4 * 4
    assert found == [("d", 0o40755, b""), ("d/f", 0o100644, b"abcde"), ("TRAILER!!!", 0, b"")]


def test_what_was_left_half_or_long_unused_is_swept_and_the_rest_stays(tmp_path: Path) -> None:
    for name in (f"{cache.HALF}x", "machine-old", "machine-new", "kernel"):
        (tmp_path / name).mkdir()
    (tmp_path / "image-old.cpio").write_bytes(b"")
    long_ago = time.time() - 30 * 86_400
    for name in ("machine-old", "image-old.cpio", "kernel"):
        os.utime(tmp_path / name, (long_ago, long_ago))
    with cache.locked(tmp_path):
        cache.sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"machine-new", "kernel", "lock"}


def test_a_folder_that_others_can_write_to_keeps_no_machines(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(ConfigError, match="others can write"), cache.locked(tmp_path):
        pass


def test_a_kernel_without_its_modules_is_none_and_packed_ones_are_unpacked(tmp_path: Path) -> None:
    boot, folder = tmp_path / "kernel" / "boot", tmp_path / "kernel" / "lib" / "modules" / "6.1.0"
    boot.mkdir(parents=True)
    folder.mkdir(parents=True)
    (boot / "vmlinuz-6.1.0").write_bytes(b"")
    found = kernels.find(tmp_path)
    assert found is None or not found.image.startswith(str(tmp_path))
    (folder / "modules.builtin").write_text("kernel/virtio.ko\nkernel/virtio_ring.ko\nkernel/virtio_mmio.ko\n")
    (folder / "virtio_console.ko").write_bytes(b"code")
    found = kernels.find(tmp_path)
    assert found is not None
    assert found.image.startswith(str(tmp_path))
    assert kernels.modules(found) == [("virtio_console", b"code")]


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="reads a counter of x86_64")
def test_the_processor_counts_as_fast_as_before() -> None:
    first, second = ticks.kilohertz(), ticks.kilohertz()
    assert abs(first - second) <= first / 100
