"""The stock `openai` client against the service: sdk.py BASE_URL. Exits 0 if every call did what the reference says.

What comes is checked twice: by what it says, and strictly against the client's own types, which it does not do by itself.
"""

import asyncio
import base64
import io
import os
import sys
import time
import zipfile

import openai
from openai import AsyncOpenAI, OpenAI
from openai.types import responses as types
from openai.types.conversations import Conversation, ConversationItem
from pydantic import BaseModel, TypeAdapter

KEY = os.environ.get("OPENAI_API_KEY", "unused")
client = OpenAI(base_url=sys.argv[1] + "/v1", api_key=KEY, max_retries=0, timeout=60)
MODEL = "m"
EVENT = TypeAdapter(types.ResponseStreamEvent)
RESPONSE = TypeAdapter(types.Response)
AUTO = {"type": "shell", "environment": {"type": "container_auto"}}
LOCAL = {"type": "shell", "environment": {"type": "local"}}
WEATHER = {
    "type": "function", "name": "get_weather", "description": "Tells the weather.", "strict": True,
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False},
}


def strict(adapter, value):
    """What came must be what the type says."""
    adapter.validate_python(value.to_dict())
    return value


def create(input, **more):
    return strict(RESPONSE, client.responses.create(model=MODEL, input=input, **more))


def streamed(input, **more):
    """All events of a stream, each checked, and the response it ended with."""
    events = [strict(EVENT, event) for event in client.responses.create(model=MODEL, input=input, stream=True, **more)]
    assert [event.sequence_number for event in events] == list(range(len(events))), "numbers without gaps"
    assert events[0].type == "response.created" and events[0].response.output == []
    assert events[-1].type in ("response.completed", "response.failed", "response.incomplete"), events[-1].type
    assert {event.response.id for event in events if hasattr(event, "response")} == {events[0].response.id}
    return events, strict(RESPONSE, events[-1].response)


def refused(error, code, call, *args, **kwargs):
    """The call must fail with this class, and this code in the envelope."""
    try:
        call(*args, **kwargs)
    except error as refusal:
        assert refusal.request_id and refusal.request_id.startswith("req_")
        assert refusal.code == code, (refusal.code, code, refusal.message)
        assert refusal.type and refusal.body["message"]
        return refusal
    raise AssertionError(f"{call} was not refused")


def kinds(response):
    return [item.type for item in response.output]


def text():
    response = create("Say hello", metadata={"a": "b"}, temperature=0.5, instructions="Be kind.")
    assert (response.output_text, response.status) == ("Hello, world.", "completed")
    assert (response.metadata, response.temperature, response.instructions) == ({"a": "b"}, 0.5, "Be kind.")
    usage = response.usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (10, 5, 15)
    assert (usage.input_tokens_details.cached_tokens, usage.output_tokens_details.reasoning_tokens) == (4, 1)
    assert response.completed_at >= response.created_at > 0
    for field in ("error", "incomplete_details", "previous_response_id", "conversation", "user"):
        assert response.to_dict()[field] is None, field
    events, response = streamed("Say hello")
    deltas = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert deltas == response.output_text == "Hello, world."
    with client.responses.stream(model=MODEL, input="Say hello") as stream:
        for event in stream:
            pass
        assert stream.get_final_response().output_text == "Hello, world."
    assert create([{"role": "user", "content": "Refuse"}]).output[0].content[0].refusal == "I will not."
    thought = create("Think", include=["reasoning.encrypted_content"], store=False)
    assert kinds(thought) == ["reasoning", "message"]
    again = [{"role": "user", "content": "Think"}, *[item.to_dict() for item in thought.output], {"role": "user", "content": "Say hello"}]
    assert create(again, store=False).output_text == "Hello, world."


def parsed():
    class Person(BaseModel):
        name: str
        age: int

    person = client.responses.parse(model=MODEL, input="As JSON", text_format=Person).output_parsed
    assert person == Person(name="Ada", age=36)


def shell():
    response = create("List the files", tools=[AUTO])
    assert kinds(response) == ["shell_call", "shell_call_output", "message"]
    call, output, message = response.output
    assert call.call_id == output.call_id and call.status == output.status == "completed"
    assert call.action.commands == ["echo a.csv; echo b.csv", "echo oops >&2; exit 3"]
    first, second = output.output
    assert (first.stdout, first.outcome.exit_code, second.stderr, second.outcome.exit_code) == ("a.csv\nb.csv\n", 0, "oops\n", 3)
    assert call.environment.container_id in [container.id for container in client.containers.list()]
    assert (response.usage.input_tokens, response.usage.output_tokens) == (250, 27), "all steps together"
    assert response.tools[0].environment.type == "container_auto"
    events, response = streamed("List the files", tools=[AUTO])
    for index, expected in enumerate([("a.csv\nb.csv\n", ""), ("", "oops\n")]):
        written = {"stdout": "", "stderr": ""}
        for event in events:
            if event.type == "response.shell_call_output_content.delta" and event.command_index == index:
                for name in written:
                    written[name] += event.delta.to_dict().get(name) or ""
        assert (written["stdout"], written["stderr"]) == expected, written
    for event in events:
        if ".shell_call_" in event.type:
            assert ("item_id" in event.to_dict()) == (".shell_call_output" in event.type), event
    assert response.output[1].to_dict()["max_output_length"] is None, "it is there, and null"
    added = [event.item.id for event in events if event.type == "response.output_item.added"]
    done = [event.item.id for event in events if event.type == "response.output_item.done"]
    assert added == [item.id for item in response.output] and sorted(done) == sorted(added)
    with client.responses.stream(model=MODEL, input="List the files", tools=[AUTO]) as stream:
        assert kinds(stream.get_final_response()) == kinds(response)
    slow = create("Take your time", tools=[AUTO]).output[1].output[0]
    assert (slow.outcome.to_dict(), slow.stdout) == ({"type": "timeout"}, "begun\n")
    counted = create("Count", tools=[AUTO]).output[1]
    assert counted.max_output_length == 100 and len(counted.output[0].stdout) < 300
    assert counted.output[0].stdout.startswith("1\n2\n") and counted.output[0].stdout.endswith("10000\n")
    forced = create("List the files", tools=[AUTO], tool_choice={"type": "shell"})
    assert forced.output_text == "Two files."


def containers():
    first = create("Write the note", tools=[AUTO])
    place = first.output[0].environment.container_id
    assert create("Read the note", tools=[AUTO], previous_response_id=first.id).output_text == "It says kept.", "reused along the chain"
    assert create("Read the note", tools=[AUTO]).output_text == "There is none.", "another one"
    reference = {"type": "shell", "environment": {"type": "container_reference", "container_id": place}}
    response = create("Read the note", tools=[reference])
    assert response.output_text == "It says kept." and response.output[0].environment.container_id == place
    assert "/mnt/data/note" in [file.path for file in client.containers.files.list(place)]
    uploaded = client.files.create(file=("note", b"kept by a file"), purpose="user_data")
    with_file = {"type": "shell", "environment": {"type": "container_auto", "file_ids": [uploaded.id], "memory_limit": "4g"}}
    assert create("Read the note", tools=[with_file]).output_text == "It says kept."
    attached = [{"role": "user", "content": [
        {"type": "input_file", "file_id": uploaded.id}, {"type": "input_text", "text": "Read the note"}]}]
    assert create(attached, tools=[AUTO]).output_text == "It says kept.", "files of a message are in /mnt/data"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as z:
        z.writestr("kindness/SKILL.md", "---\nname: kindness\ndescription: How to be.\n---\nBe kind.\n")
    skill = client.skills.create(files=("kindness.zip", archive.getvalue()))
    with_skill = {"type": "shell", "environment": {"type": "container_auto", "skills": [{"type": "skill_reference", "skill_id": skill.id}]}}
    assert create("Read the skill", tools=[with_skill]).output_text == "Kind."
    refused(openai.NotFoundError, None, create, "x", tools=[{"type": "shell", "environment": {"type": "container_reference", "container_id": "cntr_x"}}])
    network = {"type": "container_auto", "network_policy": {"type": "allowlist", "allowed_domains": ["a.example"]}}
    refused(openai.BadRequestError, "invalid_value", create, "x", tools=[{"type": "shell", "environment": network}])
    network["network_policy"]["domain_secrets"] = [{"domain": "a.example", "name": "KEY", "value": "s3cret"}]
    refusal = refused(openai.BadRequestError, "invalid_value", create, "x", tools=[{"type": "shell", "environment": network}])
    assert "s3cret" not in refusal.response.text
    disabled = {"type": "container_auto", "network_policy": {"type": "disabled"}}
    assert create("Write the note", tools=[{"type": "shell", "environment": disabled}]).output_text == "Written."


def skills():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as z:
        z.writestr("kindness/SKILL.md", "---\nname: kindness\ndescription: How to be.\n---\nBe kind.\n")
    skill = client.skills.create(files=("kindness.zip", archive.getvalue())).id
    source = {"type": "base64", "media_type": "application/zip", "data": base64.b64encode(archive.getvalue()).decode()}
    mounted = [
        {"type": "skill_reference", "skill_id": skill},
        {"type": "skill_reference", "skill_id": skill, "version": "1"},
        {"type": "skill_reference", "skill_id": skill, "version": 1},
        {"type": "skill_reference", "skill_id": skill, "version": "latest"},
        {"type": "inline", "name": "kindness", "description": "How to be.", "source": source},
    ]
    for one in mounted:
        tool = {"type": "shell", "environment": {"type": "container_auto", "skills": [one]}}
        assert create("Where is the skill", tools=[tool]).output_text == "In /mnt/skills/kindness.", one
        assert create("Read the skill", tools=[tool]).output_text == "Kind.", one
    own = {"name": "kindness", "description": "How to be.", "path": "/home/me/kindness"}
    tool = {"type": "shell", "environment": {"type": "local", "skills": [own]}}
    assert create("Where is the skill", tools=[tool]).output_text == "In /home/me/kindness."
    for place, skill in [("local", mounted[0]), ("container_auto", {**mounted[0], "version": "7"}), ("container_auto", {**mounted[0], "skill_id": "x"})]:
        tool = {"type": "shell", "environment": {"type": place, "skills": [skill]}}
        refused(openai.APIStatusError, None if skill.get("version") or skill["skill_id"] == "x" else "missing_required_parameter", create, "x", tools=[tool])


def local():
    first = create("Read the note", tools=[LOCAL])
    assert kinds(first) == ["shell_call"] and first.output[0].environment.type == "local"
    output = {
        "type": "shell_call_output", "call_id": first.output[0].call_id,
        "output": [{"stdout": "kept", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}],
    }
    assert create([output], tools=[LOCAL], previous_response_id=first.id).output_text == "It says kept."
    call = {name: value for name, value in first.output[0].to_dict().items() if name not in ("id", "status")}
    whole = [{"role": "user", "content": "Read the note"}, call, output]
    assert create(whole, tools=[LOCAL], store=False).output_text == "It says kept.", "the same without anything stored"


def functions():
    first = create("Weather", tools=[WEATHER])
    assert kinds(first) == ["function_call", "function_call"]
    assert [call.arguments.replace(" ", "") for call in first.output] == ['{"city":"Paris"}', '{"city":"Rome"}']
    outputs = [{"type": "function_call_output", "call_id": call.call_id, "output": "rain"} for call in first.output]
    second = create(outputs, tools=[WEATHER], previous_response_id=first.id)
    assert second.output_text == "Take an umbrella."
    refused(openai.BadRequestError, None, create, outputs[:1], tools=[WEATHER], previous_response_id=first.id)
    refused(openai.BadRequestError, None, create, [{**outputs[0], "call_id": "call_x"}, *outputs], previous_response_id=first.id)
    events, _ = streamed("Weather", tools=[WEATHER])
    assert "response.function_call_arguments.done" in [event.type for event in events]
    with client.responses.stream(model=MODEL, input="Weather", tools=[WEATHER]) as stream:
        assert len(stream.get_final_response().output) == 2
    custom = create("Take it down", tools=[{"type": "custom", "name": "note"}])
    assert custom.output[0].input == "plain words"
    answer = [{"type": "custom_tool_call_output", "call_id": custom.output[0].call_id, "output": "ok"}]
    assert create(answer, previous_response_id=custom.id).output_text == "Noted."
    both = create("Both at once", tools=[AUTO, WEATHER])
    assert sorted(kinds(both)) == ["function_call", "shell_call", "shell_call_output"], kinds(both)
    call = next(item for item in both.output if item.type == "function_call")
    answer = [{"type": "function_call_output", "call_id": call.call_id, "output": "cold"}]
    assert create(answer, tools=[AUTO, WEATHER], previous_response_id=both.id).output_text == "Both done."


def kept():
    first = create([{"role": "user", "content": "One"}, {"role": "user", "content": "Say hello"}])
    found = strict(RESPONSE, client.responses.retrieve(first.id))
    assert found.to_dict() == first.to_dict()
    items = list(client.responses.input_items.list(first.id, limit=1, order="asc"))
    assert [item.content[0].text for item in items] == ["One", "Say hello"]
    assert [item.id for item in client.responses.input_items.list(first.id)] == [item.id for item in reversed(items)]
    again = list(client.responses.retrieve(first.id, stream=True))
    assert (again[0].type, again[-1].type) == ("response.created", "response.completed")
    _, response = streamed("Say hello")
    events = list(client.responses.retrieve(response.id, stream=True, starting_after=3))
    assert events[0].sequence_number == 4 and events[-1].response.to_dict() == response.to_dict()
    assert client.responses.delete(first.id) is None
    refused(openai.NotFoundError, None, client.responses.retrieve, first.id)
    refused(openai.NotFoundError, None, client.responses.delete, first.id)
    refused(openai.BadRequestError, "previous_response_not_found", create, "x", previous_response_id=first.id)
    unkept = create("Say hello", store=False)
    refused(openai.NotFoundError, None, client.responses.retrieve, unkept.id)
    refused(openai.BadRequestError, None, client.responses.cancel, response.id)
    count = client.responses.input_tokens.count(model=MODEL, input="Say hello", previous_response_id=response.id)
    assert count.object == "response.input_tokens" and count.input_tokens > 0
    references = [{"type": "item_reference", "id": response.output[0].id}, {"role": "user", "content": "Say hello"}]
    assert create(references, previous_response_id=response.id).output_text == "Hello, world."


def until_done(id):
    for _ in range(2000):
        response = client.responses.retrieve(id)
        if response.status not in ("queued", "in_progress"):
            return response
        time.sleep(0.005)
    raise AssertionError("it does not end")


def background():
    begun = create("List the files", tools=[AUTO], background=True)
    assert (begun.status, begun.background, begun.output) == ("queued", True, [])
    done = strict(RESPONSE, until_done(begun.id))
    assert (done.status, done.output_text) == ("completed", "Two files.")
    assert client.responses.cancel(begun.id).status == "completed", "too late"
    stream = client.responses.create(model=MODEL, input="List the files", tools=[AUTO], background=True, stream=True)
    seen = []
    for event in stream:
        seen.append(event)
        if len(seen) == 4:
            break
    stream.close()
    rest = [strict(EVENT, event) for event in client.responses.retrieve(seen[0].response.id, stream=True, starting_after=3)]
    assert [event.sequence_number for event in seen + rest] == list(range(len(seen) + len(rest)))
    assert rest[-1].type == "response.completed"
    with client.responses.stream(response_id=seen[0].response.id, starting_after=3) as stream:
        assert stream.get_final_response().output_text == "Two files."
    whole = list(client.responses.retrieve(seen[0].response.id, stream=True))
    assert [event.to_dict() for event in whole] == [event.to_dict() for event in seen + rest], "the same again"
    endless = client.responses.create(model=MODEL, input="Never end", tools=[AUTO], background=True, stream=True)
    for event in endless:
        if event.type == "response.created":
            id = event.response.id
        if event.type == "response.output_item.done" and event.item.type == "shell_call":
            place = event.item.environment.container_id
        if event.type == "response.shell_call_output_content.delta":
            break
    cancelled = client.responses.cancel(id)
    assert cancelled.status == "cancelled" and client.responses.cancel(id).to_dict() == cancelled.to_dict()
    assert client.responses.retrieve(id).status == "cancelled"
    left = client.post(f"/containers/{place}/exec", body={"command": "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"}, cast_to=dict)["stdout"]
    assert "cat /proc" in left and "sleep 999" not in left, left


def conversations():
    conversation = client.conversations.create(metadata={"a": "b"}, items=[{"role": "user", "content": "Before"}])
    TypeAdapter(Conversation).validate_python(conversation.to_dict())
    first = create("Write the note", tools=[AUTO], conversation=conversation.id)
    assert first.conversation.id == conversation.id
    second = create("Read the note", tools=[AUTO], conversation={"id": conversation.id})
    assert second.output_text == "It says kept.", "its container is the conversation's"
    items = list(client.conversations.items.list(conversation.id, order="asc", limit=3))
    turn = ["message", "shell_call", "shell_call_output", "message"]
    assert [item.type for item in items] == ["message", *turn, *turn]
    for item in items:
        TypeAdapter(ConversationItem).validate_python(item.to_dict())
    assert [item.id for item in client.conversations.items.list(conversation.id)] == [item.id for item in reversed(items)]
    many = [{"role": "user", "content": f"{n}", "type": "message"} for n in range(21)]
    refused(openai.BadRequestError, "invalid_value", client.conversations.items.create, conversation.id, items=many)
    assert len(client.conversations.items.create(conversation.id, items=many[:20]).data) == 20
    assert client.conversations.items.retrieve(items[0].id, conversation_id=conversation.id).id == items[0].id
    assert client.conversations.items.delete(items[0].id, conversation_id=conversation.id).id == conversation.id
    assert client.conversations.update(conversation.id, metadata={"c": "d"}).metadata == {"c": "d"}
    assert client.conversations.retrieve(conversation.id).metadata == {"c": "d"}
    refused(openai.BadRequestError, "mutually_exclusive_parameters", create, "x", conversation=conversation.id, previous_response_id=first.id)
    gone = client.conversations.delete(conversation.id)
    assert (gone.id, gone.object, gone.deleted) == (conversation.id, "conversation.deleted", True)
    refused(openai.NotFoundError, None, client.conversations.retrieve, conversation.id)
    refused(openai.NotFoundError, None, create, "x", conversation=conversation.id)


def compaction():
    first = create("Write the note", tools=[AUTO])
    compacted = client.responses.compact(model=MODEL, previous_response_id=first.id, input=[{"role": "user", "content": "More"}])
    assert compacted.object == "response.compaction"
    assert [item.type for item in compacted.output] == ["message", "message", "compaction"]
    window = [item.to_dict(warnings=False) for item in compacted.output]
    response = create([*window, {"role": "user", "content": "Read the note"}], tools=[AUTO], store=False)
    assert response.output_text == "It says kept.", "the container is known from the summary"
    window[-1]["encrypted_content"] = window[-1]["encrypted_content"][:-6] + "AAAAAA"
    refused(openai.BadRequestError, "invalid_value", create, [*window, {"role": "user", "content": "Read the note"}])
    refused(openai.BadRequestError, "missing_required_parameter", client.responses.compact, model=openai.omit, input="x")
    long = [{"role": "user", "content": "word " * 4000}, {"role": "user", "content": "Say hello"}]
    events, response = streamed(long, context_management=[{"type": "compaction", "compact_threshold": 1000}])
    assert kinds(response) == ["compaction", "message"], kinds(response)
    first = create("Write the note", tools=[AUTO]).output
    long = [{"role": "user", "content": "Write the note"}, *[item.to_dict() for item in first], *long]
    context = {"context_management": [{"type": "compaction", "compact_threshold": 1000}], "tools": [AUTO], "store": False}
    rest = [item.to_dict() for item in create(long, **context).output]
    assert rest[0]["type"] == "compaction"
    ask = {"role": "user", "content": "Read the note"}
    assert create([*rest, ask], **context).output_text == "It says kept.", "it goes on from the summary alone"
    seal = rest[0]["encrypted_content"]
    rest[0]["encrypted_content"] = seal[:40] + ("A" if seal[40] != "A" else "B") + seal[41:]
    refused(openai.BadRequestError, "invalid_value", create, [*rest, ask], **context)


def inherited():
    first = create("Who are you", instructions="You are Ada.", tools=[AUTO])
    assert first.output_text == "Ada."
    second = create("Who are you", previous_response_id=first.id)
    assert (second.output_text, second.instructions, second.tools) == ("Nobody.", None, []), "nothing but what was said"


def errors():
    refusal = refused(openai.BadRequestError, "unknown_parameter", create, "x", extra_body={"colour": "red"})
    assert (refusal.param, refusal.type) == ("colour", "invalid_request_error")
    for path in ("/responses", "/responses/compact", "/responses/input_tokens", "/conversations"):
        raw = {"content": b"{nonsense", "cast_to": object, "options": {"headers": {"content-type": "application/json"}}}
        refused(openai.BadRequestError, "invalid_json", client.post, path, **raw)
    refused(openai.BadRequestError, "missing_required_parameter", client.responses.create, model=MODEL)
    refused(openai.NotFoundError, "model_not_found", client.responses.create, model="other", input="x")
    failed = create("Fail")
    assert (failed.status, failed.error.code) == ("failed", "server_error") and "on fire" in failed.error.message
    events, failed = streamed("Fail")
    assert events[-1].type == "response.failed" and failed.completed_at is None


def at_once():
    async def many():
        async with AsyncOpenAI(base_url=sys.argv[1] + "/v1", api_key="unused", max_retries=0, timeout=60) as several:
            made = [several.responses.create(model=MODEL, input="List the files", tools=[AUTO]) for _ in range(20)]
            return await asyncio.gather(*made)

    answers = asyncio.run(many())
    assert {answer.output_text for answer in answers} == {"Two files."}
    assert len({answer.output[0].environment.container_id for answer in answers}) == 20


def once():
    headers = {"Idempotency-Key": "the same"}
    answers = [create("Write the note", tools=[AUTO], extra_headers=headers) for _ in range(2)]
    assert answers[0].to_dict() == answers[1].to_dict()


def socket():
    with client.responses.connect() as connection:

        def ask(**fields):
            """The response, or the error."""
            connection.response.create(model=MODEL, store=False, **fields)
            for event in connection:
                assert event.stream_id == fields.get("stream_id"), event
                if event.type == "error":
                    return event
                if event.type == "response.completed":
                    return event.response

        first = ask(input="Say hello")
        assert first.output_text == "Hello, world."
        assert ask(input="Say hello", previous_response_id=first.id).output_text == "Hello, world."
        warm = ask(input=[], instructions="Be kind.", tools=[AUTO], generate=False, stream_id="agent_1")
        assert (warm.status, warm.output) == ("completed", [])
        files = ask(input="List the files", tools=[AUTO], previous_response_id=warm.id, stream_id="agent_1")
        assert [item.type for item in files.output] == ["shell_call", "shell_call_output", "message"]
        refusal = ask(input="Say hello", previous_response_id="resp_none", stream_id="agent_2")
        assert (refusal.status, refusal.error.code) == (400, "previous_response_not_found")
        assert refusal.error.param == "previous_response_id" and refusal.error.type == "invalid_request_error"


def keyed():
    """Against a service that has one key and makes one response at a time."""
    stranger = client.with_options(api_key="wrong")
    refused(openai.AuthenticationError, "invalid_api_key", stranger.responses.create, model=MODEL, input="Say hello")
    endless = create("Never end", tools=[AUTO], background=True).id
    refusal = refused(openai.RateLimitError, "rate_limit_exceeded", create, "Say hello")
    assert refusal.response.headers["retry-after"] == "1"
    seen = []

    def note(response):
        seen.append(response.status_code)
        if seen == [429]:
            client.responses.delete(endless)

    patient = OpenAI(base_url=client.base_url, api_key=KEY, max_retries=2, http_client=openai.DefaultHttpxClient(event_hooks={"response": [note]}))
    assert patient.responses.create(model=MODEL, input="Say hello").output_text == "Hello, world."
    assert seen[0] == 429 and seen[-1] == 200


groups = [
    text, parsed, shell, containers, skills, local, functions, kept, background, conversations, compaction, inherited, errors,
    at_once, once, socket,
]
if __name__ == "__main__":
    for group in [keyed] if sys.argv[2:] == ["keyed"] else groups:
        if len(sys.argv) < 3 or group.__name__ in sys.argv[2:]:
            group()
            print(group.__name__, "ok", flush=True)
