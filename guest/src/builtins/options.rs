//! Options of builtins: single letters, some with an argument.

/// An option the builtin does not have, or one without its argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bad {
    Unknown(u8),
    Missing(u8),
}

/// An option and its argument.
pub type Found<'a> = Result<(u8, Option<&'a [u8]>), Bad>;

/// Goes through a builtin's options.
pub struct OptionParser<'a> {
    args: &'a [Vec<u8>],
    /// Letters; a colon after one that takes an argument. A leading `+` allows options that begin with it.
    spec: &'static [u8],
    index: usize,
    offset: usize,
    /// The current option began with `+`.
    pub plus: bool,
}

impl<'a> OptionParser<'a> {
    /// The options in `args`, the first of which is the builtin's name.
    #[must_use]
    pub fn new(args: &'a [Vec<u8>], spec: &'static [u8]) -> Self {
        Self { args, spec, index: 1, offset: 0, plus: false }
    }

    /// The words behind the options.
    #[must_use]
    pub fn rest(&self) -> &'a [Vec<u8>] {
        self.args.get(self.index..).unwrap_or(&[])
    }

    /// The next option and its argument.
    #[expect(clippy::should_implement_trait, reason = "not an iterator: its state is looked at between calls")]
    pub fn next(&mut self) -> Option<Found<'a>> {
        if self.offset == 0 {
            let arg = self.args.get(self.index)?;
            let plus = self.spec.first() == Some(&b'+') && arg.first() == Some(&b'+');
            if arg.len() < 2 || !(arg[0] == b'-' || plus) {
                return None;
            }
            if arg == b"--" {
                self.index += 1;
                return None;
            }
            self.plus = plus;
            self.offset = 1;
        }
        let arg = &self.args[self.index];
        let letter = arg[self.offset];
        self.offset += 1;
        let found = if matches!(letter, b':' | b'+') { None } else { self.spec.iter().position(|b| *b == letter) };
        let Some(at) = found else { return Some(Err(Bad::Unknown(letter))) };
        let takes = self.spec.get(at + 1) == Some(&b':');
        let ended = self.offset >= arg.len();
        if !takes {
            if ended {
                self.index += 1;
                self.offset = 0;
            }
            return Some(Ok((letter, None)));
        }
        let value = if ended {
            self.index += 1;
            self.args.get(self.index).map(Vec::as_slice)
        } else {
            Some(&arg[self.offset..])
        };
        self.index += 1;
        self.offset = 0;
        Some(match value {
            Some(v) => Ok((letter, Some(v))),
            None => Err(Bad::Missing(letter)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_arguments_and_the_rest() {
        let args: Vec<Vec<u8>> =
            ["x", "-ab", "-cvalue", "-c", "other", "--", "-a"].iter().map(|s| s.as_bytes().to_vec()).collect();
        let mut p = OptionParser::new(&args, b"abc:");
        assert_eq!(p.next(), Some(Ok((b'a', None))));
        assert_eq!(p.next(), Some(Ok((b'b', None))));
        assert_eq!(p.next(), Some(Ok((b'c', Some(&b"value"[..])))));
        assert_eq!(p.next(), Some(Ok((b'c', Some(&b"other"[..])))));
        assert_eq!(p.next(), None);
        assert_eq!(p.rest().len(), 1);
        let args = vec![b"x".to_vec(), b"-z".to_vec()];
        assert_eq!(OptionParser::new(&args, b"a").next(), Some(Err(Bad::Unknown(b'z'))));
        let args = vec![b"x".to_vec(), b"-c".to_vec()];
        assert_eq!(OptionParser::new(&args, b"c:").next(), Some(Err(Bad::Missing(b'c'))));
    }
}
