//! `set`.

use crate::options::{self, OPTS, Opt};
use crate::shell::{Run, Shell};
use std::rc::Rc;

pub fn set(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    if args.len() == 1 {
        return Ok(list(sh));
    }
    let mut i = 1;
    let mut replace = false;
    while let Some(arg) = args.get(i) {
        let on = match arg.first() {
            Some(b'-') => true,
            Some(b'+') => false,
            _ => {
                replace = true;
                break;
            }
        };
        i += 1;
        if arg == b"--" {
            replace = true;
            break;
        }
        if arg == b"-" {
            sh.opts.put(Opt::XTrace, false);
            sh.opts.put(Opt::Verbose, false);
            replace = i < args.len();
            break;
        }
        if arg == b"+" {
            continue;
        }
        for letter in &arg[1..] {
            if *letter == b'o' {
                match args.get(i) {
                    Some(name) if !(name.starts_with(b"-") || name.starts_with(b"+")) => {
                        i += 1;
                        match options::by_name(name) {
                            Some(opt) => change(sh, opt, on),
                            None => {
                                sh.builtin_error(&[name, b": invalid option name"]);
                                return Ok(2);
                            }
                        }
                    }
                    _ => {
                        show_options(sh, on);
                    }
                }
                continue;
            }
            match options::by_letter(*letter) {
                Some(opt) => change(sh, opt, on),
                None => {
                    sh.builtin_error(&[&[if on { b'-' } else { b'+' }, *letter], b": invalid option"]);
                    return Ok(sh.show_usage());
                }
            }
        }
    }
    if replace {
        sh.params = Rc::new(args[i..].to_vec());
    }
    Ok(0)
}

fn change(sh: &mut Shell, opt: Opt, on: bool) {
    sh.opts.put(opt, on);
    match opt {
        Opt::Posix if on => sh.opts.put_shopt(options::Shopt::ExpandAliases, true),
        Opt::Vi if on => sh.opts.put(Opt::Emacs, false),
        Opt::Emacs if on => sh.opts.put(Opt::Vi, false),
        _ => {}
    }
}

/// `set -o`, `set +o`.
fn show_options(sh: &mut Shell, table: bool) -> i32 {
    let mut out = Vec::new();
    for (opt, name, ..) in OPTS {
        let on = sh.opt(*opt);
        if table {
            out.extend(format!("{name:<15}\t{}\n", if on { "on" } else { "off" }).bytes());
        } else {
            out.extend(format!("set {}o {name}\n", if on { '-' } else { '+' }).bytes());
        }
    }
    sh.out(&out)
}

fn list(sh: &mut Shell) -> i32 {
    sh.refresh_all();
    let mut out = Vec::new();
    for (name, var) in sh.vars.sorted() {
        if let Some(line) = super::declare::set_line(name, var) {
            out.extend(line);
        }
    }
    if !sh.opt(Opt::Posix) {
        out.extend(super::declare::all_functions(sh));
    }
    sh.out(&out)
}
