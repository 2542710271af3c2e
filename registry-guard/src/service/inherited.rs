use std::io;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A descriptor and what it is for. A name has no colon (`sd_listen_fds(3)`).
#[derive(Debug)]
pub(crate) struct Named {
    /// What it is for.
    pub(crate) name: String,
    /// The descriptor.
    pub(crate) descriptor: OwnedFd,
}

/// The descriptors that the process before this one, the service manager or a socket unit handed over, until somebody takes them.
/// What nobody takes is closed.
#[derive(Debug, Default)]
pub(crate) struct Inherited(Mutex<Vec<Named>>);

impl Inherited {
    /// Those of this process. Only the first call gets any.
    ///
    /// # Errors
    ///
    /// If what `LISTEN_FDS` and `LISTEN_FDNAMES` say cannot be.
    pub(crate) fn of_this_process() -> io::Result<Self> {
        static TAKEN: Mutex<bool> = Mutex::new(false);
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut *taken, true) {
            return Ok(Self::default());
        }
        // Each is a descriptor that is open: this call sets a flag on it.
        let handed = sd_notify::listen_fds_with_names()?;
        #[expect(unsafe_code, reason = "whoever set LISTEN_PID to this process's has given it these descriptors")]
        let named = handed.map(|(descriptor, name)| Named {
            name,
            // SAFETY: it is open, and belongs to this process; nobody else takes it, since this happens once.
            descriptor: unsafe { OwnedFd::from_raw_fd(descriptor) },
        });
        Ok(Self(Mutex::new(named.collect())))
    }

    /// The first one of this name.
    pub(crate) fn take(&self, name: &str) -> Option<OwnedFd> {
        self.take_where(|named| named.name == name)
    }

    /// The name of one that nobody took.
    pub(crate) fn first_name(&self) -> Option<String> {
        self.lock().first().map(|named| named.name.clone())
    }

    /// The first one that is `wanted`.
    pub(crate) fn take_where(&self, wanted: impl Fn(&Named) -> bool) -> Option<OwnedFd> {
        let mut all = self.lock();
        let position = all.iter().position(wanted)?;
        Some(all.remove(position).descriptor)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Named>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
