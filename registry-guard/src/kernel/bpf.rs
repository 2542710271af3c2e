//! What bpf(2) can do and aya cannot: the links and programs of a network namespace.
#![expect(unsafe_code, reason = "bpf(2) is called with unions that the kernel reads and writes")]

use std::ffi::CString;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use aya_obj::generated::{bpf_attach_type, bpf_attr, bpf_cmd, bpf_link_info};

/// Programs that one namespace is asked for; `MAX_LOOKUP_PROGS` in the kernel is 64.
const MOST_PROGRAMS: usize = 64;

/// Opens a pinned object.
pub(super) fn open_pin(path: &Path) -> io::Result<OwnedFd> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut attr = zeroed();
    attr.__bindgen_anon_4.pathname = path.as_ptr() as u64;
    let descriptor = call(bpf_cmd::BPF_OBJ_GET, &mut attr)?;
    // SAFETY: the kernel just made this descriptor for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// Takes a link's program away before this returns; without it, that happens some time after the link's last reference is gone.
pub(super) fn detach(link: BorrowedFd<'_>) -> io::Result<()> {
    let mut attr = zeroed();
    attr.link_detach.link_fd = descriptor(link)?;
    call(bpf_cmd::BPF_LINK_DETACH, &mut attr).map(drop)
}

/// Has a link run another program from now on, in one step.
pub(super) fn replace_program(link: BorrowedFd<'_>, program: BorrowedFd<'_>) -> io::Result<()> {
    let mut attr = zeroed();
    attr.link_update.link_fd = descriptor(link)?;
    attr.link_update.__bindgen_anon_1.new_prog_fd = descriptor(program)?;
    call(bpf_cmd::BPF_LINK_UPDATE, &mut attr).map(drop)
}

/// The inode of the network namespace that a link is attached to; 0 once that is gone.
pub(super) fn namespace_of_link(link: BorrowedFd<'_>) -> io::Result<u32> {
    // SAFETY: every field is a number, for which zero is a value.
    let mut info: bpf_link_info = unsafe { mem::zeroed() };
    let mut attr = zeroed();
    attr.info.bpf_fd = descriptor(link)?;
    attr.info.info_len = u32::try_from(size_of::<bpf_link_info>()).map_err(io::Error::other)?;
    attr.info.info = (&raw mut info) as u64;
    call(bpf_cmd::BPF_OBJ_GET_INFO_BY_FD, &mut attr)?;
    // SAFETY: the caller's link is one of a network namespace, and all parts of the union are numbers anyway.
    Ok(unsafe { info.__bindgen_anon_1.netns.netns_ino })
}

/// The identifiers of all `sk_lookup` programs in a network namespace.
pub(super) fn lookup_programs(namespace: BorrowedFd<'_>) -> io::Result<Vec<u32>> {
    let mut programs = [0_u32; MOST_PROGRAMS];
    let mut attr = zeroed();
    attr.query.__bindgen_anon_1.target_fd = descriptor(namespace)?;
    attr.query.attach_type = bpf_attach_type::BPF_SK_LOOKUP as u32;
    attr.query.prog_ids = programs.as_mut_ptr() as u64;
    attr.query.__bindgen_anon_2.prog_cnt = u32::try_from(MOST_PROGRAMS).map_err(io::Error::other)?;
    call(bpf_cmd::BPF_PROG_QUERY, &mut attr)?;
    // SAFETY: the kernel wrote how many there are into this part of the union.
    let count = unsafe { attr.query.__bindgen_anon_2.prog_cnt };
    Ok(programs.into_iter().take(count.try_into().unwrap_or(MOST_PROGRAMS)).collect())
}

/// Deletes the element with this key of a map whose keys are words.
pub(super) fn delete_element(map: BorrowedFd<'_>, key: u32) -> io::Result<()> {
    let mut attr = zeroed();
    attr.__bindgen_anon_2.map_fd = descriptor(map)?;
    attr.__bindgen_anon_2.key = (&raw const key) as u64;
    call(bpf_cmd::BPF_MAP_DELETE_ELEM, &mut attr).map(drop)
}

fn zeroed() -> bpf_attr {
    // SAFETY: every part of the union is made of numbers, for which zero is a value, and the kernel wants unused bytes zero.
    unsafe { mem::zeroed() }
}

fn descriptor(file: BorrowedFd<'_>) -> io::Result<u32> {
    u32::try_from(file.as_raw_fd()).map_err(io::Error::other)
}

fn call(command: bpf_cmd, attr: &mut bpf_attr) -> io::Result<i32> {
    // SAFETY: the caller filled the part of the union that `command` reads, whose pointers live until this returns.
    let result =
        unsafe { nix::libc::syscall(nix::libc::SYS_bpf, command as u32, &raw mut *attr, size_of::<bpf_attr>()) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    i32::try_from(result).map_err(io::Error::other)
}
