"""The API's own description holds: a third-party client takes it at its word."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator

from naryad.auth import Role
from naryad.settings import Settings
from server import stream
from server.app import create
from server.examples import EXAMPLES
from tests.server.chatting import listening
from tests.server.conftest import Signed
from tests.server.permissions import TABLE

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
ENDS_THE_SESSION = ["/api/v1/auth/sign-out", "/api/v1/account/devices", "/api/v1/account/devices/{device_id}"]


@pytest.mark.slow
@pytest.mark.timeout(1000)
async def test_every_answer_is_a_documented_one(
    app: FastAPI, sign_in: Signed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, thorough: bool
) -> None:
    """Whatever is sent to whatever route: no 5xx, no status and no body that the document does not name."""
    monkeypatch.setattr(stream, "LONGEST_S", 1.0)  # a client that hears nothing new would wait for its timeout
    caller = await sign_in(Role.ADMIN)
    app.openapi()  # it takes a while once, and the client has little patience
    async with listening(app) as url:
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", "--checks", CHECKS]
        command += ["--header", f"Authorization: Bearer {caller.token}", "--phases", "examples,coverage,fuzzing"]
        command += [
            "--max-examples",
            "20" if thorough else "3",
            "--seed",
            "1",
            "--continue-on-failure",
            "--suppress-health-check",
            "all",
        ]
        command += ["--no-color", "--request-timeout", "60", "--generation-database", "none"]
        for path in ENDS_THE_SESSION:
            command += ["--exclude-path", path]
        done = await asyncio.to_thread(
            subprocess.run, command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=900
        )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_every_operation_says_what_it_does_and_whom_it_lets_in(settings: Settings) -> None:
    """A summary in words, not a function's name; and a scheme of security where a token is wanted."""
    document = create(settings).openapi()
    ways = {f"{way.upper()} {path}": told for path, of in document["paths"].items() for way, told in of.items()}
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    public = {way for area in TABLE.values() for way, least in area.items() if least == "public"}
    for way, told in ways.items():
        assert told["description"].startswith(told["summary"]), way
        assert ("security" in told) is (way not in public), way


def test_every_request_has_an_example_that_fits(settings: Settings) -> None:
    """Whoever reads the description can copy it; nothing is an example of what is not there."""
    document = create(settings).openapi()
    ways = [way for path in document["paths"].values() for way in path.values() if "requestBody" in way]
    contents = [content for way in ways for content in way["requestBody"]["content"].values()]
    names = {content["schema"].get("$ref", "").split("/")[-1] for content in contents}
    assert names - {""} == set(EXAMPLES)
    for name, example in EXAMPLES.items():
        Draft202012Validator({"$ref": f"#/components/schemas/{name}", **document}).validate(example)
