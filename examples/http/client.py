"""The stock client: OPENAI_BASE_URL is the service's address with /v1, OPENAI_API_KEY a key for it (any text if it needs none)."""

from openai import OpenAI

client = OpenAI()
container = client.containers.create(name="example")
client.containers.files.create(container.id, file=("in.csv", b"b,2\na,1\n"))
exec = {"command": "sort in.csv", "cwd": "/mnt/data"}
print(client.post(f"/containers/{container.id}/exec", body=exec, cast_to=object)["stdout"], end="")
