//! What registry-guard and its service manager say to each other: `sd_notify(3)`, and descriptors that outlive a process
//! (`sd_listen_fds(3)`, `FileDescriptorStoreMax=` in systemd.service(5)).

mod inherited;
pub(crate) mod notify;
mod replace;

pub(crate) use inherited::{Inherited, Named};
pub(crate) use replace::replace_this_process;
