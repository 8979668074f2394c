//! `coquina box …` and `coquina store …`, as typed.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand, ValueHint};

use crate::cli::args::ScriptArgs;
use crate::cli::quantity;
use crate::container::{Access, Durability, Ref};

pub const BOX_HELP: &str = "\
A REF names a state:
  NAME or cntr_…      the box as it is now        NAME@7   the box after entry 7 of its log
  snap_… or its name  a snapshot                  prop_…   a proposal
  image               the root image

Exit status:
  exec: that of the script, 124 and 137 for limits, as `coquina exec`; 1 when a merge or a proposal conflicts; 125 for a fault
  (no such box, a full disk, …); 2 for wrong usage.

Examples:
  coquina box create work
  coquina box exec work -c 'seq 10 > numbers'
  coquina box cp data.csv work:/home/user/
  coquina box exec work --propose -c 'rm -r /home/user/*'    # runs in a fork, shows what it would change
  coquina box apply prop_…                                   # or discard
  coquina box log work
  coquina box restore work work@2
  coquina box fork work try && coquina box diff work try --text";

const CREATE_HELP: &str = "\
Examples:
  coquina box create work --env LANG=C --expires-after 7d
  coquina box create --from work@3 yesterday
  tar cf - src | coquina box create build --tar - --at /home/user
  coquina box create careful --access propose-writes --access /home/user/out=full --access /usr=read-only";

const EXEC_HELP: &str = "\
Exit status:
  that of the script; 124 when the wall-clock limit tripped, 137 for any other limit, 125 for a fault (nothing was committed).

Examples:
  coquina box exec work -c 'make 2>&1 | tail'
  coquina box exec work --session -c 'cd src; export DEBUG=1'
  coquina box exec work --propose -c 'sed -i s/old/new/ *.txt'
  coquina box exec work script.sh one two
  coquina box exec work --json -c ls | jq .log.seq";

const CP_HELP: &str = "\
A place is PATH on the host, REF:PATH in a box (to read, any REF), or - for the standard streams (the bytes of one file).
As with `cp -a`: into DST if that is a directory, else under that name; directories with all they hold.

Examples:
  coquina box cp src work:/home/user
  coquina box cp work@5:/home/user/report.md .
  coquina box cp work:/etc/passwd - | head -n 1";

/// What can be done with boxes.
#[derive(Args)]
pub struct BoxArgs {
    #[command(flatten)]
    pub place: PlaceArgs,
    #[command(subcommand)]
    pub command: BoxCommand,
}

/// Where boxes are kept, and how to answer.
#[derive(Args)]
pub struct PlaceArgs {
    /// Where boxes are kept; else $COQUINA_STORE, else `coquina` in the user's data directory.
    #[arg(long, global = true, help_heading = "Place and form", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub store: Option<PathBuf>,
    /// The root image's folder; else $COQUINA_IMAGE, else `image` beside this program.
    #[arg(long, global = true, help_heading = "Place and form", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub image: Option<PathBuf>,
    /// Refuse what would make the store bigger than this.
    #[arg(long, global = true, help_heading = "Place and form", value_name = "SIZE", value_parser = quantity::size)]
    pub store_quota: Option<u64>,
    /// Answer in JSON.
    #[arg(long, global = true, help_heading = "Place and form")]
    pub json: bool,
}

#[derive(Subcommand)]
pub enum BoxCommand {
    /// Make a box from the image, from a saved state or from a tar.
    #[command(after_help = CREATE_HELP)]
    Create(CreateArgs),
    /// List boxes, those used last first.
    #[command(visible_alias = "list")]
    Ls(ListArgs),
    /// Tell all about one box.
    Show {
        /// Its name or id.
        #[arg(value_name = "BOX")]
        name: String,
    },
    /// Run a bash command line or script in a box. What it changed is kept.
    #[command(after_help = EXEC_HELP)]
    Exec(ExecArgs),
    /// An interactive prompt in a box; variables, functions and background jobs go on between commands.
    Shell(ShellArgs),
    /// Keep a box's state under an id, and a name if given, independently of the box.
    Snapshot {
        /// Its name or id.
        #[arg(value_name = "BOX")]
        name: String,
        /// The snapshot's name.
        #[arg(value_name = "NAME")]
        snapshot: Option<String>,
    },
    /// List snapshots.
    Snapshots {
        /// Of this box only.
        #[arg(value_name = "BOX")]
        name: Option<String>,
    },
    /// Make a second box that starts from a state and goes its own way.
    Fork {
        /// The state to start from.
        #[arg(value_name = "REF")]
        from: Ref,
        /// The new box's name.
        #[arg(value_name = "NAME")]
        name: Option<String>,
    },
    /// Tell what differs between two states.
    Diff(DiffArgs),
    /// Take into a box what changed in another since they parted (three-way, by path).
    Merge {
        /// Its name or id.
        #[arg(value_name = "BOX")]
        name: String,
        /// The state to merge: a fork of the box, or what it was forked from.
        #[arg(value_name = "REF")]
        from: Ref,
    },
    /// Set a box back (or forth) to a state.
    Restore {
        /// Its name or id.
        #[arg(value_name = "BOX")]
        name: String,
        #[arg(value_name = "REF")]
        from: Ref,
    },
    /// List what happened to a box, the latest last; each entry is a state to diff, fork or restore, as NAME@SEQ.
    Log(LogArgs),
    /// Write a state's files as a tar.
    Export(ExportArgs),
    /// Unpack a tar into a box: all of it or nothing.
    Import(ImportArgs),
    /// Copy files into, out of and between boxes.
    #[command(after_help = CP_HELP)]
    Cp(CopyArgs),
    /// Change a box's name or settings.
    Set(SetArgs),
    /// Remove boxes or snapshots. A box's snapshots stay.
    Rm {
        /// Boxes by name or id, snapshots by id.
        #[arg(required = true, value_name = "BOX|snap_…")]
        which: Vec<String>,
    },
    /// List proposals that wait for a decision.
    Proposals {
        /// Of this box only.
        #[arg(value_name = "BOX")]
        name: Option<String>,
        /// Those applied or discarded, too.
        #[arg(long)]
        all: bool,
    },
    /// Show a proposal: what it ran, and what it would change.
    Proposal {
        #[arg(value_name = "prop_…")]
        id: String,
        /// The changes as a unified diff.
        #[arg(long)]
        text: bool,
    },
    /// Commit what a proposal changed; merged, if the box has moved on.
    Apply {
        #[arg(value_name = "prop_…")]
        id: String,
    },
    /// Drop a proposal.
    Discard {
        #[arg(value_name = "prop_…")]
        id: String,
    },
    /// Forget a box's older log entries, and the states that only they kept.
    Prune {
        /// Its name or id.
        #[arg(value_name = "BOX")]
        name: String,
        /// How many of the latest entries stay.
        #[arg(long, value_name = "N")]
        keep: u64,
    },
    /// End a box's background jobs and let it leave memory, wherever it is live.
    Hibernate {
        /// Its name or id.
        #[arg(value_name = "BOX")]
        name: String,
    },
}

#[derive(Args)]
pub struct CreateArgs {
    /// Its name; without one it is known by its id.
    pub name: Option<String>,
    /// Start from this state instead of the image.
    #[arg(long, value_name = "REF")]
    pub from: Option<Ref>,
    /// Start from the image with this tar unpacked (`-` for standard input).
    #[arg(long, value_name = "FILE", conflicts_with = "from", value_hint = ValueHint::FilePath)]
    pub tar: Option<PathBuf>,
    /// Where the tar is unpacked.
    #[arg(long, value_name = "DIR", default_value = "/home/user", requires = "tar")]
    pub at: String,
    #[command(flatten)]
    pub settings: SettingsArgs,
}

#[derive(Args)]
pub struct SetArgs {
    /// Its name or id.
    #[arg(value_name = "BOX")]
    pub name: String,
    /// Give it another name.
    #[arg(long, value_name = "NAME")]
    pub rename: Option<String>,
    #[command(flatten)]
    pub settings: SettingsArgs,
}

/// What a box is set up with. What is not given stays as it is.
#[derive(Args)]
pub struct SettingsArgs {
    /// Set an environment variable for all its execs.
    #[arg(long = "env", value_name = "K=V")]
    pub env: Vec<String>,
    /// Set an environment variable no longer.
    #[arg(long = "unset-env", value_name = "K")]
    pub unset_env: Vec<String>,
    /// Working directory of its execs.
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<String>,
    /// Limit of WebAssembly instructions of an exec.
    #[arg(long, value_name = "N")]
    pub fuel: Option<u64>,
    /// Limit of memory of all its processes together, in bytes or as `512M`.
    #[arg(long, value_name = "SIZE", value_parser = quantity::size)]
    pub memory: Option<u64>,
    /// Limit of an exec's wall-clock time, in seconds or as `15m`.
    #[arg(long, value_name = "TIME", value_parser = quantity::duration_ms)]
    pub timeout: Option<u64>,
    /// Limit of its files' contents, beyond the image's.
    #[arg(long, value_name = "SIZE", value_parser = quantity::size)]
    pub disk: Option<u64>,
    /// Limit of the number of its files, beyond the image's.
    #[arg(long, value_name = "N")]
    pub files: Option<u64>,
    /// What its execs may do, everywhere or below a path: `full`, `propose-writes` or `read-only`. The longest path decides.
    #[arg(long = "access", value_name = "[PATH=]ACCESS", value_parser = access)]
    pub access: Vec<(Option<String>, Access)>,
    /// When what an exec did is safe from a crash: `sync` (before it is reported done) or `batched:TIME` (so much later).
    #[arg(long, value_name = "WHEN", value_parser = durability)]
    pub durability: Option<Durability>,
    /// Expire when not used for so long, as `7d`; its files go then, its snapshots stay. `never` is the default.
    #[arg(long, value_name = "TIME", value_parser = expiry)]
    pub expires_after: Option<Expiry>,
}

/// Milliseconds, or never.
#[derive(Clone, Copy)]
pub struct Expiry(pub Option<u64>);

fn expiry(text: &str) -> Result<Expiry, String> {
    if text == "never" { Ok(Expiry(None)) } else { Ok(Expiry(Some(quantity::duration_ms(text)?))) }
}

fn durability(text: &str) -> Result<Durability, String> {
    match text.split_once(':') {
        None if text == "sync" => Ok(Durability::Sync),
        Some(("batched", time)) => {
            let ms = u32::try_from(quantity::duration_ms(time)?);
            ms.map(Durability::Batched).map_err(|_| format!("`{time}` is too long"))
        }
        _ => Err("write sync, or batched:TIME as batched:50ms".into()),
    }
}

fn access(text: &str) -> Result<(Option<String>, Access), String> {
    let (path, access) = match text.rsplit_once('=') {
        Some((path, access)) => (Some(path.to_owned()), access),
        None => (None, text),
    };
    match access {
        "full" => Ok((path, Access::Full)),
        "propose-writes" => Ok((path, Access::ProposeWrites)),
        "read-only" => Ok((path, Access::ReadOnly)),
        _ => Err(format!("`{access}` is none of full, propose-writes, read-only")),
    }
}

#[derive(Args)]
pub struct ListArgs {
    /// Those whose name contains this.
    pub name: Option<String>,
    /// Those of this owner.
    #[arg(long, value_name = "OWNER")]
    pub owner: Option<String>,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub limit: u32,
}

#[derive(Args)]
pub struct ExecArgs {
    /// Its name or id.
    #[arg(value_name = "BOX")]
    pub name: String,
    /// Go on in the box's shell session: its variables, functions, options, directory and background jobs.
    #[arg(long)]
    pub session: bool,
    /// Run beside other execs of the box instead of after them.
    #[arg(long)]
    pub parallel: bool,
    /// Run in a fork; print what it changed, and the id of a proposal to apply or discard.
    #[arg(long, conflicts_with = "parallel")]
    pub propose: bool,
    #[command(flatten)]
    pub settings: ExecSettings,
    /// Print what each process used to standard error.
    #[arg(long)]
    pub metering: bool,
    #[command(flatten)]
    pub what: ScriptArgs,
}

#[derive(Args)]
pub struct ShellArgs {
    /// Its name or id.
    #[arg(value_name = "BOX")]
    pub name: String,
    #[command(flatten)]
    pub settings: ExecSettings,
}

/// What differs for this exec from the box's settings.
#[derive(Args)]
pub struct ExecSettings {
    /// Set an environment variable; nothing of the host's environment is inherited.
    #[arg(long = "env", value_name = "K=V")]
    pub env: Vec<OsString>,
    /// Working directory.
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<String>,
    /// Limit of WebAssembly instructions; the box's is not exceeded.
    #[arg(long, value_name = "N")]
    pub fuel: Option<u64>,
    /// Limit of wall-clock time, in seconds or as `15m`; the box's is not exceeded.
    #[arg(long, value_name = "TIME", value_parser = quantity::duration_ms)]
    pub timeout: Option<u64>,
}

#[derive(Args)]
pub struct DiffArgs {
    /// The older state.
    #[arg(value_name = "REF")]
    pub old: Ref,
    /// The newer state; without it, OLD is a box or a proposal and is compared with what it came from.
    #[arg(value_name = "REF")]
    pub new: Option<Ref>,
    /// Only at and below these paths.
    #[arg(long = "path", value_name = "PATH")]
    pub paths: Vec<String>,
    /// A unified diff of the files' texts.
    #[arg(long)]
    pub text: bool,
}

#[derive(Args)]
pub struct LogArgs {
    /// Its name or id.
    #[arg(value_name = "BOX")]
    pub name: String,
    /// At most so many, the latest.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 100)]
    pub limit: u32,
}

#[derive(Args)]
pub struct ExportArgs {
    #[arg(value_name = "REF")]
    pub from: Ref,
    /// The directory whose contents are written.
    #[arg(default_value = "/home/user")]
    pub path: String,
    /// The file to write; else standard output.
    #[arg(long, short = 'o', value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}

#[derive(Args)]
pub struct ImportArgs {
    /// Its name or id.
    #[arg(value_name = "BOX")]
    pub name: String,
    /// The tar to read; else standard input.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub tar: Option<PathBuf>,
    /// The directory to unpack into.
    #[arg(long, value_name = "DIR", default_value = "/home/user")]
    pub at: String,
}

#[derive(Args)]
pub struct CopyArgs {
    #[arg(value_name = "SRC", value_hint = ValueHint::AnyPath)]
    pub from: Place,
    #[arg(value_name = "DST", value_hint = ValueHint::AnyPath)]
    pub to: Place,
}

/// A side of `box cp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `-`.
    Stream,
    /// A path on the host.
    Host(PathBuf),
    /// A path in a state.
    Box(Ref, String),
}

impl FromStr for Place {
    type Err = String;

    /// What is before a `:` names a box, unless it has a `/`: so `./a:b` is a file.
    fn from_str(text: &str) -> Result<Place, String> {
        match text.split_once(':') {
            _ if text == "-" => Ok(Place::Stream),
            Some((name, path)) if !name.contains('/') => {
                let from = name.parse::<Ref>().map_err(|e| e.to_string())?;
                // As with the box's own commands, a relative path is one in the home directory.
                let path = if path.starts_with('/') { path.into() } else { format!("/home/user/{path}") };
                Ok(Place::Box(from, path))
            }
            _ if text.is_empty() => Err("the path is empty".into()),
            _ => Ok(Place::Host(text.into())),
        }
    }
}

/// What can be done with the store of all boxes.
#[derive(Args)]
pub struct StoreArgs {
    #[command(flatten)]
    pub place: PlaceArgs,
    #[command(subcommand)]
    pub command: StoreCommand,
}

#[derive(Subcommand)]
pub enum StoreCommand {
    /// Check every hash and reference; exits 1 if something is wrong.
    Check {
        /// Repair what can be repaired.
        #[arg(long)]
        repair: bool,
    },
    /// Give back the space of what nothing refers to any more; boxes stay in use meanwhile.
    Gc,
    /// Write a copy of the store to a new directory; boxes stay in use meanwhile.
    Backup {
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        to: PathBuf,
    },
    /// What it holds, and how much.
    Stats,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_apart() {
        let place = |text: &str| text.parse::<Place>();
        let in_box = |name: &str, path: &str| Ok(Place::Box(name.parse().expect("a ref"), path.into()));
        assert_eq!(place("-"), Ok(Place::Stream));
        assert_eq!(place("a/b"), Ok(Place::Host("a/b".into())));
        assert_eq!(place("./a:b"), Ok(Place::Host("./a:b".into())));
        assert_eq!(place("work:/etc"), in_box("work", "/etc"));
        assert_eq!(place("work@3:out"), in_box("work@3", "/home/user/out"));
        assert_eq!(place("work:"), in_box("work", "/home/user/"));
        assert!(place("").is_err() && place("no such:/etc").is_err() && place(":x").is_err());
    }

    #[test]
    fn settings_are_read() {
        assert_eq!(access("read-only"), Ok((None, Access::ReadOnly)));
        assert_eq!(access("/a=b=full"), Ok((Some("/a=b".into()), Access::Full)));
        assert!(access("/a=all").is_err());
        assert_eq!(durability("sync"), Ok(Durability::Sync));
        assert_eq!(durability("batched:50ms"), Ok(Durability::Batched(50)));
        assert!(
            durability("batched").is_err() && durability("later").is_err() && durability("batched:999999d").is_err()
        );
        assert!(expiry("never").is_ok_and(|e| e.0.is_none()) && expiry("soon").is_err());
    }
}
