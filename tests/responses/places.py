"""Where commands run, for the stock `openai` client: without network, in containers that expire, with files that are too long for a prompt.

places.py BASE_URL. Exits 0 if every call did what the reference says. Before time has to pass it prints `later` and waits for a line.
"""

import base64
import json

import openai
from sdk import AUTO, MODEL, client, create, refused, streamed

SECRET = "s3cret-of-a-domain"
ALLOWLIST = {
    "type": "allowlist", "allowed_domains": ["api.example.com"],
    "domain_secrets": [{"domain": "api.example.com", "name": "KEY", "value": SECRET}],
}


def in_container(id):
    return {"type": "shell", "environment": {"type": "container_reference", "container_id": id}}


def network():
    """Nobody can be reached, which is said where it is asked for; a secret for a domain is repeated nowhere."""
    looked = create("Look around", tools=[AUTO])
    environment, reached = looked.output[1].output
    names = {line.split("=")[0] for line in environment.stdout.splitlines()}
    assert names <= {"HOME", "LANG", "PATH", "PWD", "SHELL", "SHLVL", "TZ", "USER", "_"}, names
    assert reached.outcome.exit_code != 0 and "/dev/tcp/127.0.0.1" in reached.stderr, reached
    place = looked.output[0].environment.container_id
    assert client.containers.retrieve(place).to_dict()["network_policy"] == {"type": "disabled"}
    before = [container.id for container in client.containers.list()]
    asked = [{"type": "shell", "environment": {"type": "container_auto", "network_policy": ALLOWLIST}}]
    for call in (create, streamed):
        for more in ({}, {"background": True}):
            refusal = refused(openai.BadRequestError, "invalid_value", call, "Look around", tools=asked, **more)
            assert "no network" in refusal.message and SECRET not in refusal.response.text
    with client.responses.connect() as connection:
        connection.response.create(model=MODEL, input="Look around", tools=asked)
        event = connection.recv().to_dict()
        assert event["type"] == "error" and SECRET not in json.dumps(event), event
    refusal = refused(openai.BadRequestError, "invalid_value", client.containers.create, name="x", network_policy=ALLOWLIST)
    assert SECRET not in refusal.response.text
    assert [container.id for container in client.containers.list()] == before, "nothing was made"
    assert SECRET not in json.dumps(client.get("/audit?limit=100", cast_to=dict))


def long_files():
    """A file that commands will find does not have to fit into a prompt."""
    note = base64.b64encode(b"kept\n" * 300_000).decode()
    parts = [{"type": "input_file", "filename": "note", "file_data": note}, {"type": "input_text", "text": "Read the note"}]
    assert create([{"role": "user", "content": parts}], tools=[AUTO]).output_text == "It says kept."
    refused(openai.BadRequestError, "invalid_value", create, [{"role": "user", "content": [{"type": "input_file", "filename": "note"}]}])


def expiry():
    """A container that was not used for as long as was said is a memory: its id is known, and nothing else."""
    short = client.containers.create(name="short", expires_after={"anchor": "last_active_at", "minutes": 5})
    long = client.containers.create(name="long", expires_after={"anchor": "last_active_at", "minutes": 60})
    auto = create("Write the note", tools=[AUTO])
    own = auto.output[0].environment.container_id
    assert client.containers.retrieve(own).expires_after.minutes == 20
    for container in (short, long):
        assert create("Write the note", tools=[in_container(container.id)]).output_text == "Written."
    file = client.containers.files.list(short.id).data[0].id
    print("later", flush=True)
    input()
    again = create("Read the note", tools=[AUTO], previous_response_id=auto.id)
    assert again.output_text == "There is none." and again.output[0].environment.container_id != own, "a new one"
    for gone in (short.id, own):
        found = client.containers.retrieve(gone)
        assert (found.id, found.status) == (gone, "expired"), found
        assert gone in [container.id for container in client.containers.list()]
        for call in (
            lambda: create("Read the note", tools=[in_container(gone)]),
            lambda: client.containers.files.list(gone),
            lambda: client.containers.files.content.retrieve(file, container_id=gone),
            lambda: client.containers.files.create(gone, file=("a", b"b")),
        ):
            assert "expired" in refused(openai.BadRequestError, None, call).message
    assert client.containers.retrieve(long.id).status == "running"
    assert create("Read the note", tools=[in_container(long.id)]).output_text == "It says kept."
    client.containers.delete(short.id)
    refused(openai.NotFoundError, None, client.containers.retrieve, short.id)


for group in (network, long_files, expiry):
    group()
    print(group.__name__, "ok", flush=True)
