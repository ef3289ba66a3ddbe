"""Files of a box: in memory, bounded, and of the host only what is mounted."""

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sandbox.wasm.places import PATIENT, opened, refuse, tried

from remit.core.errors import ConfigError
from remit.sandbox import Bounds, Mount, Result
from remit.sandbox.wasm.files import Content, Files, Folder, RefusedError

SMALL = Bounds(disk=1000, files=5)

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "write", "resize", "remove", "move", "folder"]),
        st.sampled_from(["a", "b", "c", "d/e", "d/f"]),
        st.sampled_from(["a", "b", "d", "d/e"]),
        st.integers(0, 700),
    ),
    max_size=30,
)


def stepped(files: Files, step: tuple[str, str, str, int]) -> None:
    """Do one thing to files."""
    do, path, other, count = step
    place = files.place(files.scratch, path)
    match do:
        case "put":
            files.put(path, b"x" * count)
        case "folder":
            files.make(*place, Folder(writable=True))
        case "remove":
            files.remove(*place)
        case "move":
            files.move(place, files.place(files.scratch, other))
        case _:
            node = files.find(files.scratch, path)
            assert isinstance(node, Content | Folder)
            if isinstance(node, Content):
                if do == "write":
                    files.write(node, count, b"yy")
                else:
                    files.resize(node, count)


@given(STEPS)
def test_what_no_file_takes_up_is_free_and_no_more(steps: list[tuple[str, str, str, int]]) -> None:
    files = Files(SMALL, ())
    for step in steps:
        with contextlib.suppress(RefusedError):
            stepped(files, step)
    taken = sum(files.listing().values())
    assert taken <= 1000
    names = list(files.listing())
    if not names:
        return
    node = files.find(files.scratch, names[0])
    assert isinstance(node, Content)
    with pytest.raises(RefusedError, match="insufficient-space"):
        files.resize(node, len(node.data) + 1000 - taken + 1)
    files.resize(node, len(node.data) + 1000 - taken)


def test_a_file_without_a_name_takes_room_until_it_is_let_go() -> None:
    files = Files(SMALL, ())
    files.put("a", b"x" * 900)
    node = files.find(files.scratch, "a")
    assert isinstance(node, Content)
    node.holders += 1
    files.remove(files.scratch, "a")
    with pytest.raises(RefusedError, match="insufficient-space"):
        files.put("b", b"x" * 200)
    files.release(node)
    files.put("b", b"x" * 200)


def test_a_folder_is_not_moved_into_itself() -> None:
    files = Files(SMALL, ())
    files.put("a/b", b"")
    with pytest.raises(RefusedError, match="invalid"):
        files.move((files.scratch, "a"), files.place(files.scratch, "a/c"))


WHOLE = """
import os, pathlib, shutil, tempfile, zipfile, sqlite3
with open('a.txt', 'w') as file:
    file.write('one\\ntwo\\n')
with open('a.txt', 'a') as file:
    file.write('three\\n')
with open('a.txt', 'r+b') as file:
    file.seek(4); file.write(b'TWO'); file.seek(0, 2); end = file.tell(); file.truncate(10)
os.makedirs('b/c')
shutil.copy('a.txt', 'b/c/copy.txt')
os.rename('b/c/copy.txt', 'b/moved.txt')
os.replace('a.txt', 'b/a.txt')
os.rmdir('b/c')
with zipfile.ZipFile('z.zip', 'w') as archive:
    archive.write('b/a.txt')
with zipfile.ZipFile('z.zip') as archive:
    unpacked = archive.read('b/a.txt').decode()
with tempfile.TemporaryDirectory() as folder:
    inside = folder.startswith('/scratch/')
    pathlib.Path(folder, 'x').write_bytes(bytes(70_000))
    size = os.stat(os.path.join(folder, 'x')).st_size
database = sqlite3.connect('/scratch/data.db')
database.execute('create table t (n)'); database.executemany('insert into t values (?)', [(n,) for n in range(9)])
database.commit(); total = database.execute('select sum(n) from t').fetchone()[0]; database.close()
found = sorted(str(path) for path in pathlib.Path('.').rglob('*'))
[end, open('b/a.txt').read(), unpacked, inside, size, total, found, os.path.samefile('b/a.txt', '/scratch/b/a.txt')]
"""


@PATIENT
@pytest.mark.usefixtures("interpreter")
async def test_programs_use_files_as_ever() -> None:
    result = await tried(WHOLE)
    text = "one\nTWO\nth"
    found = ["b", "b/a.txt", "b/moved.txt", "data.db", "z.zip"]
    assert result.value == [14, text, text, True, 70_000, 36, found, True], result


@PATIENT
@pytest.mark.usefixtures("interpreter")
async def test_files_stay_in_their_box_from_program_to_program_and_go_in_and_out() -> None:
    async with opened() as box:
        await box.put("in/a", bytes(range(256)) * 1000)
        code = "data = open('/scratch/in/a', 'rb').read()\nopen('/scratch/b', 'wb').write(data[::-1])"
        assert (await box.run(code, inputs={}, tools={}, bridge=refuse)).value == 256_000
        assert await box.files() == {"b": 256_000, "in/a": 256_000}
        assert await box.get("b") == (bytes(range(256)) * 1000)[::-1]
        for path in ("../a", "/etc/passwd", "", "absent", "in"):
            with pytest.raises(ConfigError, match="cannot be read"):
                await box.get(path)
        for path in ("../a", "/a", "", "in", "b/c", "x" * 300):
            with pytest.raises(ConfigError, match="cannot be written"):
                await box.put(path, b"")
    async with opened() as box:
        assert await box.files() == {}


REFUSED = {
    "open('/etc/passwd')": "FileNotFoundError",
    "open('/data/x', 'w')": "OSError: [Errno 69]",
    "open('/new', 'w')": "OSError: [Errno 69]",
    "open('/scratch/../../../../etc/passwd')": "Error",
    "import os\nos.symlink('/etc', '/scratch/l')": "PermissionError",
    "import os\nopen('/scratch/f', 'w')\nos.link('/scratch/f', '/scratch/g')": "PermissionError",
    "import os\nos.rmdir('/scratch')": "OSError",
    "import os\nos.rename('/scratch', '/other')": "OSError",
    "import os\nos.mkdir('/scratch/d')\nopen('/scratch/d')": "IsADirectoryError",
    "import os\nos.mkdir('/scratch/d')\nopen('/scratch/d/x', 'w')\nos.rmdir('/scratch/d')": "OSError",
    "open('/scratch/' + 'x' * 300, 'w')": "OSError",
    "open('/scratch/' + './' * 100_000)": "OSError",
    "import os\nfd = os.open('/scratch/x', os.O_RDWR | os.O_CREAT)\nos.pwrite(fd, bytes(2_000), 0)": "OSError",
    "open('/scratch/x', 'x')\nopen('/scratch/x', 'x')": "FileExistsError",
    "open('/scratch/big', 'wb', buffering=0).write(bytes(2000))": "OSError",
    "f = open('/scratch/big', 'wb')\nf.truncate(10 ** 15)": "OSError",
    "f = open('/scratch/big', 'wb')\nf.seek(10 ** 15)\nf.write(b'x')\nf.flush()": "OSError",
    "for n in range(9):\n    open(f'/scratch/{n}', 'w')": "Quota exceeded",
    "import os\nfor n in range(9):\n    os.mkdir(f'/scratch/{n}')": "Quota exceeded",
    "open('/scratch/a', 'w')\nkept = [open('/scratch/a') for _ in range(5000)]": "OSError",
}


@PATIENT
@pytest.mark.usefixtures("interpreter")
@pytest.mark.parametrize("code", REFUSED)
async def test_what_a_program_may_not_do_is_an_error_of_its_own(code: str) -> None:
    bounds = Bounds(wall=20.0, cpu=20.0, disk=1000, files=5)
    async with opened(bounds) as box:
        result = await box.run(code, inputs={}, tools={}, bridge=refuse)
        assert (result.status, REFUSED[code] in result.error) == ("error", True), result
        assert sum((await box.files()).values()) <= 1000
        again = await box.run("open('/scratch/ok', 'w').write('x')", inputs={}, tools={}, bridge=refuse)
        assert again.value == 1 or len(await box.files()) == 5 or "Quota" in again.error, again


@PATIENT
@pytest.mark.usefixtures("interpreter")
async def test_more_than_the_host_takes_at_once_ends_the_program() -> None:
    code = "import os\nfd = os.open('/scratch/x', os.O_RDWR | os.O_CREAT)\nos.pwrite(fd, bytes(50_000_000), 0)"
    result = await tried(code, Bounds(memory=200_000_000))
    assert (result.status, "too much data" in result.why) == ("killed", True), result


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A folder with a way out of every kind, beside a secret."""
    (tmp_path / "secret").write_text("TOKEN")
    inside = tmp_path / "inside"
    (inside / "deeper").mkdir(parents=True)
    (inside / "a.csv").write_text("n,m\n1,2\n")
    (inside / "deeper" / "b.txt").write_text("deep")
    (inside / "out").symlink_to(tmp_path / "secret")
    (inside / "folder").symlink_to(tmp_path)
    (inside / "same").symlink_to("a.csv")
    os.mkfifo(inside / "pipe")
    return tmp_path


async def mounted(code: str, *mounts: Mount) -> Result:
    """Run a program over mounts."""
    async with opened(mounts=mounts) as box:
        return await box.run(code, inputs={}, tools={}, bridge=refuse)


@PATIENT
@pytest.mark.usefixtures("interpreter")
async def test_mounts_are_read_and_nothing_beside_them(world: Path) -> None:
    folder = Mount(source=str(world / "inside"), target="/data/all")
    file = Mount(source=str(world / "secret"), target="/data/one/file.txt")
    code = (
        "import csv, os\n[list(csv.reader(open('/data/all/a.csv'))), open('/data/all/deeper/b.txt').read(), "
        "open('/data/all/same').read(), open('/data/one/file.txt').read(), "
        "os.listdir('/data/all'), os.listdir('/data')]"
    )
    result = await mounted(code, folder, file)
    names = ["a.csv", "deeper", "same"]
    assert result.value == [[["n", "m"], ["1", "2"]], "deep", "n,m\n1,2\n", "TOKEN", names, ["all", "one"]], result
    for code in (
        "open('/data/all/out').read()",
        "open('/data/all/folder/secret').read()",
        "open('/data/all/../../../secret').read()",
    ):
        result = await mounted(code, folder)
        assert (result.status, "TOKEN" in repr(result)) == ("error", False), result
    for code in (
        "open('/data/all/a.csv', 'a')",
        "import os\nos.unlink('/data/all/a.csv')",
        "open('/data/all/new', 'w')",
    ):
        assert (await mounted(code, folder)).status == "error", code
    assert (world / "inside" / "a.csv").read_text() == "n,m\n1,2\n"


@PATIENT
@pytest.mark.usefixtures("interpreter")
async def test_a_file_that_is_taken_away_meanwhile_is_an_error_of_the_program(world: Path) -> None:
    async with opened(mounts=(Mount(source=str(world / "inside"), target="/data/all"),)) as box:
        (world / "inside" / "a.csv").unlink()
        (world / "inside" / "a.csv").symlink_to(world / "secret")
        result = await box.run("open('/data/all/a.csv').read()", inputs={}, tools={}, bridge=refuse)
    assert (result.status, "TOKEN" in repr(result)) == ("error", False), result


@pytest.mark.parametrize("target", ["/scratch/x", "/data", "/data/../x", "data/x", "/etc/passwd"])
def test_a_mount_goes_below_data(target: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="below /data"):
        Files(SMALL, (Mount(source=str(tmp_path), target=target),))


def test_a_mount_of_nothing_or_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="there is no file"):
        Files(SMALL, (Mount(source=str(tmp_path / "absent"), target="/data/x"),))
    file = Mount(source=str(tmp_path / "file"), target="/data/x")
    with pytest.raises(ConfigError, match="below a file"):
        Files(SMALL, (file, Mount(source=str(tmp_path), target="/data/x/y")))
