//! What there is: boxes, their logs, snapshots, proposals.

use anyhow::Result;
use serde_json::Value;

use super::args::{ListArgs, LogArgs};
use super::{Boxes, settings};
use crate::cli::format::{self, Cell, Style, Table, paint, styled};
use crate::cli::output;
use crate::container::{Container, Ref};
use crate::storage::{
    ContainerQuery, ContainerStatus, LIST_LIMIT, LogQuery, LogRecord, Order, ProposalRecord, ProposalState,
    SnapshotQuery,
};

/// `box ls`.
pub fn boxes(boxes: &Boxes, args: &ListArgs) -> Result<()> {
    let wanted = |c: &Container| args.name.as_ref().is_none_or(|part| c.name.contains(part.as_str()));
    let mut found = Vec::new();
    all(boxes, args.owner.as_deref(), |container| {
        if wanted(&container) {
            found.push(container);
        }
        found.len() < args.limit as usize
    })?;
    if boxes.json {
        return output::json(&found);
    }
    let now = output::now_ms();
    let mut table = Table::new(&["NAME", "STATUS", ">ENTRIES", "USED", "CREATED", "EXPIRES", "OWNER"]);
    for c in &found {
        table.row([
            styled(called(c), Style::Strong),
            status(c.status),
            c.seq.to_string().into(),
            format::ago(c.last_active_at_ms, now).into(),
            format::ago(c.created_at_ms, now).into(),
            expires(c, now).into(),
            format::printable(c.owner.as_deref().unwrap_or("").as_bytes()).into(),
        ]);
    }
    output::table(table)
}

/// Gives all boxes, the newest first, until it is told that these are enough.
fn all(boxes: &Boxes, owner: Option<&str>, mut each: impl FnMut(Container) -> bool) -> Result<()> {
    let mut query = ContainerQuery { owner: owner.map(Into::into), ..ContainerQuery::default() };
    loop {
        let page = boxes.wait(boxes.containers.list(&query))?;
        let is_last = page.len() < LIST_LIMIT as usize;
        query.after = page.last().map(|c| c.id.clone());
        for container in page {
            if !each(container) {
                return Ok(());
            }
        }
        if is_last {
            return Ok(());
        }
    }
}

/// What a box is called by here: its name, or its id where the name is its owner's own.
pub fn called(container: &Container) -> &str {
    if container.owner.is_none() { &container.name } else { &container.id }
}

fn status(status: ContainerStatus) -> Cell {
    match status {
        ContainerStatus::Active => styled("active", Style::Good),
        ContainerStatus::Expired => styled("expired", Style::Bad),
    }
}

fn expires(c: &Container, now: i64) -> String {
    match (c.status, c.settings.expires_after_ms) {
        (ContainerStatus::Expired, _) => String::new(),
        (_, None) => "never".into(),
        (_, Some(after)) => format::until(c.last_active_at_ms.saturating_add_unsigned(after), now),
    }
}

/// `box show`.
pub fn show(boxes: &Boxes, name: &str) -> Result<()> {
    let c = boxes.wait(boxes.containers.get(name))?;
    if boxes.json {
        return output::json(&c);
    }
    let now = output::now_ms();
    let limits = &c.settings.limits;
    let (files, bytes) = (limits.tree_files, format::size(limits.tree_bytes));
    let mut rows = vec![
        ("name", c.name.clone()),
        ("id", c.id.clone()),
        ("owner", format::printable(c.owner.as_deref().unwrap_or("").as_bytes())),
        ("status", status(c.status).into_text()),
        ("created", format::ago(c.created_at_ms, now)),
        ("used", format::ago(c.last_active_at_ms, now)),
        ("expires", expires(&c, now)),
        ("entries", c.seq.to_string()),
        ("root", c.root.to_string()),
        ("image", c.image.clone()),
        ("access", settings::profile(&c.settings)),
        ("durability", settings::durability(&c.settings)),
        ("cwd", format::printable(c.settings.cwd.as_deref().unwrap_or("").as_bytes())),
    ];
    let env = c.settings.env.iter().map(|(k, v)| ("env", format::printable(format!("{k}={v}").as_bytes())));
    rows.extend(env);
    if c.status == ContainerStatus::Active {
        let state = Ref::Container(c.id.clone());
        let usage = boxes.wait(boxes.containers.diff(&state, &state))?.new.usage();
        let used =
            format!("{} of {files} and {} of {bytes}, beyond the image's", usage.files, format::size(usage.bytes));
        rows.push(("files", used));
    }
    rows.push(("memory", format!("at most {}", format::size(limits.memory_bytes))));
    rows.push((
        "time",
        format!("at most {} and {} instructions an exec", format::duration(limits.wall_time_ms), limits.fuel),
    ));
    for (what, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        output::line(&format!("{} {value}", paint(&format!("{what:<10}"), Style::Faint)))?;
    }
    Ok(())
}

/// `box log`.
pub fn log(boxes: &Boxes, args: &LogArgs) -> Result<()> {
    let mut query = LogQuery { order: Order::Descending, ..LogQuery::default() };
    let mut entries = Vec::new();
    let limit = args.limit as usize;
    while entries.len() < limit {
        query.limit = u32::try_from(limit - entries.len()).unwrap_or(LIST_LIMIT).min(LIST_LIMIT);
        let page = boxes.wait(boxes.containers.log(&args.name, &query))?;
        query.before_seq = page.last().map(|entry| entry.seq);
        let is_last = page.len() < query.limit as usize;
        entries.extend(page);
        if is_last {
            break;
        }
    }
    entries.reverse();
    if boxes.json {
        return output::json(&entries);
    }
    let now = output::now_ms();
    let mut table = Table::new(&[">ENTRY", "WHEN", ">TOOK", "KIND", "RESULT", "COMMAND"]);
    for entry in &entries {
        table.row([
            styled(entry.seq.to_string(), Style::Strong),
            format::ago(entry.ended_at_ms, now).into(),
            format::duration(u64::try_from(entry.ended_at_ms - entry.started_at_ms).unwrap_or(0)).into(),
            entry.kind.as_str().into(),
            result(&entry.outcome),
            about(entry).into(),
        ]);
    }
    output::table(table)
}

/// How something ended, in a word or two: for execs that is how they exited, for others there is nothing to say.
fn result(outcome: &Value) -> Cell {
    let ended = &outcome["outcome"];
    let word = |key: &str| ended[key].as_str().unwrap_or("?").to_owned();
    match ended["type"].as_str() {
        Some("exit") if ended["exit_code"] == 0 => styled("0", Style::Good),
        Some("exit") => styled(ended["exit_code"].to_string(), Style::Bad),
        Some("signal") => styled(format!("SIG{}", word("signal")), Style::Bad),
        Some("limit") => styled(format!("limit {}", word("limit")), Style::Bad),
        Some(other) => styled(other, Style::Note),
        None => "".into(),
    }
}

/// What a log entry is about: what was run, or which background processes were ended.
fn about(entry: &LogRecord) -> String {
    let ended = entry.outcome["ended"].as_array().map_or(&[][..], Vec::as_slice);
    let ended: Vec<_> = ended.iter().filter_map(Value::as_str).collect();
    let text = match ended.is_empty() {
        true => entry.command.clone(),
        false => format!("{} (ended {})", entry.command, ended.join(", ")),
    };
    format::printable(text.trim().as_bytes())
}

/// `box snapshots`.
pub fn snapshots(boxes: &Boxes, name: Option<&str>) -> Result<()> {
    let container = match name {
        Some(name) => Some(boxes.wait(boxes.containers.get(name))?.id),
        None => None,
    };
    let mut query = SnapshotQuery { container, ..SnapshotQuery::default() };
    let mut found = Vec::new();
    loop {
        let page = boxes.wait(boxes.containers.snapshots(&query))?;
        let is_last = page.len() < LIST_LIMIT as usize;
        query.after = page.last().map(|snapshot| snapshot.id.clone());
        found.extend(page);
        if is_last {
            break;
        }
    }
    if boxes.json {
        return output::json(&found);
    }
    let now = output::now_ms();
    let mut table = Table::new(&["ID", "NAME", "TAKEN", "BOX"]);
    for snapshot in &found {
        table.row([
            styled(snapshot.id.as_str(), Style::Strong),
            snapshot.name.as_deref().unwrap_or("").into(),
            format::ago(snapshot.created_at_ms, now).into(),
            snapshot.container.as_deref().map_or_else(String::new, |id| name_of(boxes, id)).into(),
        ]);
    }
    output::table(table)
}

/// What people call the box with this id, if it is still there.
pub fn name_of(boxes: &Boxes, id: &str) -> String {
    boxes.wait(boxes.containers.get(id)).map_or_else(|_| id.into(), |c| called(&c).into())
}

/// `box proposals`.
pub fn proposals(boxes: &Boxes, name: Option<&str>, decided: bool) -> Result<()> {
    let mut found: Vec<(String, ProposalRecord)> = Vec::new();
    let mut of = Vec::new();
    match name {
        Some(name) => of.push(boxes.wait(boxes.containers.get(name))?),
        None => all(boxes, None, |container| {
            of.push(container);
            true
        })?,
    }
    for container in of {
        let records = boxes.wait(boxes.containers.proposals(&container.id))?;
        let records = records.into_iter().filter(|p| decided || p.state == ProposalState::Open);
        found.extend(records.map(|record| (called(&container).to_owned(), record)));
    }
    if boxes.json {
        return output::json(&found.iter().map(|(_, record)| record).collect::<Vec<_>>());
    }
    let now = output::now_ms();
    let mut table = Table::new(&["ID", "BOX", "STATE", "MADE", "RESULT", "COMMAND"]);
    for (name, record) in &found {
        table.row([
            styled(record.id.as_str(), Style::Strong),
            name.as_str().into(),
            state(record.state),
            format::ago(record.created_at_ms, now).into(),
            result(&record.outcome),
            format::printable(record.command.as_bytes()).into(),
        ]);
    }
    output::table(table)
}

fn state(state: ProposalState) -> Cell {
    match state {
        ProposalState::Open => styled("open", Style::Note),
        ProposalState::Applied => styled("applied", Style::Good),
        ProposalState::Discarded => styled("discarded", Style::Faint),
    }
}
