"""Rules: recording and alert rules for Prometheus and a dashboard for Grafana, as files that come with Remit."""

from pathlib import Path

FOLDER = Path(__file__).parent
"""Where they are."""
FILES: tuple[str, ...] = ("recording.yml", "alerts.yml", "dashboard.json")


def copy(folder: Path) -> list[Path]:
    """Write them into a folder, over what is there, and say which files they are."""
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / f"remit-{name}" for name in FILES]
    for name, path in zip(FILES, written, strict=True):
        path.write_bytes((FOLDER / name).read_bytes())
    return written
