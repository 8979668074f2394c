//! Directories of containers as tar archives.

use serde_json::json;

use super::containers::{create, exec};
use super::server::Server;

#[test]
fn directories_go_out_and_in_as_archives() {
    let server = Server::start();
    let mut client = server.client();
    let (from, to) = (create(&mut client, "from"), create(&mut client, "to"));
    exec(&mut client, &from, "cd /mnt/data; mkdir d; seq 100000 > d/numbers; ln -s d/numbers link; chmod 700 d");
    let archive = client.get(&format!("/v1/containers/{from}/archive?path=/mnt/data"));
    assert_eq!((archive.status, archive.headers["content-type"].as_str()), (200, "application/x-tar"));
    let path = format!("/v1/containers/{to}/archive?path=/mnt/data");
    let tar = [("content-type", "application/x-tar")];
    let unpacked = client.request("POST", &path, &tar, &archive.body).ok();
    assert_eq!((&unpacked["bytes"], &unpacked["log"]["kind"]), (&json!(588_895), &json!("import")), "{unpacked}");
    assert_eq!(exec(&mut client, &to, "cd /mnt/data; wc -l < link; stat -c %a:%U d")["stdout"], "100000\n700:user\n");
    assert_eq!(client.request("POST", &path, &tar, &archive.body[..5000]).error().0, 400, "half an archive");
    assert_eq!(client.request("POST", &path, &tar, &[b'x'; 2000]).error().0, 400);
    assert_eq!(client.post(&path, &json!({})).error().0, 415);
    assert_eq!(client.get(&format!("/v1/containers/{to}/archive?path=/nowhere")).error().0, 404);
    assert_eq!(client.get(&format!("/v1/containers/{to}/archive?path=relative")).error().0, 400);
    let run = client.request("POST", "/v1/run?script=wc+-l+%3C+d/numbers&outputs[]=link", &tar, &archive.body).ok();
    assert_eq!(run["stdout"], "100000\n");
}
