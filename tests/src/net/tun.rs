use std::ffi::{c_int, c_short};
use std::fs::File;
use std::os::fd::AsRawFd as _;

use anyhow::{Context, Result, ensure};
use nix::libc;

/// `struct ifreq`, as far as `TUNSETIFF` reads it: the name and the flags.
#[repr(C)]
struct Request {
    name: [u8; libc::IFNAMSIZ],
    flags: c_short,
    rest: [u8; 22],
}

// `TUNSETIFF` is `_IOW('T', 202, int)` although its argument is a `struct ifreq` (linux/if_tun.h).
nix::ioctl_write_ptr_bad!(tun_set_interface, nix::request_code_write!(b'T', 202, size_of::<c_int>()), Request);

/// Makes a tun device of this name in the calling thread's network namespace; it goes when the file is closed.
///
/// Each write is an IP packet that the device receives, each read one that was routed to it.
pub(super) fn open(name: &str) -> Result<File> {
    let file = File::options().read(true).write(true).open("/dev/net/tun").context("opening /dev/net/tun")?;
    let mut request = Request { name: [0; libc::IFNAMSIZ], flags: flags()?, rest: [0; 22] };
    ensure!(name.len() < request.name.len(), "the name `{name}` has more than 15 bytes");
    for (place, byte) in request.name.iter_mut().zip(name.bytes()) {
        *place = byte;
    }
    #[expect(unsafe_code, reason = "no safe wrapper for TUNSETIFF")]
    // SAFETY: the descriptor is open, and `request` is laid out like the 40 bytes of `struct ifreq` that the kernel reads and
    // writes; it outlives the call.
    unsafe { tun_set_interface(file.as_raw_fd(), &raw const request) }
        .with_context(|| format!("making the tun device `{name}`"))?;
    Ok(file)
}

fn flags() -> Result<c_short> {
    Ok(c_short::try_from(libc::IFF_TUN | libc::IFF_NO_PI)?)
}
