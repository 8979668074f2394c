"""Coquina as a sandbox of the OpenAI Agents SDK: a `SandboxAgent` works in a Coquina container, with whatever model.

The SDK runs the loop; its tools (`exec_command`, `apply_patch`, files, skills, snapshots) come down to commands and tar archives, which are
calls of Coquina's HTTP API here. `main` at the end is an example; README.md beside this file says how to run it.

Not supported: `user=` and users of manifests (a container has one user), mounts, exposed ports, terminals (a command that is not done within
`yield_time_ms` is killed). Of output beyond the container's limit the head and the tail are kept.
"""

import asyncio
import base64
import io
import shlex
import signal
import tarfile
import tempfile
import uuid
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from agents.sandbox import Manifest
from agents.sandbox.errors import (
    ExecTimeoutError, ExecTransportError, WorkspaceArchiveReadError, WorkspaceArchiveWriteError, WorkspaceReadNotFoundError,
)
from agents.sandbox.session import BaseSandboxClient, BaseSandboxClientOptions, BaseSandboxSession, SandboxSession, SandboxSessionState
from agents.sandbox.session.runtime_helpers import RESOLVE_WORKSPACE_PATH_HELPER, RuntimeHelperScript
from agents.sandbox.snapshot import SnapshotBase, SnapshotSpec, resolve_snapshot
from agents.sandbox.types import ExecResult
from agents.sandbox.util.tar_utils import UnsafeTarMemberError, validate_tar_bytes
from openai import APIError, AsyncOpenAI, NotFoundError
from openai._legacy_response import HttpxBinaryResponseContent as Bytes

# Prints where a path leads, and the mode of what is there, if anything is.
LOCATE = 'realpath -m -- "$1" && if [ -e "$1" ]; then stat -L -c %a -- "$1"; fi'
TAR = {"headers": {"content-type": "application/x-tar"}}


class CoquinaSandboxClientOptions(BaseSandboxClientOptions):
    """What a container is to be."""

    type: Literal["coquina"] = "coquina"
    memory_limit: Literal["1g", "4g", "16g", "64g"] = "1g"
    expires_after_minutes: int = 20


class CoquinaSandboxSessionState(SandboxSessionState):
    """What is needed to come back to a container."""

    type: Literal["coquina"] = "coquina"
    container_id: str
    options: CoquinaSandboxClientOptions


class CoquinaSandboxSession(BaseSandboxSession):
    """A container."""

    def __init__(self, state: CoquinaSandboxSessionState, api: AsyncOpenAI) -> None:
        self.state: CoquinaSandboxSessionState = state
        self._api = api

    @property
    def _path(self) -> str:
        return f"/containers/{self.state.container_id}"

    @property
    def _root(self) -> str:
        return self._workspace_root_path().as_posix()

    async def _exec_internal(self, *command: str | Path, timeout: float | None = None) -> ExecResult:
        argv = [str(word) for word in command]
        asked: dict[str, Any] = {"command": shlex.join(argv), "cwd": self._root, "parallel": True}
        asked["env"] = await self.state.manifest.environment.resolve()
        if timeout is not None:
            asked["timeout_ms"] = max(1, round(timeout * 1000))
        try:
            done: Any = await self._api.post(f"{self._path}/exec", cast_to=object, body=asked)
        except APIError as error:
            raise ExecTransportError(command=argv, message=error.message, cause=error) from error
        stdout, stderr = (done[name].encode() for name in ("stdout", "stderr"))
        if done.get("encoding") == "base64":
            stdout, stderr = base64.b64decode(stdout), base64.b64decode(stderr)
        outcome = done["outcome"]
        match outcome["type"]:
            case "exit":
                code = outcome["exit_code"]
            case "signal":
                code = 128 + signal.Signals[f"SIG{outcome['signal']}"]
            case "limit" if outcome["limit"] != "wall_time":
                code = 128 + signal.SIGKILL
                stderr += f"killed: it reached the limit of {outcome['value']} for {outcome['limit']}\n".encode()
            case "limit":
                printed = {"stdout": stdout.decode(errors="replace"), "stderr": stderr.decode(errors="replace")}
                raise ExecTimeoutError(command=argv, timeout_s=timeout, context=printed)
            case other:
                raise ExecTransportError(command=argv, message=f"the command was {other}")
        return ExecResult(stdout=stdout, stderr=stderr, exit_code=code)

    # Files. The SDK's own script says whether a path is within the workspace, links and all.

    def _runtime_helpers(self) -> tuple[RuntimeHelperScript, ...]:
        return (RESOLVE_WORKSPACE_PATH_HELPER,)

    def _current_runtime_helper_cache_key(self) -> object:
        return self.state.container_id

    async def _validate_path_access(self, path: Path | str, *, for_write: bool = False) -> Path:
        return await self._validate_remote_path_access(path, for_write=for_write)

    async def _locate(self, path: Path | str, *, for_write: bool = False) -> tuple[PurePosixPath, int | None]:
        """Where a path of the workspace leads, and the mode of what is there."""
        path = await self._validate_path_access(path, for_write=for_write)
        result = await self._exec_checked_nonzero("bash", "-c", LOCATE, "bash", path.as_posix())
        real, *mode = result.stdout.decode().removesuffix("\n").rsplit("\n", 1)
        return PurePosixPath(real), int(mode[0], 8) if mode else None

    async def _export(self, path: str) -> io.BytesIO:
        options: Any = {"params": {"path": path}}
        return io.BytesIO((await self._api.get(f"{self._path}/archive", cast_to=Bytes, options=options)).content)

    async def _import(self, path: str, archive: bytes) -> None:
        options: Any = {"params": {"path": path}, **TAR}
        await self._api.post(f"{self._path}/archive", cast_to=object, content=archive, options=options)

    async def read(self, path: Path | str, *, user: Any = None) -> io.IOBase:
        real, mode = await self._locate(path)
        if mode is None:
            raise WorkspaceReadNotFoundError(path=Path(path))
        try:
            with tarfile.open(fileobj=await self._export(str(real))) as tar:
                file = tar.extractfile(tar.next())
                if file is None:
                    raise WorkspaceArchiveReadError(path=Path(path), context={"reason": "it is not a file"})
                return io.BytesIO(file.read())
        except NotFoundError as error:
            raise WorkspaceReadNotFoundError(path=Path(path), cause=error) from error
        except APIError as error:
            raise WorkspaceArchiveReadError(path=Path(path), cause=error) from error

    async def write(self, path: Path | str, data: io.IOBase, *, user: Any = None) -> None:
        content = data.read()
        content = content.encode() if isinstance(content, str) else bytes(content)
        real, mode = await self._locate(path, for_write=True)
        archive, member = io.BytesIO(), tarfile.TarInfo(str(real.relative_to("/")))
        member.size, member.mode = len(content), mode or 0o644
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.addfile(member, io.BytesIO(content))
        try:
            await self._import("/", archive.getvalue())
        except APIError as error:
            raise WorkspaceArchiveWriteError(path=Path(path), cause=error) from error

    # The whole workspace.

    async def _prepare_backend_workspace(self) -> None:
        """Makes the workspace, which may be where a container's user cannot."""
        empty = io.BytesIO()
        with tarfile.open(fileobj=empty, mode="w") as tar:
            root = tarfile.TarInfo(self._root.strip("/"))
            root.type, root.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(root)
        await self._import("/", empty.getvalue())

    async def persist_workspace(self) -> io.IOBase:
        skipped = self._persist_workspace_skip_relpaths()
        kept = tempfile.TemporaryFile()
        try:
            with tarfile.open(fileobj=await self._export(self._root)) as all, tarfile.open(fileobj=kept, mode="w") as tar:
                for member in all:
                    name = Path(member.name)
                    if not any(name == path or path in name.parents for path in skipped):
                        tar.addfile(member, all.extractfile(member) if member.isreg() else None)
        except APIError as error:
            raise WorkspaceArchiveReadError(path=Path(self._root), cause=error) from error
        kept.seek(0)
        return kept

    async def hydrate_workspace(self, data: io.IOBase) -> None:
        archive = data.read()
        try:
            validate_tar_bytes(archive, allow_external_symlink_targets=False)
            await self._import(self._root, archive)
        except (APIError, UnsafeTarMemberError) as error:
            raise WorkspaceArchiveWriteError(path=Path(self._root), cause=error) from error

    async def running(self) -> bool:
        try:
            return (await self._api.containers.retrieve(self.state.container_id)).status == "running"
        except APIError:
            return False


class CoquinaSandboxClient(BaseSandboxClient[CoquinaSandboxClientOptions]):
    """Makes containers. `api` is a client of Coquina's, and need not be the one that asks the model."""

    backend_id = "coquina"
    supports_default_options = True

    def __init__(self, api: AsyncOpenAI | None = None) -> None:
        self._api = api or AsyncOpenAI()

    async def _make(self, options: CoquinaSandboxClientOptions) -> str:
        expires: Any = {"anchor": "last_active_at", "minutes": options.expires_after_minutes}
        container = await self._api.containers.create(
            name="openai-agents", memory_limit=options.memory_limit, expires_after=expires)
        return container.id

    async def create(
        self, *, snapshot: SnapshotSpec | SnapshotBase | None = None, manifest: Manifest | None = None,
        options: CoquinaSandboxClientOptions | None = None,
    ) -> SandboxSession:
        options, id = options or CoquinaSandboxClientOptions(), uuid.uuid4()
        state = CoquinaSandboxSessionState(
            session_id=id, snapshot=resolve_snapshot(snapshot, str(id)), manifest=self._validate_manifest_for_create(manifest or Manifest()),
            container_id=await self._make(options), options=options)
        return self._wrap_session(CoquinaSandboxSession(state, self._api))

    async def resume(self, state: SandboxSessionState) -> SandboxSession:
        if not isinstance(state, CoquinaSandboxSessionState):
            raise TypeError(f"a session of Coquina's was expected, not one of {state.type}")
        session = CoquinaSandboxSession(state, self._api)
        there = await session.running()
        if not there:
            # The workspace comes back from the snapshot.
            state.container_id, state.workspace_root_ready = await self._make(state.options), False
        session._set_start_state_preserved(there)
        return self._wrap_session(session)

    async def delete(self, session: SandboxSession) -> SandboxSession:
        try:
            await self._api.containers.delete(session.state.container_id)
        except NotFoundError:
            pass
        return session

    def deserialize_session_state(self, payload: dict[str, object]) -> SandboxSessionState:
        return self._deserialize_session_state_payload(payload, CoquinaSandboxSessionState)


async def main() -> None:
    import sys

    from agents import RunConfig, Runner
    from agents.sandbox import SandboxAgent, SandboxRunConfig
    from agents.sandbox.entries import File

    task, *files = sys.argv[1:]
    manifest = Manifest(entries={Path(file).name: File(content=Path(file).read_bytes()) for file in files})
    agent = SandboxAgent(name="Worker", model="default", default_manifest=manifest)
    config = RunConfig(sandbox=SandboxRunConfig(client=CoquinaSandboxClient()))
    print((await Runner.run(agent, task, run_config=config)).final_output)


if __name__ == "__main__":
    asyncio.run(main())
