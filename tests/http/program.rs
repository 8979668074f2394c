//! The program's own service, in a process of its own.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use super::client::Client;
use super::common::image_dir;

/// `coquina serve` with some words; killed when dropped.
pub struct Program {
    pub child: Child,
    pub address: SocketAddr,
}

impl Program {
    /// Starts it on a port of its own, and waits until it listens.
    pub fn start(words: &[&str]) -> Program {
        Program::with(Command::new(env!("CARGO_BIN_EXE_coquina")).arg("serve").args(words))
    }

    /// Starts what was made ready, `serve` among its words.
    pub fn with(command: &mut Command) -> Program {
        let command = command.args(["--listen", "127.0.0.1:0"]).env("COQUINA_IMAGE", image_dir());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("it says where");
        let address = line.trim().strip_prefix("http://").expect("a URL").parse().expect("an address");
        Program { child, address }
    }

    pub fn client(&self) -> Client {
        Client::connect(self.address)
    }

    /// Tells it to stop, and waits until it has; its exit status.
    pub fn stop(&mut self) -> Option<i32> {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(told.expect("it can be told").success());
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
