"""The stock `openai` client against the service: sdk.py BASE_URL. Exits 0 if every call did what the reference says.

Answers are checked twice: by what they say, and strictly against the client's own types, which it does not do by itself.
"""

import base64
import io
import sys
import zipfile

import openai
from openai import OpenAI
from pydantic import TypeAdapter
from openai.types import ContainerCreateResponse, ContainerListResponse, ContainerRetrieveResponse, FileObject, Model, Skill
from openai.types.containers import FileCreateResponse, FileListResponse, FileRetrieveResponse
from openai.types.skills import SkillVersion

client = OpenAI(base_url=sys.argv[1] + "/v1", api_key="unused", max_retries=0, timeout=60)


def strict(kind, value):
    """What came must be what the type says, to the field."""
    TypeAdapter(kind).validate_python(value.model_dump(), strict=True)
    return value


def refused(error, code, call, *args, **kwargs):
    """The call must fail with this class, and this code in the envelope."""
    try:
        call(*args, **kwargs)
    except error as refusal:
        assert refusal.request_id and refusal.request_id.startswith("req_")
        assert refusal.code == code, (refusal.code, code)
        assert refusal.type and refusal.body["message"]
        return refusal
    raise AssertionError(f"{call} was not refused")


def exec_(container, command):
    """Coquina's own call, by the client's general one."""
    return client.post(f"/containers/{container}/exec", body={"command": command}, cast_to=dict)


def containers():
    made = [strict(ContainerCreateResponse, client.containers.create(name=f"c {n}")) for n in range(3)]
    full = client.containers.create(
        name="full", expires_after={"anchor": "last_active_at", "minutes": 7}, memory_limit="4g",
        network_policy={"type": "disabled"}, file_ids=[],
    )
    strict(ContainerCreateResponse, full)
    assert (full.object, full.status, full.memory_limit, full.expires_after.minutes) == ("container", "running", "4g", 7)
    assert client.containers.retrieve(full.id).name == "full"
    strict(ContainerRetrieveResponse, client.containers.retrieve(full.id))
    assert [c.id for c in client.containers.list(order="asc", limit=2)] == [c.id for c in made] + [full.id], "pages"
    assert [strict(ContainerListResponse, c).name for c in client.containers.list(name="c 1")] == ["c 1"]
    assert [c.id for c in client.containers.list(after=full.id)] == [c.id for c in reversed(made)]
    assert client.containers.delete(full.id) is None
    refused(openai.NotFoundError, None, client.containers.retrieve, full.id)
    refused(openai.NotFoundError, None, client.containers.delete, full.id)
    refused(openai.BadRequestError, "invalid_value", client.containers.create, name="x",
            network_policy={"type": "allowlist", "allowed_domains": ["a.example"]})
    refused(openai.BadRequestError, "unknown_parameter", client.containers.create, name="x", extra_body={"colour": "red"})
    refused(openai.BadRequestError, "missing_required_parameter", client.containers.create, name=openai.NOT_GIVEN)


def container_files():
    container = client.containers.create(name="files").id
    files = client.containers.files
    binary = bytes(range(256)) * 100
    created = strict(FileCreateResponse, files.create(container, file=("a/b.bin", binary)))
    assert (created.path, created.bytes, created.source) == ("/mnt/data/a/b.bin", len(binary), "user")
    assert files.create(container, file=("empty", b"")).bytes == 0
    uploaded = client.files.create(file=("up.txt", b"up"), purpose="user_data")
    assert files.create(container, file_id=uploaded.id).path == "/mnt/data/up.txt"
    assert exec_(container, "wc -c < /mnt/data/a/b.bin > /mnt/data/made")["outcome"] == {"type": "exit", "exit_code": 0}
    listed = {strict(FileListResponse, f).path: f for f in files.list(container, limit=1)}
    assert sorted(listed) == ["/mnt/data/a/b.bin", "/mnt/data/empty", "/mnt/data/made", "/mnt/data/up.txt"]
    made = listed["/mnt/data/made"]
    assert made.source == "assistant"
    assert strict(FileRetrieveResponse, files.retrieve(made.id, container_id=container)).bytes == 6
    assert files.content.retrieve(made.id, container_id=container).read() == b"25600\n"
    assert files.content.retrieve(created.id, container_id=container).read() == binary
    assert files.delete(made.id, container_id=container) is None
    refused(openai.NotFoundError, None, files.retrieve, made.id, container_id=container)
    refused(openai.BadRequestError, "invalid_value", files.create, container, file=("../x", b""))
    refused(openai.NotFoundError, None, files.create, container, file_id="file-nope")
    both = client.containers.create(name="both", file_ids=[uploaded.id]).id
    assert exec_(both, "cat /mnt/data/up.txt")["stdout"] == "up"


def files():
    made = []
    for purpose in ["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]:
        made.append(client.files.create(file=(f"{purpose}.txt", purpose.encode()), purpose=purpose))
        assert made[-1].purpose == purpose
        if purpose != "evals":  # which can be asked for, but is not among the answers that the client knows
            strict(FileObject, made[-1])
    assert made[1].expires_at - made[1].created_at == 30 * 24 * 3600
    kept = client.files.create(
        file=("kept.txt", b"kept"), purpose="user_data", expires_after={"anchor": "created_at", "seconds": 3600})
    assert (kept.expires_at - kept.created_at, kept.bytes, kept.status, kept.filename) == (3600, 4, "processed", "kept.txt")
    assert client.files.wait_for_processing(kept.id).id == kept.id
    assert client.files.retrieve(kept.id).purpose == "user_data"
    assert client.files.content(kept.id).read() == b"kept"
    assert made[2].id in [f.id for f in client.files.list(purpose="fine-tune")]
    newest = [f.id for f in client.files.list(limit=3)]
    assert newest[0] == kept.id and len(newest) >= 7
    gone = client.files.delete(kept.id)
    assert (gone.id, gone.object, gone.deleted) == (kept.id, "file", True)
    refused(openai.NotFoundError, None, client.files.retrieve, kept.id)
    refused(openai.BadRequestError, "invalid_value", client.files.create, file=b"", purpose="fun")
    refused(openai.BadRequestError, "invalid_value", client.files.create, file=b"", purpose="user_data",
            expires_after={"anchor": "created_at", "seconds": 60})


MANUAL = "---\nname: basic-math\ndescription: Add or multiply numbers.\n---\n\nUse it for sums.\n"


def zipped(manual=MANUAL, **more):
    """A skill as an archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("basic_math/SKILL.md", manual)
        archive.writestr("basic_math/calculate.py", "print(sum(range(1000)))\n" * 50)
        for name, text in more.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def skills():
    by_zip = strict(Skill, client.skills.create(files=("basic_math.zip", zipped(), "application/zip")))
    assert (by_zip.name, by_zip.default_version, by_zip.latest_version) == ("basic-math", "1", "1")
    by_folder = client.skills.create(
        files=[("basic_math/SKILL.md", MANUAL.encode()), ("basic_math/calculate.py", b"print(2)")])
    assert by_folder.description == "Add or multiply numbers."
    second = client.skills.versions.create(
        by_zip.id, files=("v2.zip", zipped(MANUAL.replace("sums", "products")), "application/zip"), default=True)
    assert strict(SkillVersion, second).version == "2"
    third = client.skills.versions.create(by_zip.id, files=("v3.zip", zipped(), "application/zip"))
    skill = client.skills.retrieve(by_zip.id)
    assert (skill.default_version, skill.latest_version) == ("2", "3")
    assert client.skills.update(by_zip.id, default_version="1").default_version == "1"
    client.skills.update(by_zip.id, default_version="2")
    assert [v.version for v in client.skills.versions.list(by_zip.id, limit=1, order="asc")] == ["1", "2", "3"]
    assert [v.version for v in client.skills.versions.list(by_zip.id)] == ["3", "2", "1"]
    assert client.skills.versions.retrieve("3", skill_id=by_zip.id).id == third.id
    assert {s.id for s in client.skills.list()} >= {by_zip.id, by_folder.id}
    archive = zipfile.ZipFile(io.BytesIO(client.skills.content.retrieve(by_zip.id).read()))
    assert archive.testzip() is None and sorted(archive.namelist()) == ["basic_math/SKILL.md", "basic_math/calculate.py"]
    assert b"products" in archive.read("basic_math/SKILL.md")
    one = client.skills.versions.content.retrieve("1", skill_id=by_zip.id).read()
    assert b"sums" in zipfile.ZipFile(io.BytesIO(one)).read("basic_math/SKILL.md")

    inline = base64.b64encode(zipped(MANUAL.replace("basic-math", "inline-math"))).decode()
    container = client.containers.create(name="skilled", skills=[
        {"type": "skill_reference", "skill_id": by_zip.id, "version": "latest"},
        {"type": "inline", "name": "inline-math", "description": "x",
         "source": {"type": "base64", "media_type": "application/zip", "data": inline}},
    ]).id
    seen = exec_(container, "cd /mnt/skills && ls * && head -n 2 basic-math/SKILL.md && echo x > basic-math/SKILL.md")
    assert seen["stdout"].startswith("basic-math:\nSKILL.md\ncalculate.py\n\ninline-math:"), seen
    assert "ermission denied" in seen["stderr"], "they can be read and not changed"
    assert [f.path for f in client.containers.files.list(container)] == []

    refused(openai.BadRequestError, None, client.skills.versions.delete, "2", skill_id=by_zip.id)
    assert client.skills.versions.delete("3", skill_id=by_zip.id).version == "3"
    assert client.skills.retrieve(by_zip.id).latest_version == "2"
    gone = client.skills.delete(by_zip.id)
    assert (gone.object, gone.deleted) == ("skill.deleted", True)
    refused(openai.NotFoundError, None, client.skills.retrieve, by_zip.id)
    refused(openai.NotFoundError, None, client.skills.versions.retrieve, "1", skill_id=by_zip.id)
    client.skills.versions.delete("1", skill_id=by_folder.id)
    refused(openai.NotFoundError, None, client.skills.retrieve, by_folder.id)
    for bad in [b"", b"PK", zipped("no front matter"), zipped(**{"other/x": ""}), zipped(**{"basic_math/../../x": ""})]:
        refused(openai.BadRequestError, "invalid_value", client.skills.create, files=("bad.zip", bad, "application/zip"))


def models():
    assert [strict(Model, m).id for m in client.models.list()] == ["local-model"]
    assert client.models.retrieve("local-model").object == "model"
    refused(openai.NotFoundError, "model_not_found", client.models.retrieve, "other")


for check in [containers, container_files, files, skills, models]:
    check()
    print("ok", check.__name__)
