//! What is asked: prompts as bodies of requests.

use super::*;

fn request(profile: &str, prompt: &Prompt) -> Value {
    Responses { model: "up".into(), profile: Profile::preset(profile).expect("it is one") }.request(prompt)
}

fn conversation() -> Prompt {
    let items = json!([
        {"type": "message", "id": "msg_1", "role": "user", "status": "completed", "content": "Go."},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "sealed", "status": "completed"},
        {"type": "reasoning", "id": "rs_2", "summary": [], "content": [{"type": "reasoning_text", "text": "another's"}]},
        {"type": "message", "id": "msg_2", "role": "assistant", "phase": "commentary", "content": [{"type": "output_text",
            "text": "I look.", "annotations": [{"type": "file_path", "file_id": "file-1", "index": 0}]}]},
        {"type": "shell_call", "id": "sh_1", "call_id": "a", "status": "completed", "action": {"commands": ["ls"]},
            "environment": {"type": "container_reference", "container_id": "cntr_1"}},
        {"type": "shell_call_output", "id": "sho_1", "call_id": "a", "max_output_length": 9, "output":
            [{"stdout": "x\n", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}]},
        {"type": "function_call", "id": "fc_1", "call_id": "b", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "gone", "output": "42"},
    ]);
    let items = serde_json::from_value(items).expect("they are items");
    Prompt { instructions: "Be brief.".into(), items, ..Prompt::default() }
}

#[test]
fn items_go_without_our_ids_and_in_pairs() {
    let body = request("openai", &conversation());
    let action = r#"{"commands":["ls"],"max_output_length":null,"timeout_ms":null}"#;
    let expected = json!([
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Go."}]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "sealed"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
        {"type": "function_call", "call_id": "a", "name": "shell", "arguments": action},
        {"type": "function_call_output", "call_id": "a", "output": "exit_code=0\nstdout:\nx\n"},
        {"type": "function_call", "call_id": "b", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "b", "output": "(this call was not carried out)"},
        {"type": "message", "role": "user", "content": "Output of an earlier tool call:\n42"},
    ]);
    assert_eq!(body["input"], expected);
    assert_eq!(body["instructions"], "Be brief.");
    assert!(body.get("text").is_none() && body.get("tools").is_none());
}

#[test]
fn an_upstream_that_knows_our_tools_gets_them_as_they_are() {
    let native = Profile { native_tools: true, ..Profile::preset("openai").expect("it is one") };
    let mut prompt = conversation();
    prompt.tools = vec![ToolSpec::Shell, ToolSpec::ApplyPatch];
    prompt.choice = ToolChoice::Named(CallKind::Shell);
    let body = Responses { model: "up".into(), profile: native }.request(&prompt);
    assert_eq!(body["input"][2]["phase"], "commentary");
    assert_eq!(
        body["input"][3],
        json!({"type": "shell_call", "call_id": "a", "status": "completed", "environment": {"type": "local"},
            "action": {"commands": ["ls"], "timeout_ms": null, "max_output_length": null}})
    );
    assert_eq!(body["input"][4]["type"], "shell_call_output");
    assert_eq!(body["tools"], json!([{"type": "shell", "environment": {"type": "local"}}, {"type": "apply_patch"}]));
    assert_eq!(body["tool_choice"], json!({"type": "shell"}));
}

#[test]
fn settings_are_handed_on() {
    let schema = TextFormat::JsonSchema { name: "n".into(), description: None, schema: json!({}), strict: Some(true) };
    let custom = ToolSpec::Custom { name: "g".into(), description: None, format: Value::Null };
    let prompt = Prompt {
        tools: vec![ToolSpec::Shell, custom],
        choice: ToolChoice::Named(CallKind::Custom("g".into())),
        max_output_tokens: Some(16),
        temperature: Some(0.5),
        effort: Some("low".into()),
        verbosity: Some("high".into()),
        cache_key: Some("k".into()),
        format: schema,
        ..Prompt::default()
    };
    let body = request("openai", &prompt);
    assert_eq!(body["tools"][0]["name"], "shell");
    assert_eq!(body["tools"][1], json!({"type": "custom", "name": "g"}));
    assert_eq!(body["tool_choice"], json!({"type": "custom", "name": "g"}));
    assert_eq!(body["reasoning"], json!({"effort": "low"}));
    let format = json!({"type": "json_schema", "name": "n", "schema": {}, "strict": true});
    assert_eq!(body["text"], json!({"verbosity": "high", "format": format}));
    for (key, value) in
        [("max_output_tokens", json!(16)), ("temperature", json!(0.5)), ("prompt_cache_key", json!("k"))]
    {
        assert_eq!(body[key], value);
    }
    let plain = request("plain", &prompt);
    assert!(plain.get("prompt_cache_key").is_none() && plain.get("reasoning").is_none(), "{plain}");
}
