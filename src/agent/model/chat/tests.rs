//! What is asked: prompts as bodies of requests, by profile.

use super::*;
use crate::agent::item::Item;

fn items(items: Value) -> Vec<Item> {
    serde_json::from_value(items).expect("they are items")
}

fn request(profile: &Profile, prompt: &Prompt) -> Value {
    Chat { model: "up".into(), profile: profile.clone() }.request(prompt)
}

/// The messages of these items, after the instructions "Be brief."
fn said(profile: &Profile, conversation: Value) -> Value {
    let prompt = Prompt { instructions: "Be brief.".into(), items: items(conversation), ..Prompt::default() };
    let mut messages = request(profile, &prompt)["messages"].take();
    let first = messages.as_array_mut().expect("a list").remove(0);
    assert_eq!(first["role"], "system");
    assert!(first["content"].as_str().is_some_and(|text| text.starts_with("Be brief.")));
    messages
}

fn openai() -> Profile {
    Profile::preset("openai").expect("it is one")
}

fn call(id: &str, name: &str, arguments: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
}

fn tools() -> Vec<ToolSpec> {
    let name = || "f".to_owned();
    vec![
        ToolSpec::Shell,
        ToolSpec::ApplyPatch,
        ToolSpec::Function { name: name(), description: Some("d".into()), parameters: Value::Null, strict: Some(true) },
        ToolSpec::Custom {
            name: "g".into(),
            description: Some("Queries.".into()),
            format: json!({"type": "grammar", "syntax": "lark", "definition": "start: \"a\""}),
        },
    ]
}

#[test]
fn a_step_with_its_calls_is_one_message() {
    let conversation = json!([
        {"role": "user", "content": "List the files"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]},
        {"role": "assistant", "content": "I look."},
        {"type": "shell_call", "call_id": "a", "action": {"commands": ["ls"], "timeout_ms": 5}},
        {"type": "function_call", "call_id": "b", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "b", "output": ""},
        {"type": "shell_call_output", "call_id": "a", "output":
            [{"stdout": "x\n", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}]},
        {"type": "custom_tool_call", "call_id": "c", "name": "g", "input": "q"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "r"}]},
        {"type": "apply_patch_call", "call_id": "d", "operation": {"type": "delete_file", "path": "p"}},
        {"role": "assistant", "content": "Done."},
    ]);
    let expected = json!([
        {"role": "user", "content": "List the files"},
        {"role": "assistant", "content": "I look.", "tool_calls":
            [call("a", "shell", r#"{"commands":["ls"],"timeout_ms":5}"#), call("b", "f", "{}")]},
        {"role": "tool", "tool_call_id": "a", "content": "exit_code=0\nstdout:\nx\n"},
        {"role": "tool", "tool_call_id": "b", "content": "(no output)"},
        {"role": "assistant", "content": null, "tool_calls": [call("c", "g", r#"{"input":"q"}"#)]},
        {"role": "tool", "tool_call_id": "c", "content": "r"},
        {"role": "assistant", "content": null, "tool_calls":
            [call("d", "apply_patch", r#"{"operation":{"path":"p","type":"delete_file"}}"#)]},
        {"role": "tool", "tool_call_id": "d", "content": "(this call was not carried out)"},
        {"role": "assistant", "content": "Done."},
    ]);
    assert_eq!(said(&openai(), conversation), expected);
}

#[test]
fn an_output_without_its_call_is_told_by_the_user() {
    let conversation = json!([{"type": "function_call_output", "call_id": "gone", "output": "42"}]);
    let expected = json!([{"role": "user", "content": "Output of an earlier tool call:\n42"}]);
    assert_eq!(said(&openai(), conversation), expected);
}

/// Checks what services insist on: calls are followed at once by their outputs, and outputs by nothing else have a place.
fn check_order(messages: &Value) {
    let mut due: Vec<Value> = Vec::new();
    for message in messages.as_array().expect("a list") {
        if message["role"] == "tool" {
            assert_eq!(due.pop().as_ref(), Some(&message["tool_call_id"]), "{messages:#}");
            continue;
        }
        assert!(due.is_empty(), "{due:?} have no outputs: {messages:#}");
        let calls = message["tool_calls"].as_array().into_iter().flatten();
        due = calls.map(|call| call["id"].clone()).rev().collect();
    }
    assert!(due.is_empty(), "{due:?} have no outputs: {messages:#}");
}

#[test]
fn outputs_follow_their_calls_whatever_came_between() {
    let output = |id: &str| {
        let ended = json!({"stdout": id, "stderr": "", "outcome": {"type": "exit", "exit_code": 0}});
        json!({"type": "shell_call_output", "call_id": id, "output": [ended]})
    };
    let shell = |id: &str| json!({"type": "shell_call", "call_id": id, "action": {"commands": ["ls"]}});
    let conversation = [
        json!({"role": "user", "content": "Go"}),
        shell("a"),
        // Asked about, while another call was being written; then somebody has decided.
        shell("b"),
        json!({"type": "mcp_approval_request", "id": "mcpr_1", "server_label": "coquina", "name": "shell", "arguments": "{}"}),
        json!({"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": true}),
        json!({"role": "user", "content": "And then stop"}),
        output("a"),
        json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}),
        json!({"role": "assistant", "content": "I ask."}),
        json!({"type": "function_call_output", "call_id": "c", "output": "ok"}),
    ];
    let rendered = |conversation: Value| {
        let items = crate::agent::prompt::render(&items(conversation));
        said(&openai(), serde_json::to_value(items).expect("items are JSON"))
    };
    let messages = rendered(json!(conversation));
    check_order(&messages);
    let roles: Vec<&str> = messages.as_array().expect("a list").iter().filter_map(|m| m["role"].as_str()).collect();
    assert_eq!(roles, ["user", "assistant", "tool", "tool", "user", "user", "assistant", "tool", "assistant"]);
    assert!(messages[2]["content"].as_str().is_some_and(|text| text.contains('a')), "{messages:#}");
    assert!(messages[4]["content"].as_str().is_some_and(|text| text.contains("approved")), "{messages:#}");
    // However they lie: also where an output has lost its call, or comes before it.
    for from in 0..conversation.len() {
        for to in 0..conversation.len() {
            let mut moved = conversation.to_vec();
            let item = moved.remove(from);
            moved.insert(to, item);
            check_order(&rendered(json!(moved)));
            check_order(&rendered(json!(moved[1..])));
        }
    }
}

#[test]
fn what_profiles_change_about_messages() {
    let conversation = json!([
        {"role": "developer", "content": "Be kind."},
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]},
        {"type": "function_call", "call_id": "call_0123", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_0123", "output": "ok"},
        {"role": "system", "content": "Be quick."},
    ]);
    let plain = said(&Profile::default(), conversation.clone());
    let assistant = json!({"role": "assistant", "content": "", "tool_calls": [call("call_0123", "f", "{}")]});
    assert_eq!(plain[0], assistant, "system messages are one, content is not null");
    let roles = |messages: &Value| -> Vec<String> {
        messages.as_array().expect("a list").iter().map(|m| m["role"].as_str().unwrap_or("").to_owned()).collect()
    };
    assert_eq!(roles(&plain), ["assistant", "tool"]);
    assert_eq!(roles(&said(&openai(), conversation.clone())), ["developer", "assistant", "tool", "system"]);

    let one = Prompt { items: items(conversation.clone()), ..Prompt::default() };
    assert_eq!(request(&Profile::default(), &one)["messages"][0]["content"], "Be kind.\n\nBe quick.");

    let llama = said(&Profile::preset("llama_cpp").expect("it is one"), conversation.clone());
    assert_eq!(llama[0]["reasoning_content"], "Hm.");

    let mistral = said(&Profile::preset("mistral").expect("it is one"), conversation);
    let id = mistral[0]["tool_calls"][0]["id"].as_str().expect("text");
    assert!(id.len() == 9 && id.bytes().all(|b| b.is_ascii_alphanumeric()), "{id}");
    assert_eq!(mistral[1]["tool_call_id"], id);
}

#[test]
fn images_and_files() {
    let conversation = json!([{"role": "user", "content": [
        {"type": "input_text", "text": "What is it?"},
        {"type": "input_image", "image_url": "data:image/png;base64,AA", "detail": "low"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"},
        {"type": "input_file", "file_url": "https://example.com/b"},
    ]}]);
    let parts = json!([
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "low"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"}},
        {"type": "text", "text": "[a file that cannot be shown to this model: https://example.com/b]"},
    ]);
    assert_eq!(said(&openai(), conversation.clone())[0]["content"], parts);
    let blind = Profile { images: false, ..Profile::default() };
    let hidden = ["[an image", "[a file", "[a file"].map(|what| format!("{what} that cannot be shown to this model"));
    let text = format!("What is it?\n{}]\n{}: a.pdf]\n{}: https://example.com/b]", hidden[0], hidden[1], hidden[2]);
    assert_eq!(said(&blind, conversation)[0]["content"], text);
}

#[test]
fn images_that_tools_answer_come_after_their_answers() {
    let image = json!({"type": "input_image", "image_url": "data:image/png;base64,AA"});
    let call = |id| json!({"type": "function_call", "call_id": id, "name": "look", "arguments": "{}"});
    let output = |id, output| json!({"type": "function_call_output", "call_id": id, "output": output});
    let parts = json!([{"type": "input_text", "text": "a cat"}, image]);
    let said = said(&openai(), json!([call("c1"), call("c2"), output("c1", parts), output("c2", json!("no"))]));
    assert_eq!((&said[1]["content"], &said[2]["content"]), (&json!("a cat"), &json!("no")));
    assert_eq!((&said[3]["role"], &said[3]["content"][1]["type"]), (&json!("user"), &json!("image_url")));
    assert_eq!(said.as_array().map(Vec::len), Some(4), "{said}");
}

#[test]
fn tools_are_functions() {
    let prompt = Prompt { tools: tools(), choice: ToolChoice::Named(CallKind::Shell), ..Prompt::default() };
    let body = request(&openai(), &prompt);
    let function = |at: usize| &body["tools"][at]["function"];
    assert_eq!(function(0)["name"], "shell");
    assert_eq!(function(0)["parameters"]["required"], json!(["commands"]));
    assert_eq!(function(1)["name"], "apply_patch");
    let f =
        json!({"name": "f", "description": "d", "strict": true, "parameters": {"type": "object", "properties": {}}});
    assert_eq!(*function(2), f);
    let description = "Queries.\n\n`input` must follow this lark grammar:\nstart: \"a\"";
    assert_eq!((&function(3)["name"], &function(3)["description"]), (&json!("g"), &json!(description)));
    assert_eq!(body["tool_choice"], json!({"type": "function", "function": {"name": "shell"}}));

    let plain = request(&Profile::default(), &prompt);
    assert_eq!(plain["tools"][2]["function"].get("strict"), None);
    let ollama = request(&Profile::preset("ollama").expect("it is one"), &prompt);
    assert_eq!(ollama.get("tool_choice"), None);
    for (choice, word) in [(ToolChoice::Auto, "auto"), (ToolChoice::None, "none"), (ToolChoice::Required, "required")] {
        assert_eq!(request(&openai(), &Prompt { choice, ..prompt.clone() })["tool_choice"], word);
    }
    let none = request(&openai(), &Prompt { tools: Vec::new(), ..prompt });
    assert!(none.get("tools").is_none() && none.get("tool_choice").is_none());
}

#[test]
fn parameters_that_a_service_does_not_know_are_left_out() {
    let prompt = Prompt {
        tools: tools(),
        parallel_tool_calls: true,
        max_output_tokens: Some(50),
        temperature: Some(0.5),
        top_p: Some(0.9),
        presence_penalty: Some(0.1),
        verbosity: Some("low".into()),
        effort: Some("high".into()),
        cache_key: Some("k".into()),
        ..Prompt::default()
    };
    let keys = |profile: &str| {
        let body = request(&Profile::preset(profile).expect("it is one"), &prompt);
        body.as_object().expect("an object").keys().cloned().collect::<Vec<_>>().join(" ")
    };
    let usual =
        "messages model parallel_tool_calls presence_penalty stream stream_options temperature tool_choice tools top_p";
    assert_eq!(keys("plain"), "max_tokens messages model presence_penalty stream temperature tool_choice tools top_p");
    assert_eq!(keys("vllm"), format!("max_tokens {usual}"));
    assert_eq!(
        keys("openai"),
        "max_completion_tokens messages model parallel_tool_calls presence_penalty prompt_cache_key reasoning_effort stream \
         stream_options temperature tool_choice tools top_p verbosity"
    );
    let extra = serde_json::Map::from_iter([("options".to_owned(), json!({"num_ctx": 8192}))]);
    let odd = Profile { max_tokens: MaxTokens::None, sampling: false, extra, ..Profile::default() };
    let body = request(&odd, &prompt);
    assert_eq!(body["options"]["num_ctx"], 8192);
    assert!(
        ["max_tokens", "temperature", "top_p", "presence_penalty"].iter().all(|key| body.get(key).is_none()),
        "{body}"
    );
}

#[test]
fn forms_of_text() {
    let schema = TextFormat::JsonSchema {
        name: "n".into(),
        description: Some("d".into()),
        schema: json!({"type": "object"}),
        strict: Some(true),
    };
    let of = |profile: &Profile, format: &TextFormat| {
        let prompt = Prompt { format: format.clone(), ..Prompt::default() };
        request(profile, &prompt).get("response_format").cloned()
    };
    let form = |strict: &[(&str, bool)]| {
        let mut form = json!({"name": "n", "description": "d", "schema": {"type": "object"}});
        for (key, value) in strict {
            form[*key] = (*value).into();
        }
        Some(json!({"type": "json_schema", "json_schema": form}))
    };
    assert_eq!(of(&openai(), &schema), form(&[("strict", true)]));
    assert_eq!(of(&Profile::default(), &schema), form(&[]));
    let object = Some(json!({"type": "json_object"}));
    let less = Profile { text_format: Format::JsonObject, ..Profile::default() };
    assert_eq!(of(&less, &schema), object);
    assert_eq!(of(&Profile::default(), &TextFormat::JsonObject), object);
    let none = Profile { text_format: Format::None, ..Profile::default() };
    assert_eq!(of(&none, &schema), None);
    assert_eq!(of(&openai(), &TextFormat::Text), None);
}
