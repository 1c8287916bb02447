"""Building the index beside the answers: a large base is built by a child process, so that questions do not wait.

`python -m knowledge_base.build` reads pickled passages from stdin and writes the pickled index to stdout.
"""

import asyncio
import os
import pickle
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge_base.chunks import Chunk
from naryad.errors import NaryadError

if TYPE_CHECKING:
    from knowledge_base.shard import Shard

_SMALL = 500
Shards = dict[str, "Shard"]


async def build(chunks: Sequence[Chunk]) -> Shards:
    """One shard a language.

    Raises:
        NaryadError: The child died.
    """
    if len(chunks) <= _SMALL:
        return await asyncio.to_thread(shards, chunks)
    root = str(Path(__file__).parents[1])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "naryad.child", str(os.getpid()), "knowledge_base.build",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    try:
        out, _error = await child.communicate(await asyncio.to_thread(pickle.dumps, list(chunks)))
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode:
        raise NaryadError(f"the index could not be built: its process ended with {child.returncode}")
    built: Shards = await asyncio.to_thread(pickle.loads, out)
    return built


def shards(chunks: Sequence[Chunk]) -> Shards:
    """The same, here and now."""
    from knowledge_base.shard import Shard

    by_language = defaultdict(list)
    for chunk in chunks:
        by_language[chunk.lang].append(chunk)
    return {lang: Shard(passages) for lang, passages in by_language.items()}


if __name__ == "__main__":
    os.nice(10)
    pickle.dump(shards(pickle.load(sys.stdin.buffer)), sys.stdout.buffer)  # noqa: S301  our own parent sends it
