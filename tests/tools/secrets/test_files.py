"""Files: mounted as Docker and Kubernetes do it, and nothing beside them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from remit.core.errors import ConfigError
from remit.tools.secrets import FileSecrets

VALUE = "sk-live-4f9a77c1"


def kept(path: Path, text: str = VALUE, mode: int = 0o400) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.fixture
def mounted(tmp_path: Path) -> Path:
    """A folder as Kubernetes mounts it: `NAME -> ..data/NAME`, `..data -> ..2026_01`."""
    real = tmp_path / "mounted" / "..2026_01"
    kept(real / "TOKEN")
    kept(real / "acme" / "TOKEN", "of acme")
    folder = tmp_path / "mounted"
    (folder / "..data").symlink_to("..2026_01")
    (folder / "TOKEN").symlink_to("..data/TOKEN")
    (folder / "acme").symlink_to("..data/acme")
    return folder


async def test_what_kubernetes_mounts_is_read(mounted: Path) -> None:
    source = FileSecrets(mounted)
    assert await source.get("TOKEN", "other") == VALUE
    assert await source.get("TOKEN", "acme") == "of acme"
    newer = mounted / "..2026_02"
    kept(newer / "TOKEN", "rotated")
    (mounted / "..tmp").symlink_to("..2026_02")
    (mounted / "..tmp").rename(mounted / "..data")
    assert await source.get("TOKEN", "other") == "rotated"


@pytest.mark.parametrize("text", [VALUE, f"{VALUE}\n", f"{VALUE}\r\n"])
async def test_one_line_end_after_the_value_is_left_out(tmp_path: Path, text: str) -> None:
    (tmp_path / "TOKEN").write_bytes(text.encode())
    (tmp_path / "TOKEN").chmod(0o400)
    assert await FileSecrets(tmp_path).get("TOKEN", "acme") == VALUE


async def test_a_folder_that_is_not_there_has_nothing(tmp_path: Path) -> None:
    source = FileSecrets(tmp_path / "later")
    assert await source.get("TOKEN", "acme") is None
    kept(tmp_path / "later" / "TOKEN")
    assert await source.get("TOKEN", "acme") == VALUE
    assert await source.get("TOKEN", "TOKEN") == VALUE, "a file is no tenant's folder"


async def test_a_file_that_everybody_can_read_is_refused_with_what_to_do(tmp_path: Path) -> None:
    kept(tmp_path / "TOKEN", mode=0o444)
    with pytest.raises(ConfigError, match="can be read by everybody; give it the mode 0400") as refused:
        await FileSecrets(tmp_path).get("TOKEN", "acme")
    assert VALUE not in str(refused.value)


async def test_a_tenants_file_that_is_refused_gives_no_way_to_the_one_of_all(tmp_path: Path) -> None:
    kept(tmp_path / "TOKEN")
    kept(tmp_path / "acme" / "TOKEN", mode=0o444)
    with pytest.raises(ConfigError, match="everybody"):
        await FileSecrets(tmp_path).get("TOKEN", "acme")


def out(folder: Path) -> None:
    (folder / "TOKEN").symlink_to(kept(folder.parent / "outside"))


def to_another(folder: Path) -> None:
    kept(folder / "OTHER")
    (folder / "TOKEN").symlink_to("OTHER")


def to_another_tenant(folder: Path) -> None:
    kept(folder / "other" / "TOKEN")
    (folder / "acme").symlink_to("other")


def out_by_data(folder: Path) -> None:
    kept(folder.parent / "elsewhere" / "TOKEN")
    (folder / "..data").symlink_to("../elsewhere")
    (folder / "TOKEN").symlink_to("..data/TOKEN")


def to_another_in_data(folder: Path) -> None:
    kept(folder / "..data" / "OTHER")
    (folder / "TOKEN").symlink_to("..data/OTHER")


def to_the_folder(folder: Path) -> None:
    (folder / "TOKEN").symlink_to(".")


def in_a_circle(folder: Path) -> None:
    (folder / "TOKEN").symlink_to("TOKEN")


@pytest.mark.parametrize("lead", [out, to_another, to_another_tenant, out_by_data, to_another_in_data, to_the_folder])
async def test_a_link_that_leads_away_is_refused(tmp_path: Path, lead: Callable[[Path], None]) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    lead(folder)
    with pytest.raises(ConfigError, match="is a link to somewhere else") as refused:
        await FileSecrets(folder).get("TOKEN", "acme")
    assert VALUE not in str(refused.value)


async def test_links_in_a_circle_are_an_error(tmp_path: Path) -> None:
    in_a_circle(tmp_path)
    with pytest.raises(ConfigError, match="cannot be found: "):
        await FileSecrets(tmp_path).get("TOKEN", "acme")


async def test_what_is_no_file_no_text_or_no_secret_is_an_error(tmp_path: Path) -> None:
    source = FileSecrets(tmp_path)
    (tmp_path / "FOLDER").mkdir()
    os.mkfifo(tmp_path / "PIPE", 0o400)
    (tmp_path / "BYTES").write_bytes(b"\xff\xfe")
    (tmp_path / "HUGE").write_bytes(bytes(2 << 20))
    for name in ("BYTES", "HUGE"):
        (tmp_path / name).chmod(0o400)
    for name, why in (("PIPE", "is no file"), ("BYTES", "no text in UTF-8"), ("HUGE", "no secret")):
        with pytest.raises(ConfigError, match=why):
            await source.get(name, "acme")
    assert await source.get("FOLDER", "acme") is None


async def test_a_name_that_is_too_long_for_a_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be found: File name too long"):
        await FileSecrets(tmp_path).get("A" * 300, "acme")


def test_it_says_where_it_looks() -> None:
    assert str(FileSecrets("/run/secrets")) == "the folder /run/secrets (TENANT/NAME, NAME)"
