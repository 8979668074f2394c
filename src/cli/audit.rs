//! `coquina audit`: what was done through the HTTP service, and whether the record of it is whole.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;

use super::boxes::args::PlaceArgs;
use super::{exec, output, store};
use crate::storage::{AuditChain, AuditQuery, LIST_LIMIT};

/// Exit status when the record is not whole.
const EXIT_BROKEN: u8 = 1;

/// `coquina audit`.
#[derive(Args)]
pub struct AuditArgs {
    #[command(flatten)]
    pub place: PlaceArgs,
    #[command(subcommand)]
    pub command: AuditCommand,
}

#[derive(Subcommand)]
pub enum AuditCommand {
    /// Check the chain of hashes from the first record that is kept to the last. Exit status 1 if it is broken.
    Verify,
    /// Print the records, one JSON object a line.
    Ls {
        /// Only of this container.
        #[arg(long, value_name = "ID")]
        container: Option<String>,
    },
}

/// Runs a `coquina audit` command.
pub fn run(args: &AuditArgs) -> Result<u8> {
    let (store, runtime) = (store::open(&args.place)?, exec::runtime()?);
    runtime.block_on(async {
        match &args.command {
            AuditCommand::Verify => {
                let chain = store.audit_verify().await?;
                match args.place.json {
                    true => output::json(&json!({
                        "dropped": chain.checkpoint.seq,
                        "records": chain.records,
                        "last_hash": chain.last,
                        "broken_at": chain.broken_at,
                    }))?,
                    false => output::line(&told(&chain))?,
                }
                Ok(if chain.broken_at.is_some() { EXIT_BROKEN } else { 0 })
            }
            AuditCommand::Ls { container } => {
                let mut query = AuditQuery { container: container.clone(), ..AuditQuery::default() };
                loop {
                    let page = store.audit(&query).await?;
                    for record in &page {
                        output::line(&serde_json::to_string(record)?)?;
                        query.after_seq = record.seq;
                    }
                    if page.len() < LIST_LIMIT as usize {
                        return Ok(0);
                    }
                }
            }
        }
    })
}

/// What was found, in one line.
fn told(chain: &AuditChain) -> String {
    let dropped = match chain.checkpoint.seq {
        0 => String::new(),
        seq => format!(" after {seq} that were dropped"),
    };
    match chain.broken_at {
        None => format!("{} records{dropped}, all whole; the last has hash {}", chain.records, chain.last),
        Some(at) => {
            format!("the chain is broken at record {at}; {} records{dropped} are whole before it", chain.records)
        }
    }
}
