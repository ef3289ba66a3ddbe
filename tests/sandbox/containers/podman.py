"""An engine for the tests: podman's API over a socket of its own, with an image made of this machine's Python."""

import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

IMAGE = "localhost/remit-test:1"
_HIDDEN = {"test", "idlelib", "ensurepip", "site-packages", "dist-packages", "tkinter", "lib2to3"}
_LIMITS = ("--ulimit", "nofile=256:256", "--ulimit", "nproc=1000:1000")


def _libraries(file: Path) -> set[str]:
    said = subprocess.run(["ldd", str(file)], capture_output=True, text=True, check=False).stdout
    return set(re.findall(r"(/\S+) \(0x", said))


def _kept(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if _HIDDEN & set(member.name.split("/")) or "/config-" in member.name:
        return None
    member.uid = member.gid = 0
    return member


def _image(path: Path) -> None:
    """Write the files of an image: the interpreter, its library and what they load."""
    python, library = Path(sys.executable).resolve(), Path(sysconfig.get_paths()["stdlib"])
    needed = _libraries(python)
    for module in (library / "lib-dynload").glob("*.so"):
        needed |= _libraries(module)
    with tarfile.open(path, "w") as image:
        for name in sorted(needed):
            image.add(Path(name).resolve(), name)
        image.add(library, filter=_kept)
        image.add(python)
        link = tarfile.TarInfo("usr/bin/python3")
        link.type, link.linkname = tarfile.SYMTYPE, str(python)
        image.addfile(link)
        # The folders above must let anybody through.
        for above in sorted({*python.parents, *library.parents} - {Path("/")}):
            folder = tarfile.TarInfo(str(above).lstrip("/"))
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            image.addfile(folder)


class Podman:
    """Podman with a store of its own."""

    def __init__(self, place: Path, runtime: str) -> None:
        """Keep everything in a folder."""
        self.socket = place / "api.sock"
        self._place = place
        config = place / "containers.conf"
        config.write_text('[engine]\nlock_type = "file"\nevents_logger = "none"\n')
        self.environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "CONTAINERS_CONF": str(config), "HOME": str(place)}
        self.command = [
            *("podman", "--root", str(place / "root"), "--runroot", str(place / "run"), "--tmpdir", str(place / "tmp")),
            *("--storage-driver", "overlay", "--cgroup-manager", "cgroupfs", "--runtime", runtime),
        ]

    def call(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of podman's."""
        return subprocess.run(
            [*self.command, *arguments], env=self.environment, capture_output=True, text=True, check=False, timeout=90
        )

    def trial(self) -> str:
        """Start a container; say why that did not work, or nothing."""
        code = ["/usr/bin/python3", "-I", "-S", "-c", "print(6 * 7)"]
        run = self.call("run", "--rm", "--network", "none", *_LIMITS, IMAGE, *code)
        return "" if run.stdout.strip() == "42" else run.stderr.strip()[-300:] or f"it says {run.stdout!r}"

    @contextmanager
    def serving(self) -> Generator[None]:
        """Serve the API."""
        command = [*self.command, "system", "service", "--time=0", f"unix://{self.socket}"]
        with (self._place / "log").open("wb") as log:
            service = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        try:
            end = time.monotonic() + 20
            while not self.socket.is_socket():
                if service.poll() is not None or time.monotonic() > end:
                    raise RuntimeError((self._place / "log").read_text()[-500:])
                time.sleep(0.02)
            yield
        finally:
            service.terminate()
            service.wait()

    def remove(self) -> None:
        """Leave nothing."""
        self.call("rm", "--all", "--force", "--time", "0")
        self.call("volume", "rm", "--all", "--force")
        command = ["umount", str(self._place / "root/overlay")]
        # Podman may have mounted it more than once.
        while subprocess.run(command, capture_output=True, check=False).returncode == 0:
            continue


@contextmanager
def engine() -> Generator[Podman | str]:
    """Give an engine that serves, or the reason why there is none."""
    if shutil.which("podman") is None:
        yield "podman is not installed: apt install podman runc crun"
        return
    with tempfile.TemporaryDirectory(prefix="podman-", ignore_cleanup_errors=True) as folder:
        tar = Path(folder) / "image.tar"
        _image(tar)
        why = "neither runc nor crun is installed"
        for name in ("crun", "runc"):
            runtime = shutil.which(name) or shutil.which(name, path="/usr/sbin")
            if runtime is None:
                continue
            place = Path(folder) / Path(runtime).name
            place.mkdir()
            podman = Podman(place, runtime)
            try:
                loaded = podman.call("import", str(tar), IMAGE)
                why = podman.trial() if loaded.returncode == 0 else loaded.stderr.strip()[-300:]
                if not why:
                    with podman.serving():
                        yield podman
                    return
            finally:
                podman.remove()
        yield f"podman starts no container here: {why}"
