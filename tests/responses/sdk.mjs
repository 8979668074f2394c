// The stock `openai` client for JavaScript against the service: sdk.mjs BASE_URL. Exits 0 if every call did what the reference says.
// It checks nothing of what comes by itself, so responses, items and events are compared with the reference's fields here, names and all.

import assert from 'node:assert/strict';
import { File as NodeFile } from 'node:buffer';

globalThis.File ??= NodeFile; // what Node 18 lacks
const { default: OpenAI } = await import('openai');

const client = new OpenAI({ baseURL: `${process.argv[2]}/v1`, apiKey: 'unused', maxRetries: 0, timeout: 60_000 });
const { BadRequestError, NotFoundError } = OpenAI;
const model = 'm';
const AUTO = { type: 'shell', environment: { type: 'container_auto' } };
const WEATHER = { type: 'function', name: 'get_weather', description: 'Tells the weather.', strict: true, parameters: { type: 'object' } };

// What an object of each kind has.
const RESPONSE = `background completed_at conversation created_at error frequency_penalty id incomplete_details instructions max_output_tokens
  max_tool_calls metadata model object output parallel_tool_calls presence_penalty previous_response_id prompt_cache_key
  prompt_cache_retention reasoning safety_identifier service_tier status store temperature text tool_choice tools top_logprobs top_p truncation
  usage user`;
const ITEMS = {
  message: 'content id role status type',
  function_call: 'arguments call_id id name status type',
  function_call_output: 'call_id id output status type',
  custom_tool_call: 'call_id id input name status type',
  shell_call: 'action call_id environment id status type',
  shell_call_output: 'call_id id max_output_length output status type',
  reasoning: 'id status summary type',
  compaction: 'encrypted_content id type',
};
const PERHAPS = { message: ['phase'], reasoning: ['content', 'encrypted_content'] };
const PARTS = {
  input_text: 'text type',
  output_text: 'annotations logprobs text type',
  refusal: 'refusal type',
  reasoning_text: 'text type',
};
const OF_ITEM = 'item_id output_index';
const OF_PART = `content_index ${OF_ITEM}`;
const EVENTS = {
  'response.created': 'response',
  'response.queued': 'response',
  'response.in_progress': 'response',
  'response.completed': 'response',
  'response.failed': 'response',
  'response.incomplete': 'response',
  'response.output_item.added': 'item output_index',
  'response.output_item.done': 'item output_index',
  'response.content_part.added': `${OF_PART} part`,
  'response.content_part.done': `${OF_PART} part`,
  'response.output_text.delta': `${OF_PART} delta logprobs`,
  'response.output_text.done': `${OF_PART} logprobs text`,
  'response.refusal.delta': `${OF_PART} delta`,
  'response.refusal.done': `${OF_PART} refusal`,
  'response.reasoning_text.delta': `${OF_PART} delta`,
  'response.reasoning_text.done': `${OF_PART} text`,
  'response.function_call_arguments.delta': `${OF_ITEM} delta`,
  'response.function_call_arguments.done': `${OF_ITEM} arguments name`,
  'response.custom_tool_call_input.delta': `${OF_ITEM} delta`,
  'response.custom_tool_call_input.done': `${OF_ITEM} input`,
  'response.shell_call_command.added': 'command command_index output_index',
  'response.shell_call_command.delta': 'command_index delta output_index',
  'response.shell_call_command.done': 'command command_index output_index',
  'response.shell_call_output_content.delta': `${OF_ITEM} command_index delta`,
  'response.shell_call_output_content.done': `${OF_ITEM} command_index output`,
  'response.compaction.compacting': OF_ITEM,
};

const words = (text) => text.split(/\s+/).sort().join(' ');

/** An object must have these fields and no others. */
function has(object, fields, what) {
  const own = Object.keys(object).filter((key) => !key.startsWith('_') && key !== 'output_text').sort();
  assert.equal(own.join(' '), words(fields), what);
  return object;
}

function item(one) {
  const more = (PERHAPS[one.type] ?? []).filter((key) => key in one);
  has(one, [ITEMS[one.type], ...more].join(' '), one.type);
  assert.ok(one.id && (one.type === 'compaction' || one.status));
  for (const part of ['message', 'reasoning'].includes(one.type) ? one.content ?? [] : []) has(part, PARTS[part.type], part.type);
  return one;
}

function response(one) {
  has(one, RESPONSE, 'response');
  one.output.forEach(item);
  assert.equal(one.object, 'response');
  assert.ok(Number.isInteger(one.created_at));
  assert.equal(Number.isInteger(one.completed_at), one.status === 'completed');
  assert.equal(one.error !== null, one.status === 'failed');
  if (one.usage) {
    assert.equal(one.usage.total_tokens, one.usage.input_tokens + one.usage.output_tokens);
    has(one.usage, 'input_tokens input_tokens_details output_tokens output_tokens_details total_tokens', 'usage');
  }
  return one;
}

function event(one) {
  assert.ok(one.type in EVENTS, one.type);
  has(one, `${EVENTS[one.type]} sequence_number type`, one.type);
  if (one.response) response(one.response);
  if (one.item) item(one.item);
  if (one.part) has(one.part, PARTS[one.part.type], one.type);
  return one;
}

/** Every event of a stream, each checked, in an order that tells one story. */
async function all(stream, first = 0) {
  const events = [];
  for await (const one of stream) events.push(event(one));
  events.forEach((one, at) => assert.equal(one.sequence_number, first + at, 'numbers without gaps'));
  if (first === 0) {
    assert.equal(events[0].type, 'response.created');
    assert.deepEqual(events[0].response.output, []);
    story(events);
  }
  return events;
}

/** Items are added, told of and done, in this order; what is told of them adds up to what they are. */
function story(events) {
  const open = new Map();
  const texts = new Map();
  const done = [];
  for (const one of events) {
    const { type, output_index: at } = one;
    const of = `${at} ${one.content_index ?? one.command_index ?? ''}`;
    if (type === 'response.output_item.added') open.set(at, one.item);
    else if (at !== undefined) assert.ok(open.has(at), `${type} of an item that is not there`);
    if ('item_id' in one) assert.equal(one.item_id, open.get(at).id);
    if (type.endsWith('.delta') && typeof one.delta === 'string') texts.set(of, (texts.get(of) ?? '') + one.delta);
    const whole = one.text ?? one.refusal ?? one.arguments ?? one.input ?? (type.endsWith('command.done') ? one.command : undefined);
    if (whole !== undefined) assert.equal(texts.get(of) ?? '', whole, type);
    if (type === 'response.output_item.done') {
      assert.deepEqual([one.item.id, one.item.type], [open.get(at).id, open.get(at).type]);
      open.delete(at);
      done.push(one.item);
    }
  }
  assert.equal(open.size, 0, 'every item is done');
  const last = events.at(-1);
  if (last.response) assert.deepEqual(plain(last.response.output), plain(done));
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

const create = async (input, more = {}) => response(await client.responses.create({ model, input, ...more }));
const streamed = async (input, more = {}) => all(await client.responses.create({ model, input, stream: true, ...more }));
const kinds = (response) => response.output.map((one) => one.type);
const types = (events) => [...new Set(events.map((one) => one.type.replace('response.', '')))];
/** As it came, without what the client adds. */
const plain = (value) => JSON.parse(JSON.stringify(value, (key, one) => (key === 'output_text' ? undefined : one)));
const collect = async (list) => {
  const found = [];
  for await (const one of list) found.push(one);
  return found;
};

async function text() {
  const said = await create('Say hello', { metadata: { a: 'b' }, temperature: 0.5, instructions: 'Be kind.' });
  assert.deepEqual([said.output_text, said.status, said.metadata, said.temperature], ['Hello, world.', 'completed', { a: 'b' }, 0.5]);
  assert.deepEqual([said.usage.input_tokens, said.usage.output_tokens, said.usage.total_tokens], [10, 5, 15]);
  assert.deepEqual(plain(await client.responses.retrieve(said.id)), plain(said));
  const events = await streamed('Say hello');
  assert.equal(events.filter((one) => one.type === 'response.output_text.delta').map((one) => one.delta).join(''), 'Hello, world.');
  assert.equal(events.at(-1).type, 'response.completed');
  const stream = client.responses.stream({ model, input: 'Say hello' });
  const heard = [];
  stream.on('response.output_text.delta', (one) => heard.push(one.snapshot));
  assert.equal((await stream.finalResponse()).output_text, 'Hello, world.');
  assert.equal(heard.at(-1), 'Hello, world.');
  assert.ok(types(await streamed('Refuse')).includes('refusal.done'));
  const thought = await streamed('Think', { include: ['reasoning.encrypted_content'], store: false });
  assert.ok(types(thought).includes('reasoning_text.delta'));
  assert.deepEqual(kinds(thought.at(-1).response), ['reasoning', 'message']);
  const again = [{ role: 'user', content: 'Think' }, ...plain(thought.at(-1).response.output), { role: 'user', content: 'Say hello' }];
  assert.equal((await create(again, { store: false })).output_text, 'Hello, world.');
}

async function shell() {
  const said = await create('List the files', { tools: [AUTO] });
  assert.deepEqual(kinds(said), ['shell_call', 'shell_call_output', 'message']);
  const [call, { output }] = said.output;
  assert.deepEqual([output[0].stdout, output[0].outcome, output[1].stderr, output[1].outcome],
    ['a.csv\nb.csv\n', { type: 'exit', exit_code: 0 }, 'oops\n', { type: 'exit', exit_code: 3 }]);
  const container = call.environment.container_id;
  assert.ok((await collect(client.containers.list())).some((one) => one.id === container));
  const events = await streamed('List the files', { tools: [AUTO] });
  const wrote = { stdout: ['', ''], stderr: ['', ''] };
  for (const one of events.filter((one) => one.type === 'response.shell_call_output_content.delta')) {
    for (const [stream, more] of Object.entries(one.delta)) wrote[stream][one.command_index] += more;
  }
  const final = events.at(-1).response.output[1].output;
  assert.deepEqual([wrote.stdout, wrote.stderr], [final.map((one) => one.stdout), final.map((one) => one.stderr)]);
  const commands = events.filter((one) => one.type === 'response.shell_call_command.done').map((one) => one.command);
  assert.deepEqual(commands, events.at(-1).response.output[0].action.commands);
  const stream = client.responses.stream({ model, input: 'List the files', tools: [AUTO] });
  assert.deepEqual(kinds(await stream.finalResponse()), ['shell_call', 'shell_call_output', 'message']);
  const there = { type: 'shell', environment: { type: 'container_reference', container_id: (await client.containers.create({ name: 'kept' })).id } };
  assert.equal((await create('Write the note', { tools: [there] })).output_text, 'Written.');
  assert.equal((await create('Read the note', { tools: [there] })).output_text, 'It says kept.');
}

async function functions() {
  const local = { type: 'shell', environment: { type: 'local' } };
  const asked = await create('Read the note', { tools: [local] });
  assert.deepEqual([kinds(asked), asked.output[0].environment], [['shell_call'], { type: 'local' }]);
  const printed = { stdout: 'kept', stderr: '', outcome: { type: 'exit', exit_code: 0 } };
  const answer = { type: 'shell_call_output', call_id: asked.output[0].call_id, output: [printed] };
  assert.equal((await create([answer], { tools: [local], previous_response_id: asked.id })).output_text, 'It says kept.');
  const events = await streamed('Weather', { tools: [WEATHER] });
  assert.ok(types(events).includes('function_call_arguments.delta'));
  const first = events.at(-1).response;
  assert.deepEqual(kinds(first), ['function_call', 'function_call']);
  const outputs = first.output.map((call) => ({ type: 'function_call_output', call_id: call.call_id, output: 'rain' }));
  assert.equal((await create(outputs, { tools: [WEATHER], previous_response_id: first.id })).output_text, 'Take an umbrella.');
  await refused(BadRequestError, null, () => create(outputs.slice(1), { tools: [WEATHER], previous_response_id: first.id }));
  assert.ok(types(await streamed('Take it down', { tools: [{ type: 'custom', name: 'note' }] })).includes('custom_tool_call_input.done'));
}

async function kept() {
  const first = await create([{ role: 'user', content: 'One' }, { role: 'user', content: 'Say hello' }]);
  const items = await collect(client.responses.inputItems.list(first.id, { limit: 1, order: 'asc' }));
  assert.deepEqual(items.map((one) => item(one).content[0].text), ['One', 'Say hello']);
  const again = await all(await client.responses.retrieve(first.id, { stream: true }));
  assert.deepEqual(plain(again.at(-1).response), plain(first), 'what was not streamed is told all the same');
  assert.deepEqual(types(again), types(await streamed('Say hello')));
  const rest = await all(await client.responses.retrieve(first.id, { stream: true, starting_after: 3 }), 4);
  assert.deepEqual(plain(rest), plain(again.slice(4)));
  assert.ok((await client.responses.inputTokens.count({ model, input: 'Say hello', previous_response_id: first.id })).input_tokens > 0);
  await client.responses.delete(first.id);
  await refused(NotFoundError, null, () => client.responses.retrieve(first.id));
  await refused(BadRequestError, 'previous_response_not_found', () => create('x', { previous_response_id: first.id }));
  const unkept = await create('Say hello', { store: false });
  await refused(NotFoundError, null, () => client.responses.retrieve(unkept.id));
}

async function background() {
  const begun = await create('List the files', { tools: [AUTO], background: true });
  assert.deepEqual([begun.status, begun.background, begun.output], ['queued', true, []]);
  let now = begun;
  while (['queued', 'in_progress'].includes(now.status)) now = response(await client.responses.retrieve(begun.id));
  assert.deepEqual([now.status, now.output_text], ['completed', 'Two files.']);
  assert.equal((await client.responses.cancel(begun.id)).status, 'completed', 'too late');

  const seen = [];
  for await (const one of await client.responses.create({ model, input: 'List the files', tools: [AUTO], background: true, stream: true })) {
    if (seen.push(event(one)) === 4) break; // which ends the connection
  }
  const { id } = seen[0].response;
  const rest = await all(await client.responses.retrieve(id, { stream: true, starting_after: 3 }), 4);
  assert.equal(rest.at(-1).type, 'response.completed');
  assert.deepEqual(plain(await all(await client.responses.retrieve(id, { stream: true }))), plain([...seen, ...rest]), 'the same again');
  const resumed = client.responses.stream({ response_id: id, starting_after: 3 });
  assert.equal((await resumed.finalResponse()).output_text, 'Two files.');

  const endless = await client.responses.create({ model, input: 'Never end', tools: [AUTO], background: true, stream: true });
  let running;
  for await (const one of endless) {
    running ??= one.response?.id;
    if (one.type === 'response.shell_call_output_content.delta') break;
  }
  const cancelled = response(await client.responses.cancel(running));
  assert.equal(cancelled.status, 'cancelled');
  assert.deepEqual(plain(await client.responses.cancel(running)), plain(cancelled), 'asking twice does no harm');
  const until = await all(await client.responses.retrieve(running, { stream: true }));
  assert.ok(!types(until).includes('completed'), 'its events just stop');
  const plainly = await create('Say hello');
  await refused(BadRequestError, null, () => client.responses.cancel(plainly.id));
}

async function conversations() {
  const talk = await client.conversations.create({ metadata: { a: 'b' }, items: [{ role: 'user', content: 'Before' }] });
  has(talk, 'created_at id metadata object', 'conversation');
  const of = { conversation_id: talk.id };
  const first = await create('Write the note', { tools: [AUTO], conversation: talk.id });
  assert.deepEqual(first.conversation, { id: talk.id });
  assert.equal((await create('Read the note', { tools: [AUTO], conversation: { id: talk.id } })).output_text, 'It says kept.');
  const items = await collect(client.conversations.items.list(talk.id, { order: 'asc', limit: 3 }));
  const turn = ['message', 'shell_call', 'shell_call_output', 'message'];
  assert.deepEqual(items.map((one) => item(one).type), ['message', ...turn, ...turn]);
  assert.deepEqual((await collect(client.conversations.items.list(talk.id))).map((one) => one.id), items.map((one) => one.id).reverse());
  const many = Array.from({ length: 21 }, (_, n) => ({ type: 'message', role: 'user', content: `${n}` }));
  await refused(BadRequestError, 'invalid_value', () => client.conversations.items.create(talk.id, { items: many }));
  assert.equal((await client.conversations.items.create(talk.id, { items: many.slice(1) })).data.length, 20);
  assert.equal(item(await client.conversations.items.retrieve(items[0].id, of)).id, items[0].id);
  assert.equal((await client.conversations.items.delete(items[0].id, of)).id, talk.id);
  await refused(NotFoundError, null, () => client.conversations.items.retrieve(items[0].id, of));
  assert.deepEqual((await client.conversations.update(talk.id, { metadata: { c: 'd' } })).metadata, { c: 'd' });
  assert.deepEqual((await client.conversations.retrieve(talk.id)).metadata, { c: 'd' });
  await refused(BadRequestError, 'mutually_exclusive_parameters', () =>
    create('x', { conversation: talk.id, previous_response_id: first.id }));
  assert.deepEqual({ ...(await client.conversations.delete(talk.id)) }, { id: talk.id, object: 'conversation.deleted', deleted: true });
  await refused(NotFoundError, null, () => client.conversations.retrieve(talk.id));
}

async function compaction() {
  const first = await create('Write the note', { tools: [AUTO] });
  const compacted = await client.responses.compact({ model, previous_response_id: first.id, input: [{ role: 'user', content: 'More' }] });
  has(compacted, 'created_at id object output usage', 'compaction');
  const on = [...plain(compacted.output), { role: 'user', content: 'Read the note' }];
  assert.equal((await create(on, { tools: [AUTO], store: false })).output_text, 'It says kept.');
  await refused(BadRequestError, 'missing_required_parameter', () => client.responses.compact({ input: 'x' }));
  const long = [{ role: 'user', content: 'word '.repeat(4000) }, { role: 'user', content: 'Say hello' }];
  const events = await streamed(long, { context_management: [{ type: 'compaction', compact_threshold: 1000 }] });
  assert.ok(types(events).includes('compaction.compacting'));
  assert.deepEqual(kinds(events.at(-1).response), ['compaction', 'message']);
}

async function errors() {
  await refused(BadRequestError, 'unknown_parameter', () => create('x', { colour: 'red' }));
  await refused(NotFoundError, 'model_not_found', () => create('x', { model: 'other' }));
  const failed = await create('Fail');
  assert.deepEqual([failed.status, failed.error.code], ['failed', 'server_error']);
  assert.equal((await streamed('Fail')).at(-1).type, 'response.failed');
}

for (const check of [text, shell, functions, kept, background, conversations, compaction, errors]) {
  await check();
  console.log('ok', check.name);
}
