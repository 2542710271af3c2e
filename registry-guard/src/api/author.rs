use std::fmt::Write as _;
use std::fs;

use nix::unistd::{Uid, User};

use super::caller::{Caller, Process};
use crate::agent::Author;

/// The caller as the history tells of it.
pub(super) fn author(caller: &Caller) -> Author {
    match caller {
        Caller::Local(Process { uid, pid }) | Caller::Reader { process: Process { uid, pid }, .. } => {
            let user = User::from_uid(Uid::from_raw(*uid)).ok().flatten();
            let mut who = user.map_or_else(|| format!("uid {uid}"), |user| format!("{} (uid {uid})", user.name));
            // The process may have ended, or be hidden.
            if let Some(pid) = pid {
                let command = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
                let _ = write!(who, ", pid {pid} {}", command.trim_end());
            }
            Author { who: who.trim_end().to_owned(), origin: "unix socket".to_owned() }
        }
        Caller::Principal { principal, peer } => {
            Author { who: format!("principal {:?} ({})", principal.name, principal.id), origin: peer.to_string() }
        }
        Caller::Stranger { peer } => Author { who: "somebody".to_owned(), origin: peer.to_string() },
    }
}
