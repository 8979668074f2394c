//! Faults: kills, crashes at every write, power cuts, full disks, damage, processes that stop or fight; what was acknowledged stays, and
//! nothing is half there. `make test` runs a part of each that takes seconds; `make torture` (COQUINA_TORTURE=1) all of it.

mod common;
mod faults;

/// The child process of the others.
#[test]
#[ignore = "the other tests start it"]
fn driver() {
    faults::driver::main();
}

/// Another.
#[test]
#[ignore = "the other tests start it"]
fn service() {
    faults::service::main();
}
