//! `name=( … )`.

use crate::names::Sym;
use crate::shell::{Run, Shell, Unwind};
use crate::syntax::ast::{Element, Subscript};
use crate::syntax::print;
use crate::vars::{Attrs, Key, Value};

/// An element, expanded.
enum Item {
    Next(Vec<u8>),
    /// With the subscript's text.
    Keyed {
        key: Key,
        text: Vec<u8>,
        append: bool,
        value: Vec<u8>,
    },
}

impl Shell {
    /// Assigns the elements of an array. `Err(None)`: refused, with the message written.
    pub(crate) fn assign_elements(
        &mut self,
        name: Sym,
        elements: &[Element],
        append: bool,
    ) -> Result<(), Option<Unwind>> {
        if name.is_dynamic() {
            self.refresh_dynamic(name);
        }
        self.check_writable(name).map_err(|_| None)?;
        let assoc = self.is_assoc(name);
        let items = self.expand_elements(name, elements, assoc).map_err(Some)?;
        let builtin = std::mem::take(&mut self.builtin);
        let result = if assoc { self.fill_assoc(name, items, append) } else { self.fill_indexed(name, items, append) };
        self.builtin = builtin;
        result
    }

    /// What a subscript in a list means; its text too, if the key may turn out to be out of range.
    fn element_key(&mut self, name: Sym, sub: &Subscript, assoc: bool) -> Run<(Key, Vec<u8>)> {
        if assoc {
            return Ok((self.key_for(name, sub)?, Vec::new()));
        }
        let source = &sub.arith.source;
        let quoted = source.iter().any(|b| matches!(b, b'\'' | b'"' | b'\\'));
        let text = if quoted { self.expand_string(sub.key())? } else { source.to_vec() };
        let key = if quoted { self.key_from_text(name, &text)? } else { self.key_for(name, sub)? };
        Ok((key, text))
    }

    fn expand_elements(&mut self, name: Sym, elements: &[Element], assoc: bool) -> Run<Vec<Item>> {
        let mut items = Vec::new();
        for e in elements {
            match &e.index {
                None => {
                    let mut fields = Vec::new();
                    if assoc {
                        fields.push(self.expand_string(&e.value)?);
                    } else {
                        self.expand_word(&e.value, &mut fields)?;
                    }
                    items.extend(fields.into_iter().map(Item::Next));
                }
                Some(sub) => {
                    let (key, text) = self.element_key(name, sub, assoc)?;
                    if matches!(&key, Key::Name(k) if k.is_empty()) {
                        let shown =
                            [b"[", &sub.arith.source[..], b"]=", &print::word(&e.value), b": bad array subscript"]
                                .concat();
                        self.complain(&shown);
                        continue;
                    }
                    let value = self.expand_string(&e.value)?;
                    items.push(Item::Keyed { key, text, append: e.append, value });
                }
            }
        }
        Ok(items)
    }

    fn fill_indexed(&mut self, name: Sym, items: Vec<Item>, append: bool) -> Result<(), Option<Unwind>> {
        let var = self.vars.entry(name);
        if append {
            var.make_indexed();
        } else {
            var.value = Value::Indexed(Box::default());
            var.attrs.add(Attrs::ARRAY);
        }
        let plain = !var.attrs.has(Attrs::INTEGER | Attrs::UPPER | Attrs::LOWER | Attrs::CAPITAL);
        let mut next = var.make_indexed().end() as i64;
        for item in items {
            let (index, add, value) = match item {
                Item::Next(value) => (next, false, value),
                Item::Keyed { key: Key::Index(n), text, value, .. } if self.index_too_low(name, n) => {
                    self.complain_parts(&[b"[", &text, b"]=", &value, b": bad array subscript"]);
                    continue;
                }
                Item::Keyed { key: Key::Index(n), append, value, .. } => (n, append, value),
                Item::Keyed { key: Key::Name(_), .. } => continue,
            };
            if plain && !add && index >= 0 {
                self.vars.entry(name).make_indexed().set(index as u64, value);
            } else {
                self.assign_element(name, &Key::Index(index), value, add).map_err(|_| None)?;
            }
            let end = self.vars.entry(name).make_indexed().end() as i64;
            next = if index < 0 { end } else { index + 1 };
        }
        Ok(())
    }

    fn fill_assoc(&mut self, name: Sym, items: Vec<Item>, append: bool) -> Result<(), Option<Unwind>> {
        if !append {
            self.vars.entry(name).value = Value::Assoc(Box::default());
        }
        let pairs = matches!(items.first(), Some(Item::Next(_)));
        self.vars.entry(name).make_assoc();
        let mut items = items.into_iter();
        while let Some(item) = items.next() {
            let (key, add, value) = match item {
                Item::Keyed { key, append, value, .. } => (key, append, value),
                Item::Next(key) if pairs => {
                    let value = match items.next() {
                        Some(Item::Next(v) | Item::Keyed { value: v, .. }) => v,
                        None => Vec::new(),
                    };
                    if key.is_empty() {
                        self.complain(b"bad array subscript");
                        continue;
                    }
                    (Key::Name(key), false, value)
                }
                Item::Next(text) => {
                    let message: &[u8] = b": must use subscript when assigning associative array";
                    self.complain_parts(&[name.name(), b": ", &text, message]);
                    continue;
                }
            };
            self.assign_element(name, &key, value, add).map_err(|_| None)?;
        }
        Ok(())
    }
}
