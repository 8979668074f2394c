"""A serverless function that runs untrusted code: each call is one request to /v1/run, in a sandbox of its own.

COQUINA_URL is where `coquina serve` listens; COQUINA_KEY a key for it, if it needs one.
"""

import json
import os
import urllib.request


def handler(event, context=None):
    """Runs event["code"] over event["data"] (CSV text) and returns what it printed and the chart data it left."""
    request = urllib.request.Request(
        os.environ.get("COQUINA_URL", "http://127.0.0.1:8320") + "/v1/run",
        data=json.dumps({
            "script": event["code"],
            "files": {"data.csv": event["data"]},
            "outputs": ["out/**/*.csv"],
            "timeout_ms": 5000,
            "limits": {"fuel": 20_000_000_000, "memory_bytes": 256 << 20},
        }).encode(),
        headers={"content-type": "application/json", "authorization": "Bearer " + os.environ.get("COQUINA_KEY", "none")},
    )
    with urllib.request.urlopen(request) as response:
        answer = json.load(response)
    return {"ok": answer["outcome"] == {"type": "exit", "exit_code": 0}, "printed": answer["stdout"], "files": answer["files"]}


if __name__ == "__main__":
    print(handler({"code": "mkdir out; sort -t, -k2n data.csv | tee out/sorted.csv | head -n 1", "data": "b,2\na,1\n"}))
