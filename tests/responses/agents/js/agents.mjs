// The stock `@openai/agents` against the service: agents.mjs BASE_URL. Exits 0 if every run went as the SDK says it does.

import assert from 'node:assert/strict';
import { File as NodeFile } from 'node:buffer';

globalThis.File ??= NodeFile; // what Node 18 lacks
const { Agent, Runner, OpenAIConversationsSession, hostedMcpTool, setDefaultOpenAIClient, setTracingDisabled, shellTool, tool } = await import('@openai/agents');
const { default: OpenAI } = await import('openai');

const client = new OpenAI({ baseURL: `${process.argv[2]}/v1`, apiKey: 'unused', maxRetries: 0, timeout: 60_000 });
setDefaultOpenAIClient(client);
setTracingDisabled(true);
const runner = new Runner();
const auto = shellTool({ environment: { type: 'container_auto' } });
const agent = (tools, more = {}) => new Agent({ name: 'Worker', model: 'm', instructions: 'Be brief.', tools, ...more });
const kinds = (result) => result.newItems.map((item) => item.type);

/** The agent run whole, then streamed; both must have made the same items. */
async function both(agent, input, more = {}) {
  const whole = await runner.run(agent, input, more);
  const streamed = await runner.run(agent, input, { ...more, stream: true });
  const told = [];
  for await (const event of streamed) if (event.type === 'run_item_stream_event') told.push(event.item.type);
  await streamed.completed;
  assert.deepEqual(kinds(streamed), kinds(whole));
  assert.deepEqual(told, kinds(whole));
  assert.equal(streamed.finalOutput, whole.finalOutput);
  return whole;
}

async function hosted() {
  const result = await both(agent([auto]), 'List the files');
  assert.equal(result.finalOutput, 'Two files.');
  assert.deepEqual(kinds(result), ['reasoning_item', ...Array(2).fill('tool_call_item'), ...Array(2).fill('tool_call_output_item'), 'message_output_item']);
  const { output } = result.newItems[4].rawItem;
  assert.deepEqual(output.map((one) => [one.stdout, one.stderr, one.outcome.exitCode]), [['', 'oops\n', 3], ['beside\n', '', 0]]);
  const again = await runner.run(agent([auto]), [...result.history, { role: 'user', content: 'Say hello' }]);
  assert.equal(again.finalOutput, 'Hello, world.', 'the whole history comes back with it');
}

async function reference() {
  const container = await client.containers.create({ name: 'of the agent' });
  const there = agent([shellTool({ environment: { type: 'container_reference', containerId: container.id } })]);
  assert.equal((await runner.run(there, 'Write the note')).finalOutput, 'Written.');
  assert.equal((await both(there, 'Read the note')).finalOutput, 'It says kept.');
}

async function local() {
  const run = async ({ commands, timeoutMs, maxOutputLength }) => {
    assert.deepEqual([commands, timeoutMs, maxOutputLength], [['cat data.csv', 'wc -l data.csv'], 5000, 100]);
    const output = commands.map(() => ({ stdout: 'a,1\n', stderr: '', outcome: { type: 'exit', exitCode: 0 } }));
    return { output, maxOutputLength };
  };
  assert.equal((await both(agent([shellTool({ shell: { run } })]), 'Work here')).finalOutput, 'It is one line.');
}

async function functions() {
  const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false };
  const weather = tool({ name: 'get_weather', description: 'Tells the weather.', parameters, execute: async () => 'rain' });
  assert.equal((await both(agent([auto, weather]), 'Weather there')).finalOutput, 'It rains in Paris.');
}

async function conversations() {
  const session = new OpenAIConversationsSession({ client });
  assert.equal((await runner.run(agent([auto]), 'Write the note', { session })).finalOutput, 'Written.');
  assert.equal((await runner.run(agent([auto]), 'Read the note', { session })).finalOutput, 'It says kept.');
  assert.equal((await session.getItems()).length, 8);
}

async function approvals() {
  const worker = agent([auto, hostedMcpTool({ serverLabel: 'coquina' })], { modelSettings: { providerData: { policy: { default: 'ask' } } } });
  for (const [approve, said] of [[true, 'Written.'], [false, 'I may not.']]) {
    const asked = await runner.run(worker, 'Write the note');
    assert.equal(asked.interruptions.length, 1);
    const decide = (item) => (approve ? asked.state.approve(item) : asked.state.reject(item));
    decide(asked.interruptions[0]);
    assert.equal((await runner.run(worker, asked.state)).finalOutput, said);
  }
}

for (const group of [hosted, reference, local, functions, conversations, approvals]) {
  await group();
  console.log(group.name, 'ok');
}
