//! Clients that go away at every point of a response: in the middle of asking, and after each event.

use coquina::api::ApiConfig;
use serde_json::{Value, json};

use super::client::{Client, events};
use super::sdk::models;
use super::server::Server;

/// A response with every kind of event that commands have.
fn asked(background: bool) -> String {
    let tools = json!([{ "type": "shell", "environment": { "type": "container_auto" } }]);
    json!({ "model": "m", "input": "List the files", "tools": tools, "stream": true, "background": background })
        .to_string()
}

fn ask(client: &mut Client, body: &str) {
    client.send("POST", "/v1/responses", &[("content-type", "application/json")], body.as_bytes());
}

/// The next event of a stream; `None` when there are no more.
fn next(client: &mut Client) -> Option<Value> {
    let chunk = String::from_utf8(client.chunk()?).expect("it is text");
    Some(events(&chunk).pop().expect("one event in a chunk").1)
}

/// All events of a response whose client stays.
fn whole(server: &Server, background: bool) -> usize {
    let mut client = server.client();
    ask(&mut client, &asked(background));
    client.head();
    std::iter::from_fn(|| next(&mut client)).count()
}

#[test]
fn nothing_goes_on_when_its_client_is_gone() {
    let server = Server::asking(models(), ApiConfig::default(), []);
    let body = asked(false);
    for length in [0, 1, body.len() / 2, body.len() - 1] {
        let mut client = server.client();
        let head = format!(
            "POST /v1/responses HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        client.raw(&[head.as_bytes(), &body.as_bytes()[..length]].concat());
    }
    for seen in 0..whole(&server, false) {
        let mut client = server.client();
        ask(&mut client, &body);
        if seen > 0 {
            client.head();
        }
        for number in 0..seen {
            assert_eq!(next(&mut client).expect("an event")["sequence_number"], number);
        }
    }
    server.until("coquina_responses_running 0");
    server.until("coquina_execs_running 0");
    whole(&server, false);
}

#[test]
fn what_is_in_the_background_goes_on_wherever_its_client_left() {
    let server = Server::asking(models(), ApiConfig::default(), []);
    let mut ids = Vec::new();
    for seen in 1..whole(&server, true) {
        let mut client = server.client();
        ask(&mut client, &asked(true));
        client.head();
        let first: Vec<Value> = (0..seen).map(|_| next(&mut client).expect("an event")).collect();
        let id = first[0]["response"]["id"].as_str().expect("an id").to_owned();
        drop(client);
        let mut client = server.client();
        let path = format!("/v1/responses/{id}?stream=true");
        let rest = client.get(&format!("{path}&starting_after={}", seen - 1));
        let rest: Vec<Value> = events(rest.text()).into_iter().map(|(_, event)| event).collect();
        assert_eq!(rest.last().expect("the end")["type"], "response.completed", "after {seen} events");
        let again = client.get(&path);
        let again: Vec<Value> = events(again.text()).into_iter().map(|(_, event)| event).collect();
        assert_eq!(again, [first, rest].concat(), "after {seen} events");
        ids.push(id);
    }
    let mut client = server.client();
    for id in ids {
        assert_eq!(client.get(&format!("/v1/responses/{id}")).ok()["status"], "completed");
    }
}
