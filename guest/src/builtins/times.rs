//! `times`.

use crate::shell::{Run, Shell};

pub fn times(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    if let Err(status) = sh.no_options(args) {
        return Ok(status);
    }
    let t = sh.sys.times();
    let show = |ns: u64| {
        let ms = ns / 1_000_000;
        format!("{}m{}.{:03}s", ms / 60_000, ms / 1000 % 60, ms % 1000)
    };
    let text = format!("{} {}\n{} {}\n", show(t.user), show(t.system), show(t.child_user), show(t.child_system));
    Ok(sh.out(text.as_bytes()))
}
