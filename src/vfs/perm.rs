//! Who may do what: the permission rules of Unix, as pure functions.

use super::types::{Attr, Cred, Kind, SetAttr, SetTime};
use crate::base::{Errno, Sys};

/// Wish to read.
pub(super) const READ: u8 = 4;
/// Wish to write.
pub(super) const WRITE: u8 = 2;
/// Wish to execute; of a directory, to search.
pub(super) const EXEC: u8 = 1;

const SETUID: u16 = 0o4000;
const SETGID: u16 = 0o2000;
const STICKY: u16 = 0o1000;

/// Whether `cred` may do all of `mask` (of [`READ`], [`WRITE`], [`EXEC`]).
pub(super) fn check(cred: &Cred, attr: &Attr, mask: u8) -> Sys<()> {
    let granted = if cred.uid == 0 {
        let may_exec = attr.kind == Kind::Dir || attr.mode & 0o111 != 0;
        READ | WRITE | if may_exec { EXEC } else { 0 }
    } else {
        let class = if cred.uid == attr.uid {
            6
        } else if cred.gid == attr.gid {
            3
        } else {
            0
        };
        (attr.mode >> class & 7) as u8
    };
    if mask & !granted == 0 { Ok(()) } else { Err(Errno::Acces) }
}

/// Whether `cred` may remove or replace `victim` in `dir`: write and search, and in a sticky directory one's own only.
pub(super) fn check_remove(cred: &Cred, dir: &Attr, victim: &Attr) -> Sys<()> {
    check(cred, dir, WRITE | EXEC)?;
    let is_owner = cred.uid == 0 || cred.uid == victim.uid || cred.uid == dir.uid;
    if dir.mode & STICKY != 0 && !is_owner { Err(Errno::Perm) } else { Ok(()) }
}

/// Mode and group of a node made in `dir`: a set-group-id directory hands its group on, and the bit to directories.
pub(super) fn inherit(cred: &Cred, dir: &Attr, kind: Kind, mode: u16) -> (u16, u32) {
    match (dir.mode & SETGID != 0, kind) {
        (true, Kind::Dir) => (mode | SETGID, dir.gid),
        (true, _) => (mode, dir.gid),
        (false, _) => (mode, cred.gid),
    }
}

/// Checks a change of attributes and returns what is to be set: chown clears set-id bits, as does chmod of a foreign group's.
pub(super) fn check_set(cred: &Cred, attr: &Attr, set: SetAttr) -> Sys<SetAttr> {
    let is_owner = cred.uid == 0 || cred.uid == attr.uid;
    let mut result = set;
    if set.uid.is_some() || set.gid.is_some() {
        let keeps_uid = set.uid.is_none_or(|uid| uid == attr.uid);
        let keeps_gid = set.gid.is_none_or(|gid| gid == attr.gid || gid == cred.gid);
        if cred.uid != 0 && !(is_owner && keeps_uid && keeps_gid) {
            return Err(Errno::Perm);
        }
        if attr.kind == Kind::File && set.mode.is_none() {
            // Set-group-id without group execution is mandatory locking's mark, not a privilege.
            let cleared = if attr.mode & 0o010 != 0 { SETUID | SETGID } else { SETUID };
            if attr.mode & cleared != 0 {
                result.mode = Some(attr.mode & !cleared);
            }
        }
    }
    if let Some(mode) = set.mode {
        if attr.kind == Kind::Symlink {
            return Err(Errno::NotSup);
        }
        if !is_owner {
            return Err(Errno::Perm);
        }
        let gid = set.gid.unwrap_or(attr.gid);
        let is_foreign = cred.uid != 0 && cred.gid != gid;
        result.mode = Some(if is_foreign && attr.kind != Kind::Dir { mode & !SETGID } else { mode });
    }
    if set.atime.is_some() || set.mtime.is_some() {
        // Both to now is what a write could do; anything else is the owner's.
        let both_now = set.atime == Some(SetTime::Now) && set.mtime == Some(SetTime::Now);
        match (is_owner, both_now) {
            (true, _) => {}
            (false, true) => check(cred, attr, WRITE)?,
            (false, false) => return Err(Errno::Perm),
        }
    }
    if set.size.is_some() {
        match attr.kind {
            Kind::File => check(cred, attr, WRITE)?,
            Kind::Dir => return Err(Errno::IsDir),
            _ => return Err(Errno::Inval),
        }
    }
    Ok(result)
}
