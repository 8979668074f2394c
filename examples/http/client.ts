// One run in a sandbox of its own; COQUINA_URL is where the service listens, COQUINA_KEY a key for it, if it needs one.
const url = process.env.COQUINA_URL ?? "http://127.0.0.1:8320";
const headers = { "content-type": "application/json", authorization: `Bearer ${process.env.COQUINA_KEY ?? "none"}` };
const body = JSON.stringify({ script: "sort in.csv", files: { "in.csv": "b,2\na,1\n" } });
const answer = await fetch(`${url}/v1/run`, { method: "POST", headers, body });
process.stdout.write((await answer.json()).stdout);
