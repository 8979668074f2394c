//! `let`.

use crate::arith;
use crate::shell::{Run, Shell};

pub fn r#let(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let rest = match args.get(1) {
        Some(a) if a == b"--" => &args[2..],
        _ => &args[1..],
    };
    if rest.is_empty() {
        sh.builtin_error(&[b"expression expected"]);
        return Ok(1);
    }
    let mut value = 0;
    for text in rest {
        match arith::eval(text, sh) {
            Ok(n) => value = n,
            Err(e) => {
                sh.arithmetic_failure(b"let: ", &e)?;
                return Ok(1);
            }
        }
    }
    Ok(i32::from(value == 0))
}
