"""The stock Agents SDK against the service: runs.py BASE_URL [GROUP…]. Exits 0 if every run went as the SDK says it does.

Each agent is run twice where it makes a difference: whole (`Runner.run`) and streamed (`Runner.run_streamed`).
"""

import asyncio
import json
import os
import sys

os.environ["OPENAI_BASE_URL"] = sys.argv[1] + "/v1"

from agents import (  # noqa: E402: the variables are read when the SDK is imported
    Agent, ApplyPatchTool, HostedMCPTool, ModelSettings, OpenAIConversationsSession, OpenAIResponsesCompactionSession,
    OpenAIResponsesWSModel, Runner, RunState, ShellCallOutcome, ShellCommandOutput, ShellResult, ShellTool, SQLiteSession, function_tool, handoff,
)
from agents.exceptions import AgentsException  # noqa: E402
from openai import AsyncOpenAI, NotFoundError  # noqa: E402
from pydantic import BaseModel  # noqa: E402

client = AsyncOpenAI(max_retries=0, timeout=60)
AUTO = ShellTool(environment={"type": "container_auto"})
TURN = ["tool_call_item", "tool_call_output_item"]


def agent(*tools, **more):
    return Agent(**{"name": "Worker", "model": "m", "instructions": "Be brief.", "tools": list(tools), **more})


def kinds(result):
    return [item.type for item in result.new_items]


async def both(agent, input, **more):
    """The agent run whole, then streamed; both must have made the same items."""
    whole = await Runner.run(agent, input, **more)
    streamed = Runner.run_streamed(agent, input, **more)
    events = [event async for event in streamed.stream_events()]
    assert kinds(whole) == kinds(streamed), (kinds(whole), kinds(streamed))
    assert whole.final_output == streamed.final_output
    told = [event.item.type for event in events if event.type == "run_item_stream_event"]
    assert told == kinds(streamed), told
    return whole, streamed, events


async def hosted():
    whole, streamed, events = await both(agent(AUTO), "List the files")
    assert kinds(whole) == ["reasoning_item", TURN[0], TURN[0], TURN[1], TURN[1], "message_output_item"], kinds(whole)
    assert whole.final_output == "Two files." and len(whole.raw_responses) == 1
    names = [event.name for event in events if event.type == "run_item_stream_event"]
    assert names == ["reasoning_item_created", *["tool_called"] * 2, *["tool_output"] * 2, "message_output_created"], names
    call, output = whole.new_items[2].raw_item, whole.new_items[4].raw_item
    assert (call["type"], output["type"], output["max_output_length"]) == ("shell_call", "shell_call_output", 4096)
    printed = [(one["stdout"], one["stderr"], one["outcome"]["exit_code"]) for one in output["output"]]
    assert printed == [("", "oops\n", 3), ("beside\n", "", 0)]
    text = "".join(event.data.delta for event in events
                   if event.type == "raw_response_event" and event.data.type == "response.output_text.delta")
    assert text == "Two files."
    usage = whole.context_wrapper.usage
    assert (usage.requests, usage.total_tokens) == (1, usage.input_tokens + usage.output_tokens) and usage.input_tokens > 0
    again = await Runner.run(agent(AUTO), [*whole.to_input_list(), {"role": "user", "content": "Say hello"}])
    assert again.final_output == "Hello, world.", "the whole history comes back with it"


async def reference():
    container = await client.containers.create(name="of the agent")
    there = agent(ShellTool(environment={"type": "container_reference", "container_id": container.id}))
    assert (await Runner.run(there, "Write the note")).final_output == "Written."
    whole, _, _ = await both(there, "Read the note")
    assert whole.final_output == "It says kept."
    assert whole.new_items[0].raw_item["environment"]["container_id"] == container.id
    assert [file.path async for file in client.containers.files.list(container.id)] == ["/mnt/data/note"]
    first = await Runner.run(agent(AUTO), "Write the note")
    on = await Runner.run(agent(AUTO), "Read the note", previous_response_id=first.last_response_id)
    assert on.final_output == "It says kept.", "its container is reused"


def executor(outcome):
    """One of the client's machines; `outcome` says how it fares."""
    async def run(request):
        action = request.data.action
        assert action.commands == ["cat data.csv", "wc -l data.csv"], action
        assert (action.timeout_ms, action.max_output_length) == (5000, 100)
        if outcome == "raises":
            raise RuntimeError("the machine is on fire")
        if outcome == "text":
            return "a,1"
        late = outcome == "late"
        ended = ShellCallOutcome(type="timeout") if late else ShellCallOutcome(type="exit", exit_code=0)
        first = ShellCommandOutput(stdout="" if late else "a,1\n" * 100, outcome=ended, command="cat data.csv")
        return ShellResult(output=[first, ShellCommandOutput(stdout="1\n", outcome=ended)], max_output_length=50)
    return ShellTool(executor=run)


async def local():
    for outcome, said in [("well", "It is one line."), ("text", "It is one line."),
                          ("raises", "The machine is on fire."), ("late", "It took too long.")]:
        whole, _, _ = await both(agent(executor(outcome)), "Work here")
        assert (kinds(whole), whole.final_output) == ([*TURN, "message_output_item"], said), (outcome, whole.final_output)
        assert len(whole.raw_responses) == 2
    chained = await Runner.run(agent(executor("well")), "Work here", auto_previous_response_id=True)
    assert chained.final_output == "It is one line.", "only the outputs are sent"
    unstored = agent(executor("well"), model_settings=ModelSettings(store=False, include=["reasoning.encrypted_content"]))
    assert (await Runner.run(unstored, "Work here")).final_output == "It is one line."


@function_tool
def get_weather(city: str) -> str:
    """Tells the weather of a city."""
    assert city == "Paris"
    return "rain"


async def functions():
    whole, _, _ = await both(agent(AUTO, get_weather), "Weather there")
    assert whole.final_output == "It rains in Paris."
    assert sorted(kinds(whole)) == sorted([*TURN, *TURN, "message_output_item"]), kinds(whole)
    chained = await Runner.run(agent(AUTO, get_weather), "Weather there", auto_previous_response_id=True)
    assert chained.final_output == "It rains in Paris."


class Editor:
    """Files of the client's."""

    def __init__(self):
        self.files = {}

    def create_file(self, operation):
        self.files[operation.path] = operation.diff

    update_file = delete_file = create_file


class Person(BaseModel):
    name: str
    age: int


async def patches():
    editor = Editor()
    whole, _, _ = await both(agent(ApplyPatchTool(editor=editor)), "Patch the file")
    assert (whole.final_output, editor.files) == ("Patched.", {"note": "+patched"})
    result = await Runner.run(agent(AUTO, ApplyPatchTool(editor=editor)), "Patch the file")
    assert result.final_output == "Patched.", "it is applied here, and by the editor too"
    whole, _, _ = await both(agent(output_type=Person), "As JSON")
    assert whole.final_output == Person(name="Ada", age=36)


async def handoffs():
    specialist = agent(AUTO, name="Specialist", instructions="You are a specialist.")
    first = agent(instructions="You hand over.", handoffs=[handoff(specialist)])
    for more in [{}, {"auto_previous_response_id": True}]:
        whole, _, _ = await both(first, "Ask the specialist", **more)
        assert whole.final_output == "There is special.csv." and whole.last_agent is specialist
        assert kinds(whole) == ["handoff_call_item", "handoff_output_item", *TURN, "message_output_item"], kinds(whole)


async def conversations():
    session = OpenAIConversationsSession(openai_client=client)
    for asked, said in [("Write the note", "Written."), ("Read the note", "It says kept."), ("Work here", "It is one line.")]:
        tool = executor("well") if asked == "Work here" else AUTO
        result = await Runner.run(agent(tool), asked, session=session)
        assert result.final_output == said, (asked, result.final_output)
    items = await session.get_items()
    call = ["message", "shell_call", "shell_call_output", "message"]
    assert [item["type"] for item in items] == call * 3, [item["type"] for item in items]
    assert [item["id"] for item in await session.get_items(limit=2)] == [item["id"] for item in items[-2:]]
    assert (await session.pop_item())["id"] == items[-1]["id"] and len(await session.get_items()) == len(items) - 1
    await session.add_items([{"role": "user", "content": f"{n}"} for n in range(45)])
    assert [item["content"][0]["text"] for item in await session.get_items(limit=45)] == [f"{n}" for n in range(45)]
    await session.clear_session()
    assert await session.get_items() == [], "another one"
    conversation = await client.conversations.create()
    await Runner.run(agent(AUTO), "Write the note", conversation_id=conversation.id)
    streamed = Runner.run_streamed(agent(AUTO), "Read the note", conversation_id=conversation.id)
    async for _ in streamed.stream_events():
        pass
    assert streamed.final_output == "It says kept."
    there = [item.type async for item in client.conversations.items.list(conversation.id, order="asc")]
    assert there == call * 2, there


async def compaction():
    for model, store in [("gpt-4.1", True), ("gpt-5.5", True), ("gpt-4.1", False)]:
        session = OpenAIResponsesCompactionSession("s", SQLiteSession("s"), client=client, model=model)
        worker = agent(AUTO, model_settings=ModelSettings(store=store))
        lengths = []
        for asked in ["Write the note", "List the files", "List the files", "Say hello", "Read the note"]:
            result = await Runner.run(worker, asked, session=session)
            lengths.append(len(await session.get_items()))
        assert result.final_output == "It says kept.", "the container is known from the summary"
        items = await session.get_items()
        assert "compaction" in [item.get("type") for item in items], items
        assert any(after < before for before, after in zip(lengths, lengths[1:])), lengths
    await session.run_compaction({"force": True})
    assert (await session.get_items())[-1]["type"] == "compaction"


async def asked_here():
    """The client's own approvals: nothing of them is said to the service but what came of them."""
    for approve, said in [(True, "It is one line."), (False, "I may not.")]:
        tool = executor("well")
        tool.needs_approval = True
        for more in [{}, {"auto_previous_response_id": True}]:
            worker = agent(tool)
            result = await Runner.run(worker, "Work here", **more)
            assert len(result.interruptions) == 1 and result.final_output is None
            state = await RunState.from_json(worker, result.to_state().to_json())
            (item,) = state.get_interruptions()
            state.approve(item) if approve else state.reject(item)
            assert (await Runner.run(worker, state)).final_output == said
            streamed = Runner.run_streamed(worker, "Work here", **more)
            async for _ in streamed.stream_events():
                pass
            state = streamed.to_state()
            (item,) = state.get_interruptions()
            state.approve(item) if approve else state.reject(item)
            streamed = Runner.run_streamed(worker, state)
            async for _ in streamed.stream_events():
                pass
            assert streamed.final_output == said


def watched(beside=(), **more):
    """An agent whose every command waits for a person at the service; what it may do is said with its requests."""
    policy = ModelSettings(extra_body={"policy": {"default": "ask"}})
    asked = HostedMCPTool(tool_config={"type": "mcp", "server_label": "coquina"}, **more)
    return agent(AUTO, asked, *beside, model_settings=policy)


async def asked_there():
    """The service's approvals, which the SDK knows as those of a hosted MCP server named coquina."""
    for approve, said in [(True, "Written."), (False, "I may not.")]:
        for more in [{}, {"auto_previous_response_id": True}]:
            worker = watched()
            result = await Runner.run(worker, "Write the note", **more)
            (item,) = result.interruptions
            asked = item.raw_item
            assert asked.server_label == "coquina" and "/mnt/data/note" in asked.arguments
            state = await RunState.from_json(worker, result.to_state().to_json())
            (item,) = state.get_interruptions()
            state.approve(item) if approve else state.reject(item)
            result = await Runner.run(worker, state)
            assert result.final_output == said and not result.interruptions
            (output,) = [item.raw_item["output"] for item in result.new_items if item.type == "tool_call_output_item"]
            assert output[0]["outcome"]["exit_code"] == (0 if approve else 126), output
            place = json.loads(asked.arguments)["container_id"]
            assert [file.path async for file in client.containers.files.list(place)] == ["/mnt/data/note"] * approve
            again = await Runner.run(worker, [*result.to_input_list(), {"role": "user", "content": "Say hello"}])
            assert again.final_output == "Hello, world."
    # A step with two calls that wait and one that is the client's.
    for more in [{}, {"auto_previous_response_id": True}]:
        worker = watched(beside=[get_weather])
        result = await Runner.run(worker, "Do it all", **more)
        state = result.to_state()
        first, second = state.get_interruptions()
        state.reject(first)
        state.approve(second)
        result = await Runner.run(worker, state)
        assert result.final_output == "It rains on the second." and not result.interruptions, result.final_output
        outputs = [item.raw_item["output"] for item in result.new_items if item.type == "tool_call_output_item"]
        codes = [output[0]["outcome"]["exit_code"] for output in outputs if isinstance(output, list)]
        assert codes == [126, 0] and len(outputs) == 3, outputs
    seen = []

    def decide(request):
        seen.append(request.data.arguments)
        return {"approve": True}

    whole, _, _ = await both(watched(on_approval_request=decide), "Write the note")
    assert whole.final_output == "Written." and len(seen) == 2


async def asked_behind_chat():
    """The same with another model: what it is told is looked at elsewhere."""
    for more in [{}, {"auto_previous_response_id": True}]:
        worker = watched()
        state = (await Runner.run(worker, "Write the note", **more)).to_state()
        (item,) = state.get_interruptions()
        state.approve(item)
        assert (await Runner.run(worker, state)).final_output == "Done."


async def transports():
    """The same over a WebSocket."""
    for asked, said, tool in [("List the files", "Two files.", AUTO), ("Work here", "It is one line.", executor("well"))]:
        worker = agent(tool, model=OpenAIResponsesWSModel("m", client))
        assert (await Runner.run(worker, asked)).final_output == said
        assert (await Runner.run(worker, asked, auto_previous_response_id=True)).final_output == said


async def errors():
    worker = agent(model="gone")
    try:
        await Runner.run(worker, "Say hello")
        raise AssertionError("there is no such model")
    except NotFoundError as error:
        assert error.code == "model_not_found"
    for streamed in [False, True]:
        try:
            if streamed:
                async for _ in Runner.run_streamed(agent(), "Fail").stream_events():
                    pass
            else:
                await Runner.run(agent(), "Fail")
        except AgentsException as error:
            assert "on fire" in str(error), error
        else:
            raise AssertionError("a failed response is an error")


groups = [
    hosted, reference, local, functions, patches, handoffs, conversations, compaction, asked_here, asked_there, transports, errors,
]


async def main():
    for group in [asked_behind_chat] if sys.argv[2:] == ["asked_behind_chat"] else groups:
        if len(sys.argv) < 3 or group.__name__ in sys.argv[2:]:
            await group()
            print(group.__name__, "ok", flush=True)


asyncio.run(main())
