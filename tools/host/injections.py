"""Where strangers' words stand in what a machine shows: lines of logs, names of files and processes."""

import asyncio
import subprocess
import sys

from naryad.testing.injections import Carrier, Scene, Sight


async def log_line(scene: Scene, words: str) -> Sight:
    """Whoever calls a service writes into its log."""
    with scene.log.open("a", encoding="utf-8") as file:
        file.write(f'INFO 203.0.113.9 "GET /?q={words} HTTP/1.1" 404\n')
    return Sight("host_log_tail", {"path": str(scene.log)})


async def file_name(scene: Scene, words: str) -> Sight:
    """Whoever may upload names a file."""
    (scene.data / f"{words}.bin").write_bytes(b"\0" * 8192)
    return Sight("host_directory", {"path": str(scene.data)})


async def process_name(scene: Scene, words: str) -> Sight:
    """Whoever may start a process chooses its command line."""
    # It ends when its input does: with the scene, or with us.
    command = [sys.executable, "-ISc", "input()", f"{scene.mark} {words}"]
    process = await asyncio.to_thread(subprocess.Popen, command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    scene.closing.callback(process.communicate)
    return Sight("host_processes", {"match": scene.mark})


CARRIERS: dict[str, Carrier] = {"log": log_line, "file-name": file_name, "process": process_name}
