//! Reading and assigning variables as the shell does it: references, attributes, arrays, and variables with a meaning.

use super::{Assoc, Attrs, Indexed, Value, Var};
use crate::names::{Sym, is_name};
use crate::options::Opt;
use crate::shell::{Run, Shell};
use crate::syntax::ast::Subscript;
use crate::text::case_conv;

/// Which element of an array is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    Index(i64),
    Name(Vec<u8>),
}

/// A variable or one element of it, with references followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub name: Sym,
    pub key: Option<Key>,
}

/// An assignment that was refused; the message has been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// How many references may point at one another.
const MAX_REFERENCES: u32 = 8;

impl Shell {
    /// The variable, with a value that is current if it is a dynamic one. References are not followed.
    pub fn var(&mut self, name: Sym) -> Option<&Var> {
        if name.is_dynamic() {
            self.refresh_dynamic(name);
        }
        self.vars.get(name)
    }

    /// The text of a variable, references followed.
    pub fn text(&mut self, name: Sym) -> Option<Vec<u8>> {
        let var = self.var(name)?;
        if var.attrs.has(Attrs::NAMEREF) {
            let place = self.follow(name).ok()?;
            return self.read_place(&place);
        }
        var.value.scalar().cloned()
    }

    /// The name a reference leads to, and the element if it names one.
    ///
    /// # Errors
    /// An error in evaluating the element's subscript.
    pub fn follow(&mut self, name: Sym) -> Run<Place> {
        let (first, mut name) = (name, name);
        for _ in 0..MAX_REFERENCES {
            let target = match self.vars.get(name) {
                Some(v) if v.attrs.has(Attrs::NAMEREF) => match &v.value {
                    Value::Text(t) if !t.is_empty() => t.clone(),
                    _ => return Ok(Place { name, key: None }),
                },
                _ => return Ok(Place { name, key: None }),
            };
            match target.iter().position(|b| *b == b'[') {
                Some(open) if target.ends_with(b"]") => {
                    let base = Sym::new(&target[..open]);
                    let inner = &target[open + 1..target.len() - 1];
                    if inner == b"@" || inner == b"*" {
                        return Ok(Place { name: base, key: None });
                    }
                    let key = self.key_from_text(base, inner)?;
                    return Ok(Place { name: base, key: Some(key) });
                }
                _ => name = Sym::new(&target),
            }
        }
        let shown = first.name();
        self.complain_parts(&[b"warning: ", shown, b": circular name reference"]);
        Ok(Place { name: Sym::NOWHERE, key: None })
    }

    /// Where assignments to a name go.
    pub fn place(&mut self, name: Sym) -> Run<Place> {
        match self.vars.get(name) {
            Some(v) if v.attrs.has(Attrs::NAMEREF) => self.follow(name),
            _ => Ok(Place { name, key: None }),
        }
    }

    /// A place's text.
    pub fn read_place(&mut self, place: &Place) -> Option<Vec<u8>> {
        match &place.key {
            None => self.var(place.name)?.value.scalar().cloned(),
            Some(key) => self.element(place.name, key).cloned(),
        }
    }

    /// The element of an array; of a text, element 0 is the text.
    pub fn element(&mut self, name: Sym, key: &Key) -> Option<&Vec<u8>> {
        let var = self.var(name)?;
        match (&var.value, key) {
            (Value::Indexed(a), Key::Index(n)) => a.get(a.resolve(*n)?),
            (Value::Assoc(a), Key::Name(k)) => a.get(k),
            (Value::Text(t), Key::Index(0 | -1)) => Some(t),
            _ => None,
        }
    }

    #[must_use]
    pub fn is_assoc(&self, name: Sym) -> bool {
        self.vars.get(name).is_some_and(|v| v.attrs.has(Attrs::ASSOC))
    }

    /// What a subscript means for a variable.
    pub fn key_for(&mut self, name: Sym, sub: &Subscript) -> Run<Key> {
        let name = self.place(name)?.name;
        if name.is_dynamic() {
            self.refresh_dynamic(name);
        }
        if self.is_assoc(name) {
            return Ok(Key::Name(self.expand_string(sub.key())?));
        }
        Ok(Key::Index(self.arithmetic(&sub.arith)?))
    }

    /// What the text of a subscript, given at run time, means for a variable.
    pub fn key_from_text(&mut self, name: Sym, text: &[u8]) -> Run<Key> {
        let sub = crate::expand::subscript_from_text(text);
        self.key_for(name, &sub)
    }

    /// The place that `name` or `name[subscript]` is; `None` if it is no such thing.
    pub fn place_from_text(&mut self, text: &[u8]) -> Run<Option<Place>> {
        if is_name(text) {
            return self.place(Sym::new(text)).map(Some);
        }
        let Some(open) = text.iter().position(|b| *b == b'[') else { return Ok(None) };
        if !text.ends_with(b"]") || !is_name(&text[..open]) || open + 2 >= text.len() {
            return Ok(None);
        }
        let name = self.place(Sym::new(&text[..open]))?.name;
        let key = self.key_from_text(name, &text[open + 1..text.len() - 1])?;
        Ok(Some(Place { name, key: Some(key) }))
    }

    /// Assigns to a place. The message about a refusal has been written.
    ///
    /// # Errors
    /// The variable is read-only, or the subscript is out of range.
    pub fn assign_place(&mut self, place: &Place, value: Vec<u8>, append: bool) -> Result<(), Refused> {
        match &place.key {
            _ if place.name == Sym::NOWHERE => Err(Refused),
            None => self.assign(place.name, value, append),
            Some(key) => self.assign_element(place.name, key, value, append),
        }
    }

    /// `name=value`, `name+=value`.
    ///
    /// # Errors
    /// The variable is read-only.
    pub fn assign(&mut self, name: Sym, value: Vec<u8>, append: bool) -> Result<(), Refused> {
        if !append && !name.is_dynamic() && !self.opt(Opt::AllExport) {
            let var = self.vars.entry(name);
            if var.attrs.is_plain() {
                var.value = Value::Text(value);
                return Ok(());
            }
        }
        self.assign_special(name, value, append)
    }

    fn assign_special(&mut self, name: Sym, value: Vec<u8>, append: bool) -> Result<(), Refused> {
        let place = self.place(name).map_err(|_| Refused)?;
        if place.name == Sym::NOWHERE {
            return Err(Refused);
        }
        if place.name != name || place.key.is_some() {
            return self.assign_through(&place, value, append);
        }
        if let Some(v) = self.vars.get(name)
            && v.attrs.has(Attrs::NAMEREF)
        {
            return self.bind_reference(name, value);
        }
        if name.is_dynamic() {
            self.refresh_dynamic(name);
        }
        self.check_writable(name)?;
        if self.assign_dynamic(name, &value) {
            return Ok(());
        }
        let attrs = self.vars.get(name).map_or(Attrs::NONE, |v| v.attrs);
        let old = match self.vars.get(name) {
            Some(v) if append => v.value.scalar().cloned().unwrap_or_default(),
            _ => Vec::new(),
        };
        let value = self.convert(attrs, old, value, append)?;
        let export = self.opt(Opt::AllExport);
        let var = self.vars.entry(name);
        if export && !var.attrs.has(Attrs::EXPORT) {
            var.attrs.add(Attrs::EXPORT);
            self.vars.env_changed = true;
        }
        let var = self.vars.entry(name);
        match &mut var.value {
            Value::Indexed(a) => a.set(0, value),
            Value::Assoc(a) => a.set(b"0", value),
            slot if attrs.has(Attrs::ASSOC) => {
                let mut a = Assoc::default();
                a.set(b"0", value);
                *slot = Value::Assoc(Box::new(a));
            }
            slot if attrs.has(Attrs::ARRAY) => *slot = Value::Indexed(Box::new(Indexed::from_items(vec![value]))),
            slot => *slot = Value::Text(value),
        }
        Ok(())
    }

    /// An assignment through a reference: the target may be a reference too, so it is assigned as itself.
    fn assign_through(&mut self, place: &Place, value: Vec<u8>, append: bool) -> Result<(), Refused> {
        match &place.key {
            Some(key) => self.assign_element(place.name, key, value, append),
            None => self.assign_special(place.name, value, append),
        }
    }

    /// Gives a reference without a target one.
    fn bind_reference(&mut self, name: Sym, value: Vec<u8>) -> Result<(), Refused> {
        self.check_writable(name)?;
        let base = value.split(|b| *b == b'[').next().unwrap_or(b"");
        if !is_name(base) {
            self.complain_parts(&[b"`", &value, b"': not a valid identifier"]);
            return Err(Refused);
        }
        self.vars.entry(name).value = Value::Text(value);
        Ok(())
    }

    /// Applies the integer and case attributes.
    fn convert(&mut self, attrs: Attrs, old: Vec<u8>, value: Vec<u8>, append: bool) -> Result<Vec<u8>, Refused> {
        if attrs.has(Attrs::INTEGER) {
            let mut n = self.number_for(&value)?;
            if append {
                n = n.wrapping_add(self.number_for(&old)?);
            }
            return Ok(n.to_string().into_bytes());
        }
        let mut text = old;
        if append {
            text.extend_from_slice(&value);
        } else {
            text = value;
        }
        Ok(if attrs.has(Attrs::UPPER) {
            case_conv::convert(&text, case_conv::Case::Upper, true, None)
        } else if attrs.has(Attrs::LOWER) {
            case_conv::convert(&text, case_conv::Case::Lower, true, None)
        } else if attrs.has(Attrs::CAPITAL) {
            case_conv::capitalize(&text)
        } else {
            text
        })
    }

    /// The number that is assigned to an integer variable.
    fn number_for(&mut self, text: &[u8]) -> Result<i64, Refused> {
        const SHOWN: &[&str] =
            &["declare", "typeset", "local", "export", "readonly", "read", "printf", "mapfile", "getopts"];
        let prefix = if SHOWN.contains(&self.builtin) { [self.builtin, ": "].concat() } else { String::new() };
        self.evaluate_for(prefix.as_bytes(), text).map_err(|_| {
            self.not_a_number = true;
            Refused
        })
    }

    /// What a command's own assignment `name=value` or `name+=value` gives.
    ///
    /// # Errors
    /// The text to be added to an integer is no number.
    pub fn temporary_value(&mut self, name: Sym, value: Vec<u8>, append: bool) -> Result<Vec<u8>, Refused> {
        if !append {
            return Ok(value);
        }
        let attrs = self.vars.get(name).map_or(Attrs::NONE, |v| v.attrs);
        let old = self.text(name).unwrap_or_default();
        self.convert(attrs, old, value, true)
    }

    /// Refuses to change a read-only variable.
    ///
    /// # Errors
    /// It is one; the message has been written.
    pub fn check_writable(&mut self, name: Sym) -> Result<(), Refused> {
        if name == Sym::NOWHERE {
            return Err(Refused);
        }
        if self.vars.get(name).is_some_and(|v| v.attrs.has(Attrs::READONLY)) {
            self.complain_parts(&[name.name(), b": readonly variable"]);
            return Err(Refused);
        }
        Ok(())
    }

    /// `name[key]=value`, making the variable an array if it is none.
    ///
    /// # Errors
    /// The variable is read-only or the index before the beginning.
    pub fn assign_element(&mut self, name: Sym, key: &Key, value: Vec<u8>, append: bool) -> Result<(), Refused> {
        self.check_writable(name)?;
        let attrs = self.vars.get(name).map_or(Attrs::NONE, |v| v.attrs);
        if attrs.has(Attrs::INTEGER | Attrs::UPPER | Attrs::LOWER | Attrs::CAPITAL) {
            let old = if append { self.element(name, key).cloned().unwrap_or_default() } else { Vec::new() };
            let value = self.convert(attrs, old, value, append)?;
            return self.store_element(name, key, value, false);
        }
        self.store_element(name, key, value, append)
    }

    fn store_element(&mut self, name: Sym, key: &Key, value: Vec<u8>, append: bool) -> Result<(), Refused> {
        let assoc = self.is_assoc(name);
        let var = self.vars.entry(name);
        let slot = match key {
            Key::Name(k) => var.make_assoc().slot(k),
            Key::Index(n) if assoc => var.make_assoc().slot(n.to_string().as_bytes()),
            Key::Index(n) => {
                let array = var.make_indexed();
                match array.resolve(*n) {
                    Some(index) => array.slot(index),
                    None => {
                        let shown = format!("[{n}]: bad array subscript");
                        self.complain_parts(&[name.name(), shown.as_bytes()]);
                        return Err(Refused);
                    }
                }
            }
        };
        if append {
            slot.extend_from_slice(&value);
        } else {
            *slot = value;
        }
        Ok(())
    }

    /// Sets a variable to an indexed array.
    ///
    /// # Errors
    /// The variable is read-only, or an element is no number.
    pub fn assign_array(&mut self, name: Sym, mut items: Vec<Vec<u8>>) -> Result<(), Refused> {
        self.check_writable(name)?;
        let attrs = self.vars.get(name).map_or(Attrs::NONE, |v| v.attrs);
        if attrs.has(Attrs::INTEGER | Attrs::UPPER | Attrs::LOWER | Attrs::CAPITAL) {
            for item in &mut items {
                *item = self.convert(attrs, Vec::new(), std::mem::take(item), false)?;
            }
        }
        let var = self.vars.entry(name);
        var.value = Value::Indexed(Box::new(Indexed::from_items(items)));
        var.attrs.remove(Attrs::ASSOC);
        var.attrs.add(Attrs::ARRAY);
        Ok(())
    }

    /// Sets a variable without looking at its attributes, except for a shell of its own making.
    pub fn set_quietly(&mut self, name: Sym, value: &[u8]) {
        let var = self.vars.entry(name);
        match &mut var.value {
            Value::Text(t) => {
                t.clear();
                t.extend_from_slice(value);
            }
            slot => *slot = Value::Text(value.to_vec()),
        }
    }

    /// Is there a value? (`-v`, `${x+…}`)
    pub fn is_set(&mut self, text: &[u8]) -> Run<bool> {
        if let Some(base) = text.strip_suffix(b"[@]").or_else(|| text.strip_suffix(b"[*]")) {
            let name = Sym::new(base);
            return Ok(self.var(name).is_some_and(|v| match &v.value {
                Value::None => false,
                Value::Text(_) => true,
                Value::Indexed(a) => !a.is_empty(),
                Value::Assoc(a) => !a.is_empty(),
            }));
        }
        if !text.is_empty() && text.iter().all(u8::is_ascii_digit) {
            let n = crate::expand::to_int(text).unwrap_or(0) as usize;
            return Ok(n == 0 || n <= self.params.len());
        }
        let Some(place) = self.place_from_text(text)? else { return Ok(false) };
        Ok(self.read_place(&place).is_some())
    }
}

impl std::ops::BitOr for Attrs {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        self.or(other)
    }
}

impl Var {
    /// The indexed array of this variable, made from its text if it has one.
    pub fn make_indexed(&mut self) -> &mut Indexed {
        self.attrs.add(Attrs::ARRAY);
        if !matches!(self.value, Value::Indexed(_)) {
            let items = match std::mem::take(&mut self.value) {
                Value::Text(t) => vec![t],
                _ => Vec::new(),
            };
            self.value = Value::Indexed(Box::new(Indexed::from_items(items)));
        }
        match &mut self.value {
            Value::Indexed(a) => a,
            _ => unreachable!("made above"),
        }
    }

    /// The associative array of this variable.
    pub fn make_assoc(&mut self) -> &mut Assoc {
        self.attrs.add(Attrs::ASSOC);
        if !matches!(self.value, Value::Assoc(_)) {
            let mut a = Assoc::default();
            if let Value::Text(t) = std::mem::take(&mut self.value) {
                a.set(b"0", t);
            }
            self.value = Value::Assoc(Box::new(a));
        }
        match &mut self.value {
            Value::Assoc(a) => a,
            _ => unreachable!("made above"),
        }
    }
}
