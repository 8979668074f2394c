// The stock `openai` client for JavaScript against the service: sdk.mjs BASE_URL. Exits 0 if every call did what the reference says.
// It checks nothing of what comes by itself, so answers are compared with the reference's fields here, names and all.

import assert from 'node:assert/strict';
import { File as NodeFile } from 'node:buffer';

globalThis.File ??= NodeFile; // what Node 18 lacks
const { default: OpenAI, toFile } = await import('openai');

const client = new OpenAI({ baseURL: `${process.argv[2]}/v1`, apiKey: 'unused', maxRetries: 0, timeout: 60_000 });

// What an object of each kind has; a file that expires has `expires_at` besides.
const FIELDS = {
  container: 'created_at expires_after id last_active_at memory_limit name network_policy object status',
  'container.file': 'bytes container_id created_at id object path source',
  file: 'bytes created_at filename id object purpose status status_details',
  skill: 'created_at default_version description id latest_version name object',
  'skill.version': 'created_at description id name object skill_id version',
  model: 'created id object owned_by',
};

/** What came must have the fields of its kind and no others, with values where the reference has no null. */
function strict(object) {
  const own = Object.keys(object).filter((key) => !key.startsWith('_')).sort();
  assert.equal(own.filter((key) => key !== 'expires_at').join(' '), FIELDS[object.object]);
  for (const key of own) {
    if (key !== 'status_details') assert.notEqual(object[key], null, key);
    if (/_at$|^bytes$|^created$/.test(key)) assert.ok(Number.isInteger(object[key]), key);
  }
  return object;
}

/** The call must fail with this class, and this code in the envelope. */
async function refused(kind, code, call) {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof kind, `${error}`);
    assert.ok(error.requestID.startsWith('req_') && error.type && error.error.message);
    assert.equal(error.code, code, `${error}`);
    return true;
  });
}

/** All that a list has, page by page. */
async function all(list) {
  const found = [];
  for await (const one of list) found.push(strict(one));
  return found;
}

const run = (container, command) => client.post(`/containers/${container}/exec`, { body: { command } });
const bytes = async (answer) => Buffer.from(await (await answer).arrayBuffer());
const { NotFoundError, BadRequestError } = OpenAI;

async function containers() {
  const made = [];
  for (const n of [0, 1, 2]) made.push(strict(await client.containers.create({ name: `c ${n}` })));
  const full = strict(await client.containers.create({
    name: 'full', expires_after: { anchor: 'last_active_at', minutes: 7 }, memory_limit: '4g',
    network_policy: { type: 'disabled' }, file_ids: [],
  }));
  assert.deepEqual([full.status, full.memory_limit, full.expires_after], ['running', '4g', { anchor: 'last_active_at', minutes: 7 }]);
  assert.equal(strict(await client.containers.retrieve(full.id)).name, 'full');
  const ids = [...made, full].map((c) => c.id);
  assert.deepEqual((await all(client.containers.list({ order: 'asc', limit: 2 }))).map((c) => c.id), ids, 'pages');
  assert.deepEqual((await all(client.containers.list({ after: full.id }))).map((c) => c.id), ids.slice(0, 3).reverse());
  assert.deepEqual((await all(client.containers.list({ name: 'c 1' }))).map((c) => c.name), ['c 1']);
  await client.containers.delete(full.id);
  await refused(NotFoundError, null, () => client.containers.retrieve(full.id));
  await refused(NotFoundError, null, () => client.containers.delete(full.id));
  await refused(BadRequestError, 'unknown_parameter', () => client.containers.create({ name: 'x', colour: 'red' }));
  await refused(BadRequestError, 'missing_required_parameter', () => client.containers.create({}));
  await refused(BadRequestError, 'invalid_value', () =>
    client.containers.create({ name: 'x', network_policy: { type: 'allowlist', allowed_domains: ['a.example'] } }));
}

async function containerFiles() {
  const { id: container } = await client.containers.create({ name: 'files' });
  const { files } = client.containers;
  const binary = Buffer.from(Array.from({ length: 25_600 }, (_, n) => n % 256));
  // This client leaves directories out of a file's name, but of skills.
  const created = strict(await files.create(container, { file: await toFile(binary, 'a/b.bin') }));
  assert.deepEqual([created.path, created.bytes, created.source], ['/mnt/data/b.bin', binary.length, 'user']);
  assert.equal((await files.create(container, { file: new File([], 'empty') })).bytes, 0);
  const uploaded = await client.files.create({ file: await toFile(Buffer.from('up'), 'up.txt'), purpose: 'user_data' });
  assert.equal((await files.create(container, { file_id: uploaded.id })).path, '/mnt/data/up.txt');
  assert.equal((await run(container, 'wc -c < /mnt/data/b.bin > /mnt/data/made')).outcome.exit_code, 0);
  const listed = Object.fromEntries((await all(files.list(container, { limit: 1 }))).map((f) => [f.path, f]));
  assert.deepEqual(Object.keys(listed).sort(), ['/mnt/data/b.bin', '/mnt/data/empty', '/mnt/data/made', '/mnt/data/up.txt']);
  const made = listed['/mnt/data/made'];
  assert.equal(made.source, 'assistant');
  const of = { container_id: container };
  assert.equal(strict(await files.retrieve(made.id, of)).bytes, 6);
  assert.equal(String(await bytes(files.content.retrieve(made.id, of))), '25600\n');
  assert.ok(binary.equals(await bytes(files.content.retrieve(created.id, of))));
  await files.delete(made.id, of);
  await refused(NotFoundError, null, () => files.retrieve(made.id, of));
  await refused(BadRequestError, 'invalid_value', async () => files.create(container, { file: await toFile(Buffer.from(''), '..') }));
  await refused(NotFoundError, null, () => files.create(container, { file_id: 'file-nope' }));
  const both = strict(await client.containers.create({ name: 'both', file_ids: [uploaded.id] }));
  assert.equal((await run(both.id, 'cat /mnt/data/up.txt')).stdout, 'up');
}

async function files() {
  const made = [];
  for (const purpose of ['assistants', 'batch', 'fine-tune', 'vision', 'user_data', 'evals']) {
    made.push(strict(await client.files.create({ file: await toFile(Buffer.from(purpose), `${purpose}.txt`), purpose })));
    assert.equal(made.at(-1).purpose, purpose);
  }
  assert.equal(made[1].expires_at - made[1].created_at, 30 * 24 * 3600);
  const kept = strict(await client.files.create({
    file: await toFile(Buffer.from('kept'), 'kept.txt'), purpose: 'user_data', expires_after: { anchor: 'created_at', seconds: 3600 },
  }));
  assert.deepEqual([kept.expires_at - kept.created_at, kept.bytes, kept.status, kept.filename], [3600, 4, 'processed', 'kept.txt']);
  assert.equal((await client.files.waitForProcessing(kept.id)).id, kept.id);
  assert.equal(strict(await client.files.retrieve(kept.id)).purpose, 'user_data');
  assert.equal(String(await bytes(client.files.content(kept.id))), 'kept');
  assert.ok((await all(client.files.list({ purpose: 'fine-tune' }))).some((f) => f.id === made[2].id));
  const newest = await all(client.files.list({ limit: 3 }));
  assert.ok(newest[0].id === kept.id && newest.length >= 7);
  assert.deepEqual({ ...(await client.files.delete(kept.id)) }, { id: kept.id, object: 'file', deleted: true });
  await refused(NotFoundError, null, () => client.files.retrieve(kept.id));
  await refused(BadRequestError, 'invalid_value', async () => client.files.create({ file: await toFile(Buffer.from(''), 'x'), purpose: 'fun' }));
}

const MANUAL = '---\nname: basic-math\ndescription: Add or multiply numbers.\n---\n\nUse it for sums.\n';
const folder = async (manual) => [
  await toFile(Buffer.from(manual), 'basic_math/SKILL.md'),
  await toFile(Buffer.from('print(2)'), 'basic_math/calculate.py'),
];

async function skills() {
  const first = strict(await client.skills.create({ files: await folder(MANUAL) }));
  assert.deepEqual([first.name, first.default_version, first.latest_version], ['basic-math', '1', '1']);
  const zip = await bytes(client.skills.content.retrieve(first.id));
  assert.equal(zip.subarray(0, 4).toString('latin1'), 'PK\x03\x04');
  const zipped = strict(await client.skills.create({ files: await toFile(zip, 'basic_math.zip', { type: 'application/zip' }) }));
  assert.equal(zipped.description, 'Add or multiply numbers.');
  const { versions } = client.skills;
  const second = await versions.create(zipped.id, { files: await folder(MANUAL.replace('sums', 'products')), default: true });
  assert.equal(strict(second).version, '2');
  const third = strict(await versions.create(zipped.id, { files: await toFile(zip, 'v3.zip', { type: 'application/zip' }) }));
  const skill = strict(await client.skills.retrieve(zipped.id));
  assert.deepEqual([skill.default_version, skill.latest_version], ['2', '3']);
  assert.equal((await client.skills.update(zipped.id, { default_version: '1' })).default_version, '1');
  await client.skills.update(zipped.id, { default_version: '2' });
  assert.deepEqual((await all(versions.list(zipped.id, { limit: 1, order: 'asc' }))).map((v) => v.version), ['1', '2', '3']);
  assert.equal(strict(await versions.retrieve('3', { skill_id: zipped.id })).id, third.id);
  assert.ok((await bytes(versions.content.retrieve('1', { skill_id: zipped.id }))).equals(zip), 'the same archive comes out');
  const known = (await all(client.skills.list())).map((s) => s.id);
  assert.ok(known.includes(first.id) && known.includes(zipped.id));

  const inline = { type: 'base64', media_type: 'application/zip', data: zip.toString('base64') };
  const { id: container } = await client.containers.create({ name: 'skilled', skills: [
    { type: 'skill_reference', skill_id: zipped.id, version: 'latest' },
  ] });
  const seen = await run(container, 'cd /mnt/skills && ls * && grep -c sums basic-math/SKILL.md && echo x > basic-math/SKILL.md');
  assert.ok(seen.stdout.endsWith('SKILL.md\ncalculate.py\n1\n') && seen.stderr.includes('ermission denied'), JSON.stringify(seen));
  const { id: other } = await client.containers.create({ name: 'inline', skills: [
    { type: 'inline', name: 'basic-math', description: 'x', source: inline },
  ] });
  assert.equal((await run(other, 'ls /mnt/skills/basic-math')).stdout, 'SKILL.md\ncalculate.py\n');

  await refused(BadRequestError, null, () => versions.delete('2', { skill_id: zipped.id }));
  assert.equal((await versions.delete('3', { skill_id: zipped.id })).version, '3');
  const gone = await client.skills.delete(zipped.id);
  assert.deepEqual([gone.object, gone.deleted], ['skill.deleted', true]);
  await refused(NotFoundError, null, () => client.skills.retrieve(zipped.id));
  await refused(NotFoundError, null, () => versions.retrieve('1', { skill_id: zipped.id }));
  await refused(BadRequestError, 'invalid_value', async () => client.skills.create({ files: await toFile(Buffer.from('PK'), 'bad.zip') }));
}

async function models() {
  assert.deepEqual((await all(client.models.list())).map((m) => m.id), ['local-model']);
  assert.equal(strict(await client.models.retrieve('local-model')).object, 'model');
  await refused(NotFoundError, 'model_not_found', () => client.models.retrieve('other'));
}

for (const check of [containers, containerFiles, files, skills, models]) {
  await check();
  console.log('ok', check.name);
}
