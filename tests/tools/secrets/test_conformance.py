from collections.abc import Mapping
from pathlib import Path

import keyring
import pytest
from tests.tools.secrets.rings import Ring

from remit.testing.secrets import CHECKS, Check, Keep
from remit.tools.secrets import EnvironmentSecrets, FileSecrets, KeyringSecrets, SecretSource
from remit.tools.secrets.environment import variable

Values = Mapping[tuple[str, str], str]


async def in_the_environment(kept: Values) -> SecretSource:
    variables = {
        f"APP_{variable(tenant)}__{name}" if tenant else f"APP_{name}": value for (tenant, name), value in kept.items()
    }
    return EnvironmentSecrets("APP_", variables)


def in_files(folder: Path) -> Keep:
    async def keep(kept: Values) -> SecretSource:
        for (tenant, name), value in kept.items():
            path = folder / tenant / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{value}\n" if value else "")
            path.chmod(0o440)
        return FileSecrets(folder)

    return keep


def in_a_keyring(service: str) -> Keep:
    async def keep(kept: Values) -> SecretSource:
        for (tenant, name), value in kept.items():
            keyring.set_password(service, f"{tenant}/{name}" if tenant else name, value)
        return KeyringSecrets(service)

    return keep


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("source", ["environment", "files", "keyring"])
async def test_a_source_of_secrets(source: str, check: Check, tmp_path: Path, ring: Ring) -> None:
    keeps = {"environment": in_the_environment, "files": in_files(tmp_path), "keyring": in_a_keyring("app")}
    await check(keeps[source])
