//! `declare`, `typeset`, `local`, `export`, `readonly`: attributes and assignments of variables and functions.

use super::USAGE;
use crate::expand::attributes::attribute_letters;
use crate::names::{Sym, is_name};
use crate::options::Shopt;
use crate::shell::{Run, Shell};
use crate::syntax::ast::{Assign, AssignValue};
use crate::syntax::{Lines, Parser};
use crate::text::quote;
use crate::vars::{Attrs, Key, Place, Value, Var};
use std::rc::Rc;

/// An argument: a word, or an assignment of an array whose elements are not expanded yet.
pub enum DeclArg<'a> {
    Text(Vec<u8>),
    Array(&'a Assign),
}

/// What the options ask for.
#[derive(Default)]
struct Request {
    on: Attrs,
    off: Attrs,
    functions: bool,
    names_only: bool,
    global: bool,
    inherit: bool,
    print: bool,
    /// Not a local variable even inside a function: `export`, `readonly`.
    outer: bool,
    builtin: &'static str,
}

/// Called with plain words only (`builtin declare …`).
pub fn run_words(sh: &mut Shell, args: &[Vec<u8>]) -> Run<i32> {
    let name = sh.builtin;
    run(sh, name, args.iter().cloned().map(DeclArg::Text).collect())
}

/// Runs one of them; the first argument is the command's name.
pub fn run(sh: &mut Shell, builtin: &'static str, args: Vec<DeclArg>) -> Run<i32> {
    let mut r = Request { builtin, ..Request::default() };
    match builtin {
        "export" => (r.on, r.outer) = (Attrs::EXPORT, true),
        "readonly" => (r.on, r.outer) = (Attrs::READONLY, true),
        _ => {}
    }
    if builtin == "local" && !sh.in_function() {
        sh.builtin_error(&[b"can only be used in a function"]);
        return Ok(1);
    }
    let mut args = args.into_iter().skip(1).peekable();
    while let Some(DeclArg::Text(word)) = args.peek() {
        let plus = word.first() == Some(&b'+') && !r.outer;
        if word.len() < 2 || !(word[0] == b'-' || plus) {
            break;
        }
        let word = word.clone();
        args.next();
        if word == b"--" {
            break;
        }
        for letter in &word[1..] {
            if let Err(status) = option(sh, &mut r, *letter, plus) {
                return Ok(status);
            }
        }
    }
    let args: Vec<DeclArg> = args.collect();
    if args.is_empty() {
        return Ok(list(sh, &r));
    }
    if r.functions {
        return Ok(functions(sh, &r, &args));
    }
    let mut status = 0;
    for arg in args {
        status = one(sh, &r, arg)?.max(status);
    }
    Ok(status)
}

fn option(sh: &Shell, r: &mut Request, letter: u8, plus: bool) -> Result<(), i32> {
    let attr = match letter {
        b'a' => Attrs::ARRAY,
        b'A' => Attrs::ASSOC,
        b'i' => Attrs::INTEGER,
        b'l' => Attrs::LOWER,
        b'u' => Attrs::UPPER,
        b'c' => Attrs::CAPITAL,
        b'n' if r.builtin == "export" => {
            r.on.remove(Attrs::EXPORT);
            r.off.add(Attrs::EXPORT);
            return Ok(());
        }
        b'n' => Attrs::NAMEREF,
        b'r' => Attrs::READONLY,
        b't' => Attrs::TRACE,
        b'x' => Attrs::EXPORT,
        b'f' => {
            r.functions = true;
            return Ok(());
        }
        b'F' if !r.outer => {
            (r.functions, r.names_only) = (true, true);
            return Ok(());
        }
        b'g' if !r.outer => {
            r.global = true;
            return Ok(());
        }
        b'I' if !r.outer => {
            r.inherit = true;
            return Ok(());
        }
        b'p' => {
            r.print = true;
            return Ok(());
        }
        _ => return Err(sh.invalid_option(letter)),
    };
    let allowed = match r.builtin {
        "export" => false,
        "readonly" => matches!(letter, b'a' | b'A'),
        _ => true,
    };
    if !allowed {
        return Err(sh.invalid_option(letter));
    }
    if plus {
        r.off.add(attr)
    } else {
        r.on.add(attr)
    }
    Ok(())
}

// ---- assignments ----

/// `name[subscript]+=value`, cut up.
struct Operand<'a> {
    name: &'a [u8],
    subscript: Option<&'a [u8]>,
    append: bool,
    value: Option<&'a [u8]>,
}

fn cut(text: &[u8]) -> Option<Operand<'_>> {
    let end = text.iter().position(|b| !(b.is_ascii_alphanumeric() || *b == b'_')).unwrap_or(text.len());
    let name = &text[..end];
    if !is_name(name) {
        return None;
    }
    let mut rest = &text[end..];
    let mut subscript = None;
    if rest.first() == Some(&b'[') {
        let close =
            rest.windows(2).position(|w| w == b"]=" || w == b"]+").or_else(|| rest.iter().rposition(|b| *b == b']'))?;
        subscript = Some(&rest[1..close]);
        rest = &rest[close + 1..];
    }
    let append = rest.starts_with(b"+=");
    let value = match rest.strip_prefix(if append { &b"+="[..] } else { b"=" }) {
        Some(value) => Some(value),
        None if rest.is_empty() => None,
        None => return None,
    };
    Some(Operand { name, subscript, append, value })
}

fn one(sh: &mut Shell, r: &Request, arg: DeclArg) -> Run<i32> {
    let text = match arg {
        DeclArg::Array(assign) => return array(sh, r, assign.name, assign),
        DeclArg::Text(text) => text,
    };
    if r.print && r.builtin != "local" {
        return Ok(print_one(sh, r, &text));
    }
    if text == b"-" && r.builtin == "local" {
        let options = sh.opts.set;
        if let Some(frame) = sh.frames.iter_mut().rev().find(|f| f.is_function) {
            frame.options.get_or_insert(options);
        }
        return Ok(0);
    }
    let Some(op) = cut(&text) else {
        sh.builtin_error(&[b"`", &text, b"': not a valid identifier"]);
        return Ok(1);
    };
    let name = Sym::new(op.name);
    let is_array = r.on.has(Attrs::ARRAY | Attrs::ASSOC) || sh.vars.get(name).is_some_and(|v| v.value.is_array());
    if is_array
        && op.subscript.is_none()
        && op.value.is_some_and(|v| v.starts_with(b"(") && v.ends_with(b")"))
        && let Some(assign) = parse_array(sh, &text)
    {
        return array(sh, r, name, &assign);
    }
    let Some(name) = prepare(sh, r, name, op.value.is_some())? else { return Ok(1) };
    if let Some(value) = op.value {
        if let Some(sub) = op.subscript {
            let key = sh.key_from_text(name, sub)?;
            if refuse_readonly(sh, r, name) || sh.assign_element(name, &key, value.to_vec(), op.append).is_err() {
                return Ok(1);
            }
        } else if r.on.has(Attrs::NAMEREF) {
            if !bind(sh, name, value) {
                return Ok(1);
            }
        } else {
            let place = if r.global { Place { name, key: None } } else { sh.place(name)? };
            if refuse_readonly(sh, r, place.name) {
                return Ok(1);
            }
            if r.global && sh.vars.get(name).is_some_and(|v| v.scope > 0) {
                sh.vars.global(name).value = Value::Text(value.to_vec());
            } else if sh.assign_place(&place, value.to_vec(), op.append).is_err() {
                return Ok(1);
            }
        }
    } else if op.subscript.is_some() {
        sh.vars.entry(name).make_indexed();
    }
    finish(sh, r, name);
    Ok(0)
}

/// The assignment in a word like `x=(1 2)`.
fn parse_array(sh: &Shell, text: &[u8]) -> Option<Assign> {
    let mut parser = Parser::new(Box::new(Lines::new(text.to_vec())), sh.line, sh.settings());
    parser.whole_assignment()
}

fn array(sh: &mut Shell, r: &Request, name: Sym, assign: &Assign) -> Run<i32> {
    let AssignValue::Array(elements) = &assign.value else { return Ok(1) };
    let assoc = r.on.has(Attrs::ASSOC);
    let mut wanted = Request { on: r.on, ..*r };
    if !assoc && !sh.is_assoc(name) {
        wanted.on.add(Attrs::ARRAY);
    }
    let Some(name) = prepare(sh, &wanted, name, true)? else { return Ok(1) };
    if refuse_readonly(sh, r, name) {
        return Ok(1);
    }
    match sh.assign_elements(name, elements, assign.append) {
        Ok(()) => {}
        Err(Some(unwind)) => return Err(unwind),
        Err(None) => return Ok(1),
    }
    finish(sh, r, name);
    Ok(0)
}

/// Reports that a variable is read-only, the way this builtin does.
fn refuse_readonly(sh: &mut Shell, r: &Request, name: Sym) -> bool {
    if !sh.vars.get(name).is_some_and(|v| v.attrs.has(Attrs::READONLY)) {
        return false;
    }
    let parts: [&[u8]; 2] = [name.name(), b": readonly variable"];
    if r.outer {
        sh.complain_parts(&parts)
    } else {
        sh.builtin_error(&parts)
    }
    true
}

/// Finds or makes the variable and gives it its attributes, except for read-only. `None`: refused.
fn prepare(sh: &mut Shell, r: &Request, name: Sym, _assigned: bool) -> Run<Option<Sym>> {
    if name.is_dynamic() {
        sh.refresh_dynamic(name);
    }
    let scope = sh.vars.function_scope();
    let local = scope > 0 && !r.outer && !r.global;
    let mut name = name;
    if local {
        if !sh.vars.is_local_to(name, scope) {
            if sh.vars.get(name).is_some_and(|v| v.attrs.has(Attrs::READONLY)) {
                sh.builtin_error(&[name.name(), b": readonly variable"]);
                return Ok(None);
            }
            make_local(sh, r, name, scope);
        }
    } else if !r.on.has(Attrs::NAMEREF) && !r.off.has(Attrs::NAMEREF) {
        name = sh.place(name)?.name;
    }
    if r.off.has(Attrs::READONLY) && sh.vars.get(name).is_some_and(|v| v.attrs.has(Attrs::READONLY)) {
        sh.builtin_error(&[name.name(), b": readonly variable"]);
        return Ok(None);
    }
    if !check_arrays(sh, r, name) {
        return Ok(None);
    }
    let global_only = r.global && sh.vars.get(name).is_some_and(|v| v.scope > 0);
    let var = if global_only { sh.vars.global(name) } else { sh.vars.entry(name) };
    apply(var, r.on, r.off);
    if (r.on | r.off).has(Attrs::EXPORT) {
        sh.vars.env_changed = true;
    }
    Ok(Some(name))
}

fn make_local(sh: &mut Shell, r: &Request, name: Sym, scope: u32) {
    let inherit = r.inherit || sh.shopt(Shopt::LocalVarInherit);
    let old = sh.vars.get(name).cloned();
    let var = sh.vars.make_local(name, scope);
    if let Some(old) = old {
        // A variable given before the function's name keeps its value.
        let temporary = old.scope > 0 && old.scope + 1 == scope && old.attrs.has(Attrs::EXPORT);
        if old.attrs.has(Attrs::EXPORT) {
            var.attrs.add(Attrs::EXPORT);
        }
        if inherit || temporary {
            var.value = old.value;
            var.attrs = old.attrs;
            var.attrs.remove(Attrs::NAMEREF);
        }
    }
}

fn check_arrays(sh: &Shell, r: &Request, name: Sym) -> bool {
    let Some(var) = sh.vars.get(name) else { return true };
    let is_assoc = var.attrs.has(Attrs::ASSOC);
    let is_array = matches!(var.value, Value::Indexed(_));
    let problem: &[u8] = if r.on.has(Attrs::ASSOC) && is_array {
        b": cannot convert indexed to associative array"
    } else if r.on.has(Attrs::ARRAY) && is_assoc && !r.on.has(Attrs::ASSOC) {
        b": cannot convert associative to indexed array"
    } else if r.off.has(Attrs::ARRAY | Attrs::ASSOC) && (is_array || is_assoc) {
        b": cannot destroy array variables in this way"
    } else {
        return true;
    };
    sh.builtin_error(&[name.name(), problem]);
    false
}

fn apply(var: &mut Var, on: Attrs, off: Attrs) {
    let mut on = on;
    on.remove(Attrs::READONLY);
    let cases = Attrs::LOWER | Attrs::UPPER | Attrs::CAPITAL;
    if on.has(cases) {
        var.attrs.remove(cases);
    }
    var.attrs.add(on);
    var.attrs.remove(off);
    if on.has(Attrs::ASSOC) && !matches!(var.value, Value::None | Value::Assoc(_)) {
        var.attrs.remove(Attrs::ARRAY);
        var.make_assoc();
    } else if on.has(Attrs::ARRAY) && matches!(var.value, Value::Text(_)) {
        var.make_indexed();
    }
}

/// Makes it read-only, if that was asked for.
fn finish(sh: &mut Shell, r: &Request, name: Sym) {
    if r.on.has(Attrs::READONLY) {
        sh.vars.entry(name).attrs.add(Attrs::READONLY);
    }
}

fn bind(sh: &mut Shell, name: Sym, value: &[u8]) -> bool {
    let base = value.split(|b| *b == b'[').next().unwrap_or(b"");
    if value == name.name() && sh.vars.function_scope() == 0 {
        sh.builtin_error(&[name.name(), b": nameref variable self references not allowed"]);
        return false;
    }
    if !is_name(base) {
        sh.builtin_error(&[b"`", value, b"': invalid variable name for name reference"]);
        return false;
    }
    sh.vars.entry(name).value = Value::Text(value.to_vec());
    true
}

// ---- listings ----

/// `declare -x name="value"`.
#[must_use]
pub fn declaration(name: Sym, var: &Var) -> Vec<u8> {
    let letters = attribute_letters(var);
    let mut out = b"declare -".to_vec();
    out.extend_from_slice(if letters.is_empty() { b"-" } else { &letters });
    out.push(b' ');
    out.extend_from_slice(name.name());
    match &var.value {
        Value::None => {}
        Value::Text(t) => {
            out.push(b'=');
            out.extend(quote::declare(t));
        }
        array => {
            out.push(b'=');
            out.extend(crate::expand::attributes::array_value(array));
        }
    }
    out.push(b'\n');
    out
}

/// `name=value`, as `set` shows it.
#[must_use]
pub fn set_line(name: Sym, var: &Var) -> Option<Vec<u8>> {
    let mut out = name.name().to_vec();
    out.push(b'=');
    match &var.value {
        Value::None => return None,
        Value::Text(t) => out.extend(quote::set_listing(t)),
        array => out.extend(crate::expand::attributes::array_value(array)),
    }
    out.push(b'\n');
    Some(out)
}

fn print_one(sh: &mut Shell, r: &Request, text: &[u8]) -> i32 {
    let name = text.split(|b| *b == b'=').next().unwrap_or(b"");
    let sym = Sym::new(name);
    match sh.var(sym) {
        Some(var) => {
            let line = declaration(sym, var);
            sh.out(&line)
        }
        None if r.builtin == "export" || r.builtin == "readonly" => 0,
        None => {
            sh.builtin_error(&[name, b": not found"]);
            1
        }
    }
}

/// Without operands: what there is, as far as the options pick it.
fn list(sh: &mut Shell, r: &Request) -> i32 {
    if r.functions {
        return functions_listing(sh, r);
    }
    sh.refresh_all();
    let scope = sh.vars.function_scope();
    let any = r.on != Attrs::NONE;
    let plain = !any && !r.print && r.builtin != "local";
    let mut out = Vec::new();
    for (name, var) in sh.vars.sorted() {
        if any && !var.attrs.has(r.on) || r.builtin == "local" && var.scope != scope {
            continue;
        }
        if plain {
            if let Some(line) = set_line(name, var) {
                out.extend(line);
            }
        } else {
            out.extend(declaration(name, var));
        }
    }
    if plain {
        out.extend(all_functions(sh));
    }
    sh.out(&out)
}

/// All functions' definitions, by name.
#[must_use]
pub fn all_functions(sh: &Shell) -> Vec<u8> {
    let mut out = Vec::new();
    for name in sorted_functions(sh) {
        out.extend(sh.function_text(&name).unwrap_or_default());
        out.push(b'\n');
    }
    out
}

fn sorted_functions(sh: &Shell) -> Vec<Vec<u8>> {
    let mut names: Vec<Vec<u8>> = sh.funcs.keys().cloned().collect();
    names.sort();
    names
}

fn flags_of(sh: &Shell, name: &[u8]) -> Vec<u8> {
    let Some(f) = sh.funcs.get(name) else { return Vec::new() };
    let mut out = vec![b'f'];
    for (on, letter) in [(f.readonly, b'r'), (f.traced, b't'), (f.exported, b'x')] {
        if on {
            out.push(letter);
        }
    }
    out
}

fn functions_listing(sh: &mut Shell, r: &Request) -> i32 {
    let mut out = Vec::new();
    for name in sorted_functions(sh) {
        let Some(f) = sh.funcs.get(&name).cloned() else { continue };
        let wanted = (!r.on.has(Attrs::EXPORT) || f.exported) && (!r.on.has(Attrs::READONLY) || f.readonly);
        if !wanted {
            continue;
        }
        if !r.names_only {
            out.extend(sh.function_text(&name).unwrap_or_default());
            out.push(b'\n');
        }
        if r.names_only || r.on.has(Attrs::EXPORT | Attrs::READONLY) {
            out.extend([b"declare -", &flags_of(sh, &name)[..], b" ", &name, b"\n"].concat());
        }
    }
    sh.out(&out)
}

/// Operands are functions.
fn functions(sh: &mut Shell, r: &Request, args: &[DeclArg]) -> i32 {
    let mut status = 0;
    let mut out = Vec::new();
    let changes = (r.on | r.off).has(Attrs::EXPORT | Attrs::READONLY | Attrs::TRACE);
    for arg in args {
        let DeclArg::Text(name) = arg else { continue };
        let Some(f) = sh.funcs.get(name) else {
            if changes && r.outer {
                sh.builtin_error(&[name, b": not a function"]);
            }
            status = 1;
            continue;
        };
        if changes {
            let changed = crate::shell::Function {
                def: f.def.clone(),
                wire: f.wire.clone(),
                source: f.source.clone(),
                line_base: f.line_base,
                exported: (f.exported || r.on.has(Attrs::EXPORT)) && !r.off.has(Attrs::EXPORT),
                traced: (f.traced || r.on.has(Attrs::TRACE)) && !r.off.has(Attrs::TRACE),
                readonly: f.readonly || r.on.has(Attrs::READONLY),
            };
            sh.funcs.insert(name.clone(), Rc::new(changed));
            sh.vars.env_changed = true;
        } else if r.names_only {
            out.extend_from_slice(name);
            if sh.shopt(Shopt::ExtDebug) {
                let line = f.definition().map_or(0, |d| d.line);
                out.extend([format!(" {line} ").as_bytes(), &f.source].concat());
            }
            out.push(b'\n');
        } else {
            out.extend(sh.function_text(name).unwrap_or_default());
            out.push(b'\n');
        }
    }
    let _ = (USAGE, Key::Index(0));
    sh.out(&out).max(status)
}
