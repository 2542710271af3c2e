use caps::CapSet;
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{Gid, Uid, User, getresgid, getresuid, setgid, setgroups, setuid};

use super::bounds::DESCRIPTORS;

/// Why the process must not talk to strangers.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegeError {
    /// There is no such user.
    #[error(
        "user {user}: there is none of this name; accepted: the name or number of an unprivileged user, such as one made by \
         `useradd --system --no-create-home registry-guard-responder`"
    )]
    UnknownUser {
        /// As it was given.
        user: String,
    },
    /// The user is root, or in root's group.
    #[error(
        "user {user}: the responder talks to strangers and never runs as root; accepted: an unprivileged user in a group of its own"
    )]
    Root {
        /// As it was given, or the number of the user who started it.
        user: String,
    },
    /// The system refuses.
    #[error("{step}: {source}")]
    System {
        /// What was being done.
        step: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something is left that should have gone.
    #[error("privileges are left after all were given up: {left}")]
    Left {
        /// What is left.
        left: String,
    },
}

/// The user and the group of `user`, a name or a number; never root. A number need not have a name.
pub fn unprivileged_user(user: &str) -> Result<(Uid, Gid), PrivilegeError> {
    let failed = |error: nix::Error| PrivilegeError::System { step: "cannot read the users", source: error.into() };
    let (uid, gid) = if let Ok(number) = user.parse::<u32>() {
        let known = User::from_uid(Uid::from_raw(number)).map_err(failed)?;
        known.map_or((Uid::from_raw(number), Gid::from_raw(number)), |known| (known.uid, known.gid))
    } else {
        let known = User::from_name(user).map_err(failed)?;
        known.map(|known| (known.uid, known.gid)).ok_or(PrivilegeError::UnknownUser { user: user.to_owned() })?
    };
    // The highest number means "leave it as it is" to the kernel.
    if uid.is_root() || gid.as_raw() == 0 || uid.as_raw() == u32::MAX {
        return Err(PrivilegeError::Root { user: user.to_owned() });
    }
    Ok((uid, gid))
}

/// Becomes `user` if this is root, and gives up whatever else this process could do, for good. Capabilities belong to threads, so
/// there must be no other thread yet.
pub(super) fn give_up(user: &str) -> Result<(), PrivilegeError> {
    let failed = |step| move |error: nix::Error| PrivilegeError::System { step, source: error.into() };
    let target = if Uid::effective().is_root() { Some(unprivileged_user(user)?) } else { None };
    limit(Resource::RLIMIT_CORE, 0)?;
    limit(Resource::RLIMIT_NOFILE, DESCRIPTORS)?;
    if caps::has_cap(None, CapSet::Effective, caps::Capability::CAP_SETPCAP).unwrap_or(false) {
        clear(CapSet::Bounding, "cannot clear the capability bounding set")?;
    }
    if let Some((uid, gid)) = target {
        setgroups(&[]).map_err(failed("cannot leave root's groups"))?;
        setgid(gid).map_err(failed("cannot take the user's group"))?;
        setuid(uid).map_err(failed("cannot become the user"))?;
    }
    for set in [CapSet::Ambient, CapSet::Effective, CapSet::Permitted, CapSet::Inheritable] {
        clear(set, "cannot clear capabilities")?;
    }
    prctl::set_no_new_privs().map_err(failed("cannot set no_new_privs"))?;
    // setuid(2) does this too, but not for who was not root.
    prctl::set_dumpable(false).map_err(failed("cannot become undumpable"))?;
    verify()
}

/// Sets the limit, or leaves what is lower and cannot be raised.
fn limit(resource: Resource, most: u64) -> Result<(), PrivilegeError> {
    let failed =
        |error: nix::Error| PrivilegeError::System { step: "cannot set a resource limit", source: error.into() };
    let (_, hard) = getrlimit(resource).map_err(failed)?;
    let most = if Uid::effective().is_root() { most } else { most.min(hard) };
    setrlimit(resource, most, most).map_err(failed)
}

fn clear(set: CapSet, step: &'static str) -> Result<(), PrivilegeError> {
    // Who has none need not be allowed to say so (capset(2)).
    if !matches!(set, CapSet::Bounding) && caps::read(None, set).is_ok_and(|left| left.is_empty()) {
        return Ok(());
    }
    caps::clear(None, set)
        .map_err(|error| PrivilegeError::System { step, source: std::io::Error::other(error.to_string()) })
}

/// Asks the kernel whether all of it has gone.
fn verify() -> Result<(), PrivilegeError> {
    let failed = |error: nix::Error| PrivilegeError::System { step: "cannot see who this is", source: error.into() };
    let uids = getresuid().map_err(failed)?;
    let gids = getresgid().map_err(failed)?;
    if [uids.real, uids.effective, uids.saved].iter().any(|uid| uid.is_root()) {
        return Err(PrivilegeError::Root { user: "0".to_owned() });
    }
    if [gids.real, gids.effective, gids.saved].iter().any(|gid| gid.as_raw() == 0) {
        return Err(PrivilegeError::Root { user: uids.effective.to_string() });
    }
    for set in [CapSet::Permitted, CapSet::Effective, CapSet::Inheritable, CapSet::Ambient] {
        let left = caps::read(None, set).unwrap_or_else(|_| caps::all());
        if !left.is_empty() {
            return Err(PrivilegeError::Left { left: format!("{set:?} {left:?}") });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_no_user_for_this() {
        for root in ["root", "0", "4294967295"] {
            assert!(matches!(unprivileged_user(root), Err(PrivilegeError::Root { .. })), "{root}");
        }
    }

    #[test]
    fn an_unknown_name_is_told_how_to_make_one() {
        let error = unprivileged_user("nobody-has-this-name").unwrap_err().to_string();
        assert!(error.contains("nobody-has-this-name"), "{error}");
        assert!(error.contains("useradd --system --no-create-home registry-guard-responder"), "{error}");
    }

    #[test]
    fn a_number_needs_no_name() {
        let (uid, gid) = unprivileged_user("64999").unwrap();
        assert_eq!((uid.as_raw(), gid.as_raw()), (64999, 64999));
    }
}
