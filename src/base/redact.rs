//! Texts as they may be kept in records: short, and without what looks like a secret.

/// Longest text of a command in a record, in bytes.
const COMMAND_BYTES: usize = 4096;

/// What secrets begin with that must not get into records.
const SECRETS: [&str; 7] = ["coq_", "sk-", "ghp_", "github_pat_", "xoxb-", "AKIA", "Bearer "];

/// A command's text as it may be kept: short, and without what looks like a secret.
pub fn redacted(command: &str) -> String {
    let end = command.floor_char_boundary(COMMAND_BYTES);
    let mut text = command[..end].to_owned();
    for prefix in SECRETS {
        let mut from = 0;
        while let Some(at) = text[from..].find(prefix).map(|at| from + at + prefix.len()) {
            let secret = text[at..].find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
            let length = secret.unwrap_or(text.len() - at);
            // Anything shorter is a word that happens to begin so.
            if length >= 8 {
                text.replace_range(at..at + length, "[redacted]");
            }
            from = at;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::redacted;

    #[test]
    fn secrets_are_not_kept() {
        assert_eq!(
            redacted("curl -H 'Authorization: Bearer abc.def-123456'"),
            "curl -H 'Authorization: Bearer [redacted]'"
        );
        assert_eq!(redacted("K=sk-aaaaaaaaaaaa; J=sk-bbbbbbbbbbbb"), "K=sk-[redacted]; J=sk-[redacted]");
        assert_eq!(redacted("ask-me sk-x disk-space"), "ask-me sk-x disk-space");
        assert_eq!(redacted(&"é".repeat(5000)).len(), 4096);
    }
}
