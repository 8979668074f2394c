//! Files that messages bring along: put where commands find them, or shown to the model.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::item::{Item, Part};
use super::output::End;
use super::response::Failure;
use super::run::{Go, Run};
use super::workplace::Workplace;

/// Largest file whose text is put in its place, in bytes.
const SHOWN_BYTES: usize = 1 << 20;

/// How a PDF begins.
const PDF: &[u8] = b"%PDF-";

/// A file that a message brings along, and where it is put.
pub(super) struct Attached {
    /// Below [`DATA`](super::artifacts::DATA).
    pub name: String,
    pub part: Part,
}

/// Takes the files out of messages and says in their place where they are put. Names are others than those in `attached`.
pub(super) fn detach(items: &mut [Item], attached: &mut Vec<Attached>) {
    for item in items {
        let Item::Message(message) = item else { continue };
        for part in &mut message.content {
            let Part::InputFile { filename, file_url: None, .. } = part else { continue };
            let name = free_name(filename.as_deref(), attached);
            let said = format!("[A file: {}/{name}]", super::artifacts::DATA);
            attached.push(Attached { name, part: std::mem::replace(part, Part::InputText { text: said }) });
        }
    }
}

/// A name for a file that no other has: its own without directories, if it can be.
fn free_name(asked: Option<&str>, taken: &[Attached]) -> String {
    let own = asked.and_then(|name| name.rsplit(['/', '\\']).next());
    let own =
        own.filter(|name| !matches!(*name, "" | "." | "..") && name.len() <= 200 && !name.contains(char::is_control));
    let own = own.unwrap_or("attachment");
    let is_free = |name: &str| taken.iter().all(|other| other.name != name);
    if is_free(own) {
        return own.to_owned();
    }
    let numbered = (2..).map(|number| format!("{number}-{own}")).find(|name| is_free(name));
    numbered.expect("numbers do not end")
}

/// A file's name and bytes, wherever they are; `None` if that is elsewhere.
pub(super) async fn read(workplace: &dyn Workplace, part: &Part) -> Result<Option<(String, Bytes)>, Failure> {
    match part {
        Part::InputFile { file_id: Some(id), .. } | Part::InputImage { file_id: Some(id), image_url: None, .. } => {
            workplace.file(id).await.map(Some)
        }
        Part::InputFile { file_data: Some(data), filename, .. } => {
            let name = filename.as_deref().unwrap_or("attachment");
            Ok(Some((name.to_owned(), decode(name, data)?)))
        }
        _ => Ok(None),
    }
}

impl Run<'_> {
    /// Shows the model the files that messages bring along and that no command will find: text as it is, images as themselves.
    pub async fn show_files(&mut self) -> Go<()> {
        let workplace = self.request.workplace.clone();
        let mut history = std::mem::take(&mut self.history);
        let messages = history.iter_mut().filter_map(|item| match item {
            Item::Message(message) => Some(message),
            _ => None,
        });
        for part in messages.flat_map(|message| &mut message.content) {
            if let Some((name, bytes)) = read(&*workplace, part).await.map_err(End::Failed)? {
                show(part, &name, &bytes);
            }
        }
        self.set_history(history);
        Ok(())
    }
}

/// Puts a file's content in its place.
fn show(part: &mut Part, name: &str, bytes: &Bytes) {
    let url = |kind: &str| format!("data:{kind};base64,{}", STANDARD.encode(bytes));
    match part {
        Part::InputImage { image_url, file_id, .. } => {
            *image_url = Some(url(image_kind(bytes)));
            *file_id = None;
        }
        Part::InputFile { filename, file_data, file_id, .. } => match str::from_utf8(bytes) {
            Ok(text) if bytes.len() <= SHOWN_BYTES && !bytes.starts_with(PDF) => {
                *part = Part::InputText { text: format!("[File {name}]\n{text}") };
            }
            _ => {
                *filename = Some(name.to_owned());
                *file_data =
                    Some(url(if bytes.starts_with(PDF) { "application/pdf" } else { "application/octet-stream" }));
                *file_id = None;
            }
        },
        _ => {}
    }
}

/// The media type that an image's first bytes tell.
fn image_kind(bytes: &[u8]) -> &'static str {
    match bytes {
        [0xff, 0xd8, ..] => "image/jpeg",
        [b'G', b'I', b'F', b'8', ..] => "image/gif",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        _ => "image/png",
    }
}

/// The bytes of a file that came with a message: a data URL, or base64 alone.
fn decode(name: &str, data: &str) -> Result<Bytes, Failure> {
    let text = match data.strip_prefix("data:") {
        Some(url) => url.split_once(',').map_or("", |(_, data)| data),
        None => data,
    };
    let bytes = base64::engine::general_purpose::STANDARD.decode(text.trim());
    let wrong =
        |error| Failure::prompt(format!("The content of file '{name}' is neither a data URL nor base64: {error}."));
    bytes.map(Bytes::from).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn items(value: serde_json::Value) -> Vec<Item> {
        serde_json::from_value(value).expect("they are items")
    }

    #[test]
    fn files_are_taken_out_and_named_apart() {
        let mut items = items(json!([{"role": "user", "content": [
            {"type": "input_text", "text": "see"},
            {"type": "input_file", "filename": "../x/a.csv", "file_data": "YQ=="},
            {"type": "input_file", "filename": "a.csv", "file_id": "file-1"},
            {"type": "input_file", "filename": "..", "file_data": "YQ=="},
            {"type": "input_file", "file_url": "https://example.com/b"}]}]));
        let mut attached = Vec::new();
        detach(&mut items, &mut attached);
        let names: Vec<_> = attached.into_iter().map(|attached| attached.name).collect();
        assert_eq!(names, ["a.csv", "2-a.csv", "attachment"]);
        let Item::Message(message) = &items[0] else { panic!("{:?}", items[0]) };
        assert_eq!(
            message.text(),
            "see[A file: /mnt/data/a.csv][A file: /mnt/data/2-a.csv][A file: /mnt/data/attachment]"
        );
        assert!(matches!(message.content[4], Part::InputFile { .. }));
    }

    #[test]
    fn what_no_command_finds_is_shown() {
        let file = |filename: Option<&str>, file_id: Option<&str>| Part::InputFile {
            file_id: file_id.map(str::to_owned),
            file_data: None,
            file_url: None,
            filename: filename.map(str::to_owned),
            detail: None,
        };
        let mut part = file(None, Some("file-1"));
        show(&mut part, "a.txt", &Bytes::from_static(b"hi"));
        assert_eq!(part, Part::InputText { text: "[File a.txt]\nhi".into() });
        let mut part = file(None, Some("file-1"));
        show(&mut part, "a.bin", &Bytes::from_static(b"\xff"));
        assert!(
            matches!(part, Part::InputFile { file_id: None, file_data: Some(data), .. } if data.ends_with("base64,/w=="))
        );
        let mut part = file(Some("a.pdf"), Some("file-1"));
        show(&mut part, "a.pdf", &Bytes::from_static(b"%PDF-1.4\n"));
        assert!(
            matches!(&part, Part::InputFile { file_data: Some(data), .. } if data.starts_with("data:application/pdf;")),
            "{part:?}"
        );
        let mut part = Part::InputImage { detail: Default::default(), image_url: None, file_id: Some("file-2".into()) };
        show(&mut part, "a.gif", &Bytes::from_static(b"GIF89a"));
        assert!(
            matches!(part, Part::InputImage { image_url: Some(url), .. } if url.starts_with("data:image/gif;base64,R0"))
        );
    }

    #[test]
    fn data_urls_and_base64_are_read() {
        assert_eq!(decode("a", "data:text/plain;base64,aGk="), Ok("hi".into()));
        assert_eq!(decode("a", "aGk=\n"), Ok("hi".into()));
        assert!(decode("a.csv", "?").expect_err("no base64").message.contains("'a.csv'"));
    }
}
