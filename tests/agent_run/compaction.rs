//! Compaction: long work goes on from what was sealed, in the same response, in another, and after a restart.

use coquina::agent::item::{Item, Message};
use coquina::agent::model::{Delta, ModelError, Prompt, estimate_tokens};
use coquina::agent::response::Status;
use coquina::agent::{CompactRequest, Request, cancellation};
use serde_json::json;

use crate::house::{Heard, House, bash, items, kinds, outputs, say, text};

/// What step 3 finds, and the last step needs.
const FACT: &str = "vault code 7391-QX";

/// All that a model is shown.
fn shown(prompt: &Prompt) -> String {
    serde_json::to_string(&prompt.items).expect("JSON")
}

/// Whether it is asked for a summary.
fn is_summary(prompt: &Prompt) -> bool {
    matches!(prompt.items.last(), Some(Item::Message(message)) if message.text().contains("Answer with the summary only"))
}

/// A model that works for `steps` steps, and at the end needs what step 3 has found. It knows only what it is shown: which step is next, it reads
/// there too. Its summaries name what matters of what it is shown then.
fn worker(prompt: &Prompt, steps: u32) -> Vec<Result<Delta, ModelError>> {
    let shown = shown(prompt);
    let done = (0..=steps).rev().find(|step| shown.contains(&format!("step {step} done"))).unwrap_or(0);
    if is_summary(prompt) {
        let fact = if shown.contains(FACT) { FACT } else { "nothing" };
        return say(&format!("The goal stands. Found: {fact}. step {done} done."));
    }
    match done + 1 {
        3 => bash(&format!("echo '{FACT}' > found; cat found; rm found; echo step 3 done")),
        next if next <= steps => bash(&format!("seq 60; echo step {next} done")),
        _ if shown.contains(FACT) => say(&format!("The code is {FACT}.")),
        _ => say("I do not know the code any more."),
    }
}

#[tokio::test]
async fn after_200_steps_what_step_3_found_is_still_known() {
    let house = House::new(|prompt| worker(prompt, 200)).await;
    let request =
        Request { compact_threshold: Some(4000), ..house.request(json!("Find the vault's code, then count.")) };
    let (response, events) = house.run(request).await;
    assert_eq!((response.status, text(&response)), (Status::Completed, format!("The code is {FACT}.")));
    assert_eq!(outputs(&response).len(), 200, "no step was made twice or left out");
    let compactions = kinds(&response).into_iter().filter(|kind| *kind == "compaction").count();
    assert!((3..60).contains(&compactions), "{compactions} compactions");
    let pings = events.iter().filter(|event| event["type"] == "response.compaction.compacting").count();
    assert_eq!(pings, compactions);
    for prompt in house.asked() {
        let tokens = estimate_tokens(&prompt.items);
        assert!(tokens < 6000, "a prompt of {tokens} tokens");
        assert!(shown(&prompt).contains("Find the vault's code"), "what the user wants is always there");
    }
}

#[tokio::test]
async fn a_compaction_is_all_that_is_needed_to_go_on() {
    let house = House::new(|prompt| worker(prompt, 30)).await;
    let request = Request { compact_threshold: Some(3000), ..house.request(json!("Find the code, then count.")) };
    let (first, _) = house.run(request).await;
    let last = first.output.iter().rposition(|item| item.kind() == "compaction").expect("it was compacted");
    // A client without a store: it sends what came since the last compaction, to a server that was started again.
    let input = [first.output[last..].to_vec(), items(json!("Again?"))].concat();
    let agent = house.again().await;
    let request = Request { input: input.clone(), ..house.request(json!("")) };
    assert_eq!(agent.check(&request), Ok(()));
    let (_canceller, cancelled) = cancellation();
    let response = agent.run(request, &Heard::default(), &cancelled).await;
    assert_eq!(text(&response), format!("The code is {FACT}."));
    let stranger = Request { input, owner: Some("somebody else".into()), ..house.request(json!("")) };
    assert_eq!(agent.check(&stranger).expect_err("it is not theirs").code, Some("invalid_value"));
}

#[tokio::test]
async fn a_trigger_compacts_and_nothing_else() {
    let house = House::new(|prompt| if is_summary(prompt) { say("All is well.") } else { say("no") }).await;
    let (response, _) =
        house.run(house.request(json!([{"role": "user", "content": "Hello"}, {"type": "compaction_trigger"}]))).await;
    assert_eq!((response.status, kinds(&response)), (Status::Completed, vec!["compaction"]));
    assert_eq!(house.asked().len(), 1);
}

#[tokio::test]
async fn a_conversation_is_compacted_apart_from_responses() {
    let house = House::new(|prompt| if is_summary(prompt) { say("Summed up.") } else { say("next") }).await;
    let items_before = items(json!([
        {"role": "system", "content": "Be kind."}, {"role": "user", "content": "One"},
        {"role": "assistant", "content": "1"}, {"role": "user", "content": "Two"}]));
    let request = CompactRequest { model: "m".into(), instructions: String::new(), items: items_before, owner: None };
    let compacted = house.agent.compact(request).await.expect("it can be");
    let kinds: Vec<_> = compacted.output.iter().map(Item::kind).collect();
    assert_eq!(kinds, ["message", "message", "compaction"]);
    assert!(compacted.output.iter().all(|item| item.id().is_some()));
    assert_eq!((compacted.usage.input_tokens, compacted.usage.output_tokens), (10, 5));
    let mut input = compacted.output;
    input.push(Item::Message(Message::user("Three")));
    house.run(Request { input, ..house.request(json!("")) }).await;
    let asked = shown(&house.asked()[1]);
    for kept in ["Be kind.", "One", "Two", "Summed up.", "Three"] {
        assert_eq!(asked.matches(&format!("{kept}\"")).count(), 1, "{kept}: {asked}");
    }
    let unknown = CompactRequest { model: "n".into(), instructions: String::new(), items: Vec::new(), owner: None };
    assert!(house.agent.compact(unknown).await.is_err());
}

#[tokio::test]
async fn a_prompt_that_turns_out_too_long_is_compacted_and_asked_again() {
    let house = House::new(|prompt| {
        if is_summary(prompt) {
            return say("It was long.");
        }
        let error = ModelError::ContextLength { model: "m".into(), window: 1, message: "too long".into() };
        if shown(prompt).contains("It was long.") { say("now it fits") } else { vec![Err(error)] }
    })
    .await;
    let (response, _) = house.run(house.request(json!("Hello"))).await;
    assert_eq!((response.status, kinds(&response)), (Status::Completed, vec!["compaction", "message"]));
}

#[tokio::test]
async fn work_that_outgrows_the_window_goes_on_though_nobody_asked_for_compaction() {
    let house = House::with_window(4000, |prompt| worker(prompt, 60)).await;
    let request = house.request(json!("Find the vault's code, then count."));
    assert_eq!((request.head.truncation.as_str(), request.compact_threshold), ("disabled", None));
    let (response, _) = house.run(request).await;
    assert_eq!((response.status, text(&response)), (Status::Completed, format!("The code is {FACT}.")));
    assert!(kinds(&response).contains(&"compaction"), "clients see it");
    for prompt in house.asked() {
        let tokens = estimate_tokens(&prompt.items);
        assert!(tokens < 4000, "a prompt of {tokens} tokens");
    }
}

#[tokio::test]
async fn what_is_oldest_is_left_out_if_that_is_asked_for() {
    let house = House::with_window(3000, |prompt| worker(prompt, 40)).await;
    let request = |truncation: &str, threshold| {
        let mut request = house.request(json!([
            {"role": "developer", "content": "Be exact."}, {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Hi"}, {"role": "user", "content": "Find the vault's code, then count."}]));
        request.head.truncation = truncation.into();
        Request { compact_threshold: threshold, ..request }
    };
    let (response, _) = house.run(request("auto", None)).await;
    assert_eq!((response.status, outputs(&response).len()), (Status::Completed, 40), "{:?}", response.error);
    assert_eq!(text(&response), "I do not know the code any more.");
    assert!(!kinds(&response).contains(&"compaction"));
    let asked = house.asked();
    for prompt in &asked {
        let tokens = estimate_tokens(&prompt.items);
        assert!(tokens < 3000, "a prompt of {tokens} tokens");
        let shown = shown(prompt);
        assert!(shown.contains("Be exact.") && shown.contains("Find the vault's code"), "{shown}");
        let ids = |calls: bool| -> Vec<_> {
            prompt.items.iter().filter(|item| item.is_call() == calls).filter_map(Item::call_id).collect()
        };
        assert_eq!(ids(true), ids(false), "calls and outputs go together");
    }
    assert!(!shown(&asked[40]).contains("Hello"), "what is oldest went first");
    // Asked for both, it is compacted; what does not fit is refused.
    let (response, _) = house.run(request("auto", Some(u64::MAX))).await;
    assert!(kinds(&response).contains(&"compaction"));
    let long = |truncation: &str, last: &str| {
        let old = json!({"role": "user", "content": "word ".repeat(4000)});
        let mut request = house.request(json!([old, {"role": "user", "content": last}]));
        request.head.truncation = truncation.into();
        house.agent.check(&request).map_err(|refusal| refusal.code)
    };
    let refused = Err(Some("context_length_exceeded"));
    assert_eq!((long("auto", "Hi"), long("disabled", "Hi")), (Ok(()), refused));
    assert_eq!(long("auto", &"word ".repeat(4000)), refused);
}
