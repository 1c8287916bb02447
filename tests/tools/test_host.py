"""Host tools look at real processes, sockets and files."""

import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from naryad.errors import ToolFailed
from naryad.tooling import Risk
from tests.tools.conftest import CallTool
from tools.command_line import masked_command
from tools.host.tools import HostTools


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "open").mkdir()
    return tmp_path / "open"


@pytest.fixture
def host(root: Path) -> HostTools:
    return HostTools([root])


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A real process whose command line holds a password."""
    script = "import time; time.sleep(60)"
    process = subprocess.Popen(
        [sys.executable, "-c", script, "naryad-sleeper", "--password", "hunter2", "--token=abcdef"]
    )
    yield process
    process.kill()
    process.wait()


def test_every_host_tool_only_looks(host: HostTools) -> None:
    """No host tool is declared with an effect."""
    assert {tool.card.risk for tool in host.tools()} == {Risk.READ}


async def test_figures_of_the_machine_are_plausible(call: CallTool, host: HostTools) -> None:
    """CPU, memory and disk figures fit together."""
    cpu = await call(host, "host_cpu")
    memory = await call(host, "host_memory")
    disk = await call(host, "host_disk")
    assert cpu["cores"] >= 1
    assert 0 <= cpu["percent"] <= 100
    assert set(cpu) == {"percent", "load1", "load5", "load15", "cores"}
    assert 0 < memory["used_mb"] < memory["total_mb"]
    assert 0 < disk["free_mb"] <= disk["total_mb"]
    assert disk["path"] == "/"


async def test_a_missing_disk_path_is_a_failure(call: CallTool, host: HostTools) -> None:
    """The system's own reason is told."""
    with pytest.raises(ToolFailed, match="No such file"):
        await call(host, "host_disk", path="/no/such/place")


async def test_directory_counts_blocks_and_ages(call: CallTool, host: HostTools, root: Path) -> None:
    """A folder's size is what it takes on disk, its largest files come first."""
    (root / "sub").mkdir()
    (root / "sub/big").write_bytes(b"x" * 3_000_000)
    (root / "small").write_bytes(b"x" * 1_000)
    with (root / "sparse").open("wb") as sparse:
        sparse.truncate(500_000_000)
    hour_ago = time.time() - 3600
    os.utime(root / "sub/big", (hour_ago, hour_ago))
    found = await call(host, "host_directory", path=str(root))
    assert found["files"] == 3
    assert 2.8 < found["used_mb"] < 4
    assert found["largest"][0]["path"] == str(root / "sub/big")
    assert 3590 < found["largest"][0]["age_s"] < 7200


def test_what_we_were_asked_about_is_not_found_in_our_own_command_line(tmp_path: Path) -> None:
    """The words of `naryad run ops "unheard-of is down"`, and of its shell, prove no process alive."""
    script = tmp_path / "script.py"
    script.write_text("from tools.host.client import *; print(HostClient([]).processes('unheard-of', 5)['count'])")
    command = f"cd {Path.cwd()}; {sys.executable} {script} 'unheard-of is down'; true"
    found = {"PYTHONPATH": str(Path(__file__).parents[2])}
    said = subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=os.environ | found, check=True)
    assert said.stdout.strip() == "0"


async def test_processes_are_found_with_their_secrets_masked(
    call: CallTool, host: HostTools, sleeper: subprocess.Popen[bytes]
) -> None:
    """A real process is found by its command line, and no secret of it is shown."""
    found = await call(host, "host_processes", match="naryad-sleeper")
    assert [row["pid"] for row in found["processes"]] == [sleeper.pid]
    (row,) = found["processes"]
    assert "hunter2" not in row["cmdline"]
    assert "abcdef" not in row["cmdline"]
    assert row["rss_mb"] > 0
    assert (await call(host, "host_processes", match="hunter2"))["count"] == 0


async def test_the_process_list_is_limited_but_counted(call: CallTool, host: HostTools) -> None:
    """`count` says how many there are beyond the limit."""
    found = await call(host, "host_processes", limit=1)
    assert len(found["processes"]) == 1
    assert found["count"] > 1
    with pytest.raises(ValidationError):
        await call(host, "host_processes", limit="3")


@pytest.mark.parametrize(
    ("arguments", "secret"),
    [
        (["app", "--db-password", "hunter2"], "hunter2"),
        (["app", "--api-key=hunter2"], "hunter2"),
        (["mysql", "-phunter2"], "hunter2"),
        (["/usr/bin/redis-cli", "-a", "hunter2"], "hunter2"),
        (["curl", "-u", "me:hunter2", "http://x"], "hunter2"),
        (["app", "postgresql://me:hunter2@db/x"], "hunter2"),
        (["env", "SECRET_TOKEN=hunter2", "app"], "hunter2"),
        (["curl", "-H", "Authorization: Bearer hunter2hunter2"], "hunter2"),
    ],
)
def test_a_command_line_hides_secrets(arguments: list[str], secret: str) -> None:
    """Every usual spelling of a secret on a command line is masked."""
    assert secret not in masked_command(arguments)
    assert masked_command(arguments).startswith(arguments[0])


async def test_a_listening_port_names_its_process(call: CallTool, host: HostTools) -> None:
    """A real listening socket is found with this process as its owner; a closed one is not."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = (await call(host, "host_ports", port=port))["listeners"]
        assert [(row["address"], row["port"], row["pid"]) for row in found] == [("127.0.0.1", port, os.getpid())]
        assert found[0]["process"]
    assert (await call(host, "host_ports", port=port))["listeners"] == []


async def test_file_tells_mode_and_owner(call: CallTool, host: HostTools, root: Path) -> None:
    """The permissions are told as people write them."""
    path = root / "app.conf"
    path.write_text("x")
    path.chmod(0o640)
    found = await call(host, "host_file", path=str(path))
    assert (found["exists"], found["kind"], found["mode"], found["size"]) == (True, "file", "0640", 1)
    assert found["owner"] == path.owner()
    gone = await call(host, "host_file", path=str(root / "gone"))
    assert gone["exists"] is False
    assert gone["mode"] is None


@pytest.mark.parametrize("tool", ["host_log_tail", "host_file", "host_directory"])
@pytest.mark.parametrize("way", ["absolute", "dots", "symlink", "folder link", "relative", "nul", "prefix"])
async def test_nothing_outside_the_roots_is_read(
    call: CallTool, host: HostTools, root: Path, tool: str, way: str
) -> None:
    """No spelling of a path leaves the allowed folders."""
    (root.parent / "secret").write_text("hunter2")
    (root.parent / "open-not").mkdir()
    (root.parent / "open-not/secret").write_text("hunter2")
    (root / "link").symlink_to(root.parent / "secret")
    (root / "folder").symlink_to(root.parent)
    path = {
        "absolute": "/etc/passwd",
        "dots": f"{root}/../secret",
        "symlink": f"{root}/link",
        "folder link": f"{root}/folder/secret",
        "relative": "secret",
        "nul": f"{root}/a\0b",
        "prefix": f"{root}-not/secret",
    }[way]
    with pytest.raises(ToolFailed) as caught:
        await call(host, tool, path=path)
    assert "hunter2" not in caught.value.message


async def test_log_tail_reads_only_the_end_of_a_huge_file(call: CallTool, host: HostTools, root: Path) -> None:
    """A sparse file of four gigabytes answers with its last lines and says that it was cut."""
    log = root / "huge.log"
    with log.open("wb") as file:
        file.seek(4 * 1024**3)
        file.write(b"\n" + b"".join(b"line %d\n" % number for number in range(1000)))
    found = await call(host, "host_log_tail", path=str(log), lines=3)
    assert found["lines"] == ["line 997", "line 998", "line 999"]
    assert found["truncated"] is True
    assert found["total_lines_read"] == 3


async def test_log_tail_filters_masks_and_survives_any_bytes(call: CallTool, host: HostTools, root: Path) -> None:
    """Matching lines come in order, secrets masked, wrong bytes replaced; no match reads no secret."""
    log = root / "app.log"
    log.write_bytes(
        b"ERROR first\r\n\n" + "Ошибка cp1251\n".encode("cp1251") + b"ok\nerror password=hunter2 \x00\xff end"
    )
    found = await call(host, "host_log_tail", path=str(log), match="error")
    assert found["lines"][0] == "ERROR first"
    assert len(found["lines"]) == 2
    assert "hunter2" not in found["lines"][1]
    assert found["lines"][1].endswith("end")
    assert found["total_lines_read"] == 4
    assert found["truncated"] is False
    assert (await call(host, "host_log_tail", path=str(log), match="hunter"))["lines"] == []


async def test_lines_that_cross_blocks_stay_whole(call: CallTool, host: HostTools, root: Path) -> None:
    """Lines around a block's edge are neither lost nor doubled."""
    log = root / "app.log"
    expected = [f"{number}:" + "x" * (number % 1500) for number in range(600)]
    log.write_text("\n".join(expected))
    found = await call(host, "host_log_tail", path=str(log), lines=2000)
    assert found["lines"] == expected
    assert found["truncated"] is False


async def test_a_line_without_end_is_cut(call: CallTool, host: HostTools, root: Path) -> None:
    """Megabytes without a line break neither fill memory nor the answer."""
    log = root / "one.log"
    log.write_bytes(b"x" * 5_000_000)
    found = await call(host, "host_log_tail", path=str(log))
    assert [len(line) for line in found["lines"]] == [2000]


async def test_an_absent_log_names_its_rotated_neighbours(call: CallTool, host: HostTools, root: Path) -> None:
    """After a rotation the failure says what there is instead."""
    (root / "app.log.1").write_text("old")
    with pytest.raises(ToolFailed, match=r"no file .*app\.log\.1"):
        await call(host, "host_log_tail", path=str(root / "app.log"))


@pytest.mark.parametrize("kind", ["gzip", "fifo", "folder"])
async def test_log_tail_refuses_what_is_no_text_log(call: CallTool, host: HostTools, root: Path, kind: str) -> None:
    """A compressed file, a pipe nobody writes to and a folder fail at once."""
    path = root / "odd"
    if kind == "gzip":
        path.write_bytes(b"\x1f\x8b\x08" + b"\0" * 20)
    elif kind == "fifo":
        os.mkfifo(path)
        assert stat.S_ISFIFO(path.stat().st_mode)
    else:
        path.mkdir()
    with pytest.raises(ToolFailed):
        await call(host, "host_log_tail", path=str(path))
