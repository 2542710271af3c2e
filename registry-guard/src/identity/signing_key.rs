use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::libc::O_NOFOLLOW;
use nix::unistd::geteuid;
use ring::hmac::{HMAC_SHA256, Key, Tag, sign, verify};
use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

/// As long as the output of SHA-256, which RFC 7518, section 3.2, asks for.
const BYTES: usize = 32;

/// What tokens are signed with. It is kept beside the policy, so that a new start of the agent logs nobody out.
#[derive(Debug)]
pub(super) struct SigningKey(Key);

/// Why the key cannot be used. Without its file a new one is made, and everyone logs in again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SigningKeyError {
    #[error("{}: {step}: {source}", path.display())]
    System { path: PathBuf, step: &'static str, source: io::Error },
    #[error(
        "{}: {problem}; accepted: a file of {BYTES} bytes that only the agent's user may read, or none: then a new key is made",
        path.display()
    )]
    Unusable { path: PathBuf, problem: String },
}

impl SigningKey {
    /// The key in the folder `state`, which is made if there is none.
    pub(super) fn load(state: &Path) -> Result<Self, SigningKeyError> {
        let path = state.join("management.key");
        let failed = |step| {
            let path = path.clone();
            move |source| SigningKeyError::System { path, step, source }
        };
        match OpenOptions::new().read(true).custom_flags(O_NOFOLLOW).open(&path) {
            Ok(file) => read(&path, file),
            Err(error) if error.kind() == ErrorKind::NotFound => make(state, &path).map_err(failed("cannot be made")),
            Err(error) => Err(failed("cannot be read")(error)),
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Tag {
        sign(&self.0, message)
    }

    /// Takes as long wherever the difference is.
    pub(super) fn has_signed(&self, message: &[u8], tag: &[u8]) -> bool {
        verify(&self.0, message, tag).is_ok()
    }

    fn of(bytes: &[u8; BYTES]) -> Self {
        Self(Key::new(HMAC_SHA256, bytes))
    }
}

fn read(path: &Path, mut file: File) -> Result<SigningKey, SigningKeyError> {
    let failed = |source| SigningKeyError::System { path: path.to_owned(), step: "cannot be read", source };
    let unusable = |problem| Err(SigningKeyError::Unusable { path: path.to_owned(), problem });
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return unusable("is no regular file".to_owned());
    }
    if metadata.uid() != geteuid().as_raw() || metadata.mode() & 0o077 != 0 {
        let (owner, mode) = (metadata.uid(), metadata.mode() & 0o7777);
        return unusable(format!("belongs to user {owner} with mode {mode:04o}, so others may know it"));
    }
    if metadata.len() != BYTES as u64 {
        return unusable(format!("has {} bytes", metadata.len()));
    }
    let mut bytes = Zeroizing::new([0; BYTES]);
    file.read_exact(bytes.as_mut()).map_err(failed)?;
    Ok(SigningKey::of(&bytes))
}

fn make(state: &Path, path: &Path) -> io::Result<SigningKey> {
    let mut bytes = Zeroizing::new([0; BYTES]);
    SystemRandom::new().fill(bytes.as_mut()).map_err(|_| io::Error::other("no random numbers"))?;
    // Only its owner may read what tempfile makes.
    let mut file = tempfile::Builder::new().prefix(".key").tempfile_in(state)?;
    file.write_all(bytes.as_ref())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path)?;
    File::open(state)?.sync_all()?;
    Ok(SigningKey::of(&bytes))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn the_key_outlives_the_agent_and_is_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let tag = SigningKey::load(folder.path()).unwrap().sign(b"message");
        let again = SigningKey::load(folder.path()).unwrap();
        assert!(again.has_signed(b"message", tag.as_ref()));
        assert!(!again.has_signed(b"massage", tag.as_ref()) && !again.has_signed(b"message", b""));
        let file = folder.path().join("management.key");
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        fs::remove_file(file).unwrap();
        assert!(!SigningKey::load(folder.path()).unwrap().has_signed(b"message", tag.as_ref()));
    }

    #[test]
    fn a_key_that_others_may_know_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        SigningKey::load(folder.path()).unwrap();
        let file = folder.path().join("management.key");
        let refused = || SigningKey::load(folder.path()).unwrap_err().to_string();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        assert!(refused().contains("with mode 0640, so others may know it; accepted: "), "{}", refused());
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        fs::write(&file, [7; BYTES - 1]).unwrap();
        assert!(refused().contains("has 31 bytes"), "{}", refused());
        fs::rename(&file, folder.path().join("other")).unwrap();
        symlink("other", &file).unwrap();
        assert!(refused().contains("cannot be read"), "{}", refused());
    }
}
