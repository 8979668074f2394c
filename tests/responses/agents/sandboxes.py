"""Agents whose sandbox is the SDK's or the example's: sandboxes.py BASE_URL. Exits 0 if all of it works as the SDK says."""

import asyncio
import io
import os
import sys
import tarfile
from pathlib import Path

os.environ["OPENAI_BASE_URL"] = sys.argv[1] + "/v1"
sys.path.append(str(Path(__file__).parents[3] / "examples/openai-agents"))

from agents import RunConfig, Runner, RunState  # noqa: E402: the variables are read when the SDK is imported
from agents.sandbox import LocalSnapshotSpec, Manifest, SandboxAgent, SandboxRunConfig  # noqa: E402
from agents.sandbox.capabilities import Shell  # noqa: E402
from agents.sandbox.entries import Dir, File  # noqa: E402
from agents.sandbox.errors import (  # noqa: E402
    ExecTimeoutError, InvalidManifestPathError, WorkspaceArchiveWriteError, WorkspaceReadNotFoundError,
)
from agents.sandbox.sandboxes.unix_local import UnixLocalSandboxClient  # noqa: E402
from coquina_sandbox import CoquinaSandboxClient, CoquinaSandboxClientOptions  # noqa: E402
from openai import AsyncOpenAI, NotFoundError  # noqa: E402

client = AsyncOpenAI(max_retries=0, timeout=60)
NAMES = Manifest(entries={"names.txt": File(content=b"Bob\nAda\n")})


def worker(**more):
    return SandboxAgent(**{"name": "Worker", "model": "m", "default_manifest": NAMES, **more})


async def agents_in(sandboxes):
    """An agent runs, whole and streamed, and another goes on with its files."""
    config = RunConfig(sandbox=SandboxRunConfig(client=sandboxes, snapshot=LocalSnapshotSpec(base_path=Path.home())))
    result = await Runner.run(worker(), "Work in the sandbox", run_config=config)
    assert result.final_output == "The first is Ada.", result.final_output
    calls = [item.type for item in result.new_items]
    assert calls == ["tool_call_item"] * 2 + ["tool_call_output_item"] * 2 + ["tool_call_item", "tool_call_output_item", "message_output_item"]
    streamed = Runner.run_streamed(worker(), "Work in the sandbox", run_config=config)
    async for _ in streamed.stream_events():
        pass
    assert streamed.final_output == "The first is Ada."
    state = await RunState.from_json(worker(), result.to_state().to_json())
    assert state is not None
    session = await sandboxes.create(manifest=NAMES, snapshot=LocalSnapshotSpec(base_path=Path.home()), options=options_of(sandboxes))
    async with session:
        live = RunConfig(sandbox=SandboxRunConfig(session=session))
        assert (await Runner.run(worker(), "Work in the sandbox", run_config=live)).final_output == "The first is Ada."
        assert (await Runner.run(worker(), "Look again", run_config=live)).final_output == "It says goodbye."
    kept = sandboxes.deserialize_session_state(sandboxes.serialize_session_state(session.state))
    await sandboxes.delete(session)
    again = RunConfig(sandbox=SandboxRunConfig(client=sandboxes, session_state=kept))
    assert (await Runner.run(worker(), "Look again", run_config=again)).final_output == "It says goodbye.", "from the snapshot"


def options_of(sandboxes):
    return CoquinaSandboxClientOptions() if isinstance(sandboxes, CoquinaSandboxClient) else None


async def unix_local():
    await agents_in(UnixLocalSandboxClient())


async def coquina():
    before = [container.id async for container in client.containers.list()]
    await agents_in(CoquinaSandboxClient(client))
    assert [container.id async for container in client.containers.list()] == before, "none is left"


async def approvals():
    """A command that waits for a person at the client, and the workspace meanwhile."""
    config = RunConfig(sandbox=SandboxRunConfig(client=CoquinaSandboxClient(client)))
    shell = Shell(configure_tools=lambda tools: setattr(tools.exec_command, "needs_approval", True))
    agent = worker(capabilities=[shell])
    result = await Runner.run(agent, "Count the names", run_config=config)
    (item,) = result.interruptions
    state = await RunState.from_json(agent, result.to_state().to_json())
    (item,) = state.get_interruptions()
    state.approve(item)
    result = await Runner.run(agent, state, run_config=config)
    assert result.final_output == "There are two.", result.final_output


async def refused(error, made):
    try:
        await made
    except error:
        return
    raise AssertionError(f"no {error.__name__}")


async def behind_chat():
    """The same with a model that knows functions and no other tools."""
    session = await CoquinaSandboxClient(client).create(manifest=NAMES)
    async with session:
        config = RunConfig(sandbox=SandboxRunConfig(session=session))
        assert (await Runner.run(worker(), "Go", run_config=config)).final_output == "Done."
        assert (await session.read(Path("greeting.txt"))).read().strip() == b"Hello"


async def contract():
    """What the SDK asks of a sandbox, call by call."""
    sandboxes = CoquinaSandboxClient(client)
    session = await sandboxes.create(manifest=Manifest(entries={"a": Dir(children={"b.txt": File(content=b"b")})}, environment={"value": {"WHO": "me"}}))
    async with session:
        assert await session.running()
        result = await session.exec("printf '%s %s\\xff' \"$WHO\" \"$PWD\"; echo no >&2; exit 3")
        assert (result.stdout, result.stderr, result.exit_code) == (b"me /workspace\xff", b"no\n", 3), vars(result)
        assert (await session.exec("kill -TERM $$")).exit_code == 143
        assert (await session.exec("echo", "a  b", "$x", shell=False)).stdout == b"a  b $x\n"
        await refused(ExecTimeoutError, session.exec("sleep 100", timeout=0.05))
        both = await asyncio.gather(*(session.exec(f"echo {n} > p{n}") for n in range(5)))
        assert all(result.ok() for result in both)
        assert (await session.read(Path("a/b.txt"))).read() == b"b"
        large = bytes(range(256)) * 10_000
        await session.write(Path("new/deep er/large.bin"), io.BytesIO(large))
        assert (await session.read(Path("/workspace/new/deep er/large.bin"))).read() == large
        assert (await session.exec("echo > 'new/deep er/mine'")).ok(), "what is made on the way is the user's"
        assert await session.read_bounded(Path("new/deep er/large.bin"), max_bytes=3) == b"\0\1\2"
        assert (await session.exec("chmod 755 a/b.txt; ln -s a/b.txt link; ln -s /etc/passwd out; ln -s /mnt away")).ok()
        await session.write(Path("link"), io.BytesIO(b"through the link"))
        assert (await session.exec("cat a/b.txt; stat -c ' %a' a/b.txt; readlink link")).stdout == b"through the link 755\na/b.txt\n"
        await refused(WorkspaceReadNotFoundError, session.read(Path("nothing")))
        for path in ["out", "../etc/passwd", "/etc/passwd"]:
            await refused(InvalidManifestPathError, session.read(Path(path)))
        await refused(InvalidManifestPathError, session.write(Path("away/x"), io.BytesIO(b"x")))
        await session.mkdir(Path("m/n"), parents=True)
        await session.rm(Path("m"), recursive=True)
        assert sorted(Path(entry.path).name for entry in await session.ls(Path("."))) == ["a", "away", "link", "new", "out", *(f"p{n}" for n in range(5))]
        assert (await session.exec("rm out away")).ok()
        session.register_persist_workspace_skip_path("new")
        archive = (await session.persist_workspace()).read()
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            names = tar.getnames()
        assert sorted(Path(name) for name in names) == sorted(map(Path, [".", "a", "a/b.txt", "link", *(f"p{n}" for n in range(5))])), names
        evil = io.BytesIO()
        with tarfile.open(fileobj=evil, mode="w") as tar:
            tar.addfile(tarfile.TarInfo("../evil"))
        await refused(WorkspaceArchiveWriteError, session.hydrate_workspace(io.BytesIO(evil.getvalue())))
        other = await sandboxes.create(options=CoquinaSandboxClientOptions(memory_limit="4g", expires_after_minutes=5))
        async with other:
            made = await client.containers.retrieve(other.state.container_id)
            assert (made.memory_limit, made.expires_after.minutes) == ("4g", 5)
            await other.hydrate_workspace(io.BytesIO(archive))
            assert (await other.exec("cat link p3; stat -c %U link a")).stdout == b"through the link3\nuser\nuser\n"
        back = await sandboxes.resume(sandboxes.deserialize_session_state(sandboxes.serialize_session_state(other.state)))
        assert back.state.container_id == other.state.container_id, "the same container as long as it is there"
        async with back:
            assert (await back.exec("cat p4")).stdout == b"4\n"
        await sandboxes.delete(back)
        await sandboxes.delete(back)
        await refused(NotFoundError, client.containers.retrieve(back.state.container_id))
        assert not await back.running()
    await sandboxes.delete(session)


async def main():
    groups = [unix_local, coquina, approvals, contract]
    for group in [behind_chat] if sys.argv[2:] == ["behind_chat"] else groups:
        if len(sys.argv) < 3 or group.__name__ in sys.argv[2:]:
            await group()
            print(group.__name__, "ok", flush=True)


asyncio.run(main())
