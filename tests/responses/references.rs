//! References to items: what is kept of a response or a conversation may be named, by its owner.

use std::sync::{Arc, Mutex};

use coquina::agent::Model;
use coquina::agent::model::{Delta, Finish, ModelError, Models, Prompt};
use coquina::api::{ApiConfig, Keys, NewKey, Quotas, Scope};
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use serde_json::{Value, json};

use super::client::Client;
use super::server::Server;

/// A model that says `hi`, and notes what it was asked.
#[derive(Default)]
struct Hi(Mutex<Vec<Prompt>>);

impl Model for Hi {
    fn generate(&self, prompt: Prompt) -> BoxStream<'static, Result<Delta, ModelError>> {
        self.0.lock().expect("no panic").push(prompt);
        stream::iter([Ok(Delta::Text("hi".into())), Ok(Delta::Finished(Finish::Stop))]).boxed()
    }

    fn context_window(&self) -> u64 {
        100_000
    }
}

fn to(id: &Value) -> Value {
    json!({ "type": "item_reference", "id": id })
}

#[test]
fn what_is_kept_may_be_referred_to_by_its_owner() {
    let key = |name: &str| {
        let new = NewKey { name: name.into(), owner: None, scope: Scope::Exec, quotas: Quotas::default() };
        Keys::make(new, 0).expect("a good name")
    };
    let ((mine, my_secret), (other, other_secret)) = (key("mine"), key("other"));
    let (model, mut models) = (Arc::new(Hi::default()), Models::new());
    models.insert("m", model.clone() as Arc<dyn Model>);
    let server = Server::asking(models, ApiConfig::default(), [mine, other]);
    let mut client = server.client();
    client.key = Some(my_secret);
    let ask = |input: Value| json!({ "model": "m", "input": input });
    let first = client.post("/v1/responses", &ask(json!("one"))).ok();
    let path = format!("/v1/responses/{}", first["id"].as_str().expect("an id"));
    let question = client.get(&format!("{path}/input_items")).ok()["data"][0]["id"].clone();
    let answer = first["output"][0]["id"].clone();
    let conversation =
        client.post("/v1/conversations", &json!({ "items": [{ "role": "user", "content": "two" }] })).ok();
    let conversation = format!("/v1/conversations/{}", conversation["id"].as_str().expect("an id"));
    client.post(&conversation, &json!({ "metadata": { "topic": "x" } })).ok();
    let said = client.get(&format!("{conversation}/items")).ok()["data"][0]["id"].clone();

    // None of them is in what the response goes on from; one that is named twice is there once.
    let all = json!([to(&question), to(&answer), to(&said), to(&answer), { "role": "user", "content": "three" }]);
    let response = client.post("/v1/responses", &ask(all.clone())).ok();
    let texts: Vec<String> = {
        let asked = model.0.lock().expect("no panic");
        let text = |item: &coquina::agent::item::Item| match item {
            coquina::agent::item::Item::Message(message) => message.text(),
            item => item.kind().into(),
        };
        asked.last().expect("it was asked").items.iter().map(text).collect()
    };
    assert_eq!(texts, ["one", "hi", "two", "three"]);
    let items = format!("/v1/responses/{}/input_items?order=asc", response["id"].as_str().expect("an id"));
    let kept: Vec<Value> = client.get(&items).ok()["data"].as_array().expect("a list").to_vec();
    assert_eq!(kept.iter().map(|item| &item["id"]).take(3).collect::<Vec<_>>(), [&question, &answer, &said]);

    // Others' items are as unknown as those that never were.
    let refused = |client: &mut Client, input: Value| {
        let answer = client.post("/v1/responses", &ask(input));
        let ((status, code, message), body) = (answer.error(), answer.json());
        assert!(message.contains("not found"), "{message}");
        (status, code, body["error"]["param"].as_str().unwrap_or_default().to_owned())
    };
    let unknown = |at: usize| (400, "invalid_value".to_owned(), format!("input[{at}].id"));
    assert_eq!(refused(&mut client, json!([to(&said), to(&json!("msg_none"))])), unknown(1));
    client.key = Some(other_secret);
    for id in [&question, &answer, &said] {
        assert_eq!(refused(&mut client, json!([to(id)])), unknown(0));
    }
}
