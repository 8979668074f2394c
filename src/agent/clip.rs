//! What is kept of a command's output: its head, told while the command runs, and its tail, told when it has ended.

use std::collections::VecDeque;

use super::event::Written;

/// Keeps the beginning and the end of what a command writes to both of its streams together. What it hands out to be told, put together, is what
/// it keeps.
pub(super) struct Clip {
    /// Characters the head still takes.
    head_left: usize,
    /// Characters of the tail if something is left out.
    tail_most: usize,
    /// The same if nothing is, and nothing has to say so.
    tail_whole: usize,
    /// What says that something was left out, if there is room for it.
    mark: Option<Mark>,
    kept: [String; 2],
    tails: [Tail; 2],
}

/// The end of what was written to one stream.
#[derive(Default)]
struct Tail {
    pieces: VecDeque<String>,
    chars: usize,
    left_out: usize,
}

/// Which of a command's streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout = 0,
    Stderr = 1,
}

/// How it is said that something was left out.
#[derive(Clone, Copy)]
enum Mark {
    /// In words, with the number of characters.
    Words,
    /// By an ellipsis.
    Dots,
}

/// Limit in characters from which on there is room for words, and the most they take in both streams.
const WORDS: (usize, usize) = (200, 100);

/// The same for an ellipsis.
const DOTS: (usize, usize) = (20, 10);

/// Characters that the tail may have beyond twice its length before it is trimmed.
const HELD_BEYOND: usize = 1024;

impl Stream {
    /// Text of this stream, to be told.
    pub fn wrote(self, text: String) -> Written {
        match self {
            Stream::Stdout => Written { stdout: Some(text), stderr: None },
            Stream::Stderr => Written { stdout: None, stderr: Some(text) },
        }
    }
}

impl Clip {
    /// Keeps at most `chars` characters.
    pub fn new(chars: u64) -> Clip {
        let chars = usize::try_from(chars).unwrap_or(usize::MAX);
        let (mark, taken) = match chars {
            _ if chars >= WORDS.0 => (Some(Mark::Words), WORDS.1),
            _ if chars >= DOTS.0 => (Some(Mark::Dots), DOTS.1),
            _ => (None, 0),
        };
        let room = chars - taken;
        Clip {
            head_left: room.div_ceil(2),
            tail_most: room / 2,
            tail_whole: chars - room.div_ceil(2),
            mark,
            kept: Default::default(),
            tails: Default::default(),
        }
    }

    /// Takes what came; returns what of it is to be told now.
    pub fn take(&mut self, stream: Stream, text: &str) -> Option<Written> {
        let (head, rest) = split(text, self.head_left);
        if !rest.is_empty() {
            // Once the head is full, what comes belongs to the tail.
            self.head_left = 0;
            self.tails[stream as usize].hold(rest, self.tail_whole);
        } else {
            self.head_left -= head.chars().count();
        }
        if head.is_empty() {
            return None;
        }
        self.kept[stream as usize].push_str(head);
        Some(stream.wrote(head.to_owned()))
    }

    /// What is left to be told, and all that is kept of standard output and standard error.
    pub fn finish(mut self) -> (Vec<Written>, String, String) {
        let [stdout, stderr] = &mut self.tails;
        // Errors are short as a rule, and not to be drowned: each stream has half of what the other leaves, or more.
        let fits =
            stdout.left_out + stderr.left_out == 0 && stdout.chars.saturating_add(stderr.chars) <= self.tail_whole;
        let most = if fits { self.tail_whole } else { self.tail_most };
        stderr.trim(most.saturating_sub(stdout.chars).max(most / 2));
        stdout.trim(most - stderr.chars);
        let mut told = Vec::new();
        for stream in [Stream::Stdout, Stream::Stderr] {
            let mut rest = String::new();
            let tail = &self.tails[stream as usize];
            match self.mark.filter(|_| tail.left_out > 0) {
                Some(Mark::Words) => rest = format!("\n[{} characters left out]\n", tail.left_out),
                Some(Mark::Dots) => rest.push_str("\n[…]\n"),
                None => {}
            }
            rest.extend(tail.pieces.iter().map(String::as_str));
            if !rest.is_empty() {
                self.kept[stream as usize].push_str(&rest);
                told.push(stream.wrote(rest));
            }
        }
        let [stdout, stderr] = self.kept;
        (told, stdout, stderr)
    }
}

impl Tail {
    fn hold(&mut self, text: &str, most: usize) {
        self.chars += text.chars().count();
        self.pieces.push_back(text.to_owned());
        // Not for each character that comes: a long piece would be copied as often.
        if self.chars > most.saturating_mul(2).saturating_add(HELD_BEYOND) {
            self.trim(most);
        }
    }

    fn trim(&mut self, most: usize) {
        while self.chars > most {
            let Some(first) = self.pieces.front_mut() else { return };
            let (out, rest) = split(first, self.chars - most);
            let count = out.chars().count();
            self.chars -= count;
            self.left_out += count;
            if rest.is_empty() {
                self.pieces.pop_front();
            } else {
                *first = rest.to_owned();
            }
        }
    }
}

/// Splits text behind its first `chars` characters.
fn split(text: &str, chars: usize) -> (&str, &str) {
    match text.char_indices().nth(chars) {
        Some((at, _)) => text.split_at(at),
        None => (text, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is kept of pieces, checked to be what was told.
    fn kept(chars: u64, pieces: &[(Stream, &str)]) -> (String, String) {
        let mut clip = Clip::new(chars);
        let mut told: Vec<Written> = pieces.iter().filter_map(|(stream, text)| clip.take(*stream, text)).collect();
        let (rest, stdout, stderr) = clip.finish();
        told.extend(rest);
        let of = |part: fn(&Written) -> Option<&String>| told.iter().filter_map(part).cloned().collect::<String>();
        assert_eq!((of(|w| w.stdout.as_ref()), of(|w| w.stderr.as_ref())), (stdout.clone(), stderr.clone()));
        (stdout, stderr)
    }

    #[test]
    fn head_and_tail_are_kept() {
        use Stream::{Stderr, Stdout};
        let of = |chars, pieces: &[(Stream, &str)]| kept(chars, pieces);
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(of(10, &[]), pair("", ""));
        assert_eq!(of(10, &[(Stdout, "abc"), (Stderr, "dé"), (Stdout, "fghij")]), pair("abcfghij", "dé"));
        assert_eq!(of(4, &[(Stdout, "äbcdefgh")]), pair("äbgh", ""));
        assert_eq!(of(5, &[(Stdout, "ab"), (Stderr, "cdef"), (Stdout, "gh")]), pair("abh", "cf"));
        assert_eq!(of(6, &[(Stdout, "abc"), (Stderr, "x"), (Stdout, "defgh")]), pair("abcgh", "x"));
        assert_eq!(of(6, &[(Stdout, "abc"), (Stderr, "vwxyz"), (Stdout, "d")]), pair("abcd", "yz"));
        assert_eq!(of(0, &[(Stdout, "ab"), (Stderr, "c")]), pair("", ""));
        assert_eq!(of(1, &[(Stdout, "ab")]), pair("a", ""));
        let (a, b) = ("a".repeat(30), "b".repeat(30));
        assert_eq!(of(20, &[(Stdout, &a)]), pair("aaaaa\n[…]\naaaaa", ""));
        assert_eq!(of(20, &[(Stdout, &a), (Stderr, &b)]), pair("aaaaa\n[…]\naaa", "\n[…]\nbb"));
        let long = "x".repeat(1000) + "end";
        let (stdout, _) = of(300, &[(Stdout, "begin"), (Stdout, &long)]);
        assert!(stdout.starts_with("begin") && stdout.ends_with("end") && stdout.chars().count() <= 300, "{stdout}");
        assert!(stdout.contains("\n[808 characters left out]\n"), "{stdout}");
    }

    #[test]
    fn what_fits_is_kept_whole_however_it_comes() {
        let text: String = ('a'..='z').cycle().take(100).collect();
        for size in 1..=100 {
            let pieces: Vec<_> = text.as_bytes().chunks(size).map(|c| str::from_utf8(c).expect("ASCII")).collect();
            let pieces: Vec<_> = pieces.into_iter().map(|piece| (Stream::Stdout, piece)).collect();
            assert_eq!(kept(100, &pieces).0, text);
            assert_eq!(kept(99, &pieces).0.chars().count(), 99 - 5, "one of the two marks");
            assert_eq!(kept(1000, &pieces).0, text);
        }
    }
}
