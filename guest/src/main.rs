//! `/bin/bash` and `/bin/sh`.

use std::rc::Rc;

fn main() {
    #[cfg(target_family = "wasm")]
    let sys: Rc<dyn coquina_shell::system::System> = Rc::new(coquina_shell::system::wasi::Wasi::new());
    #[cfg(not(target_family = "wasm"))]
    let sys: Rc<dyn coquina_shell::system::System> = Rc::new(coquina_shell::system::native::Native::new());
    let status = coquina_shell::startup::run(sys.clone());
    sys.exit(status)
}
