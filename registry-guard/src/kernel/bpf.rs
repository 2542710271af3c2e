//! What bpf(2) can do and aya cannot: the links and programs of a network namespace, and many entries of a trie at once.
#![expect(unsafe_code, reason = "bpf(2) is called with unions that the kernel reads and writes")]

use std::ffi::CString;
use std::io;
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use aya::Pod;
use aya::maps::lpm_trie::Key;
use aya::maps::{Array, IterableMap as _, LpmTrie, MapData};
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

/// Runs a program on a context of its kind, which the kernel replaces by the one that the program left, and returns what the
/// program returned.
pub(super) fn run_on_context(program: BorrowedFd<'_>, context: &mut [u8]) -> io::Result<u32> {
    let length = u32::try_from(context.len()).map_err(io::Error::other)?;
    let mut attr = zeroed();
    attr.test.prog_fd = descriptor(program)?;
    attr.test.ctx_size_in = length;
    attr.test.ctx_in = context.as_ptr() as u64;
    attr.test.ctx_size_out = length;
    attr.test.ctx_out = context.as_mut_ptr() as u64;
    call(bpf_cmd::BPF_PROG_TEST_RUN, &mut attr)?;
    // SAFETY: the kernel wrote a number into this part of the union.
    Ok(unsafe { attr.test.retval })
}

/// The inode of the network namespace that a link is attached to; 0 once that is gone.
pub(super) fn namespace_of_link(link: BorrowedFd<'_>) -> io::Result<u32> {
    let info = link_info(link)?;
    // SAFETY: the caller's link is one of a network namespace, and all parts of the union are numbers anyway.
    Ok(unsafe { info.__bindgen_anon_1.netns.netns_ino })
}

/// The identifier of the program that a link runs.
pub(super) fn program_of_link(link: BorrowedFd<'_>) -> io::Result<u32> {
    Ok(link_info(link)?.prog_id)
}

fn link_info(link: BorrowedFd<'_>) -> io::Result<bpf_link_info> {
    // SAFETY: every field is a number, for which zero is a value.
    let mut info: bpf_link_info = unsafe { mem::zeroed() };
    let mut attr = zeroed();
    attr.info.bpf_fd = descriptor(link)?;
    attr.info.info_len = u32::try_from(size_of::<bpf_link_info>()).map_err(io::Error::other)?;
    attr.info.info = (&raw mut info) as u64;
    call(bpf_cmd::BPF_OBJ_GET_INFO_BY_FD, &mut attr)?;
    Ok(info)
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

/// Whether an array of maps has one in this place. To open that one, the kernel asks for `CAP_SYS_ADMIN`.
pub(super) fn holds_map(maps: BorrowedFd<'_>, key: u32) -> io::Result<bool> {
    let mut id = 0_u32;
    let mut attr = zeroed();
    attr.__bindgen_anon_2.map_fd = descriptor(maps)?;
    attr.__bindgen_anon_2.key = (&raw const key) as u64;
    attr.__bindgen_anon_2.__bindgen_anon_1.value = (&raw mut id) as u64;
    match call(bpf_cmd::BPF_MAP_LOOKUP_ELEM, &mut attr) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        result => result.map(|_| true),
    }
}

/// Deletes the element with this key of a map whose keys are words.
pub(super) fn delete_element(map: BorrowedFd<'_>, key: u32) -> io::Result<()> {
    let mut attr = zeroed();
    attr.__bindgen_anon_2.map_fd = descriptor(map)?;
    attr.__bindgen_anon_2.key = (&raw const key) as u64;
    call(bpf_cmd::BPF_MAP_DELETE_ELEM, &mut attr).map(drop)
}

/// Puts each of `values` under the key at the same place, and says how many there are now, which are fewer after an error.
pub(super) fn insert_many<K: Pod, V: Pod>(
    trie: &LpmTrie<MapData, K, V>,
    keys: &[Key<K>],
    values: &[V],
) -> (usize, io::Result<()>) {
    update(trie.map(), keys, values)
}

/// As [`insert_many`], in an array, each of whose elements is there from the beginning.
pub(super) fn set_many<V: Pod>(array: &Array<MapData, V>, indexes: &[u32], values: &[V]) -> (usize, io::Result<()>) {
    update(array.map(), indexes, values)
}

/// The caller's `K` and `V` are as large as the keys and values of the map.
fn update<K: Pod, V: Pod>(map: &MapData, keys: &[K], values: &[V]) -> (usize, io::Result<()>) {
    let many = keys.len().min(values.len());
    let mut attr = match batch(map, many) {
        Ok(attr) => attr,
        Err(error) => return (0, Err(error)),
    };
    attr.batch.keys = keys.as_ptr() as u64;
    attr.batch.values = values.as_ptr() as u64;
    match call(bpf_cmd::BPF_MAP_UPDATE_BATCH, &mut attr) {
        Ok(_) => (many, Ok(())),
        // All of them is what stands there if the kernel failed before the first (until Linux 6.7).
        Err(error) => (Some(batched(&attr)).filter(|done| *done < many).unwrap_or(0), Err(error)),
    }
}

/// Takes the entries with these keys away. What was taken away before an error stays away.
pub(super) fn remove_many<K: Pod, V: Pod>(trie: &LpmTrie<MapData, K, V>, keys: &[Key<K>]) -> io::Result<()> {
    let mut attr = batch(trie.map(), keys.len())?;
    attr.batch.keys = keys.as_ptr() as u64;
    call(bpf_cmd::BPF_MAP_DELETE_BATCH, &mut attr).map(drop)
}

/// Reads the first entries of a trie into `keys` and `values`, and says how many there were.
pub(super) fn first_entries<K: Pod, V: Pod>(
    trie: &LpmTrie<MapData, K, V>,
    keys: &mut [Key<K>],
    values: &mut [V],
) -> io::Result<usize> {
    let mut attr = batch(trie.map(), keys.len().min(values.len()))?;
    // For a generic batch, where the next one would begin is a key.
    let mut last = MaybeUninit::<Key<K>>::uninit();
    attr.batch.out_batch = last.as_mut_ptr() as u64;
    attr.batch.keys = keys.as_mut_ptr() as u64;
    attr.batch.values = values.as_mut_ptr() as u64;
    match call(bpf_cmd::BPF_MAP_LOOKUP_BATCH, &mut attr) {
        // There are no more than these.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        result => result.map(drop)?,
    }
    Ok(batched(&attr).min(keys.len()))
}

/// How many entries the call was about in the end.
fn batched(attr: &bpf_attr) -> usize {
    // SAFETY: the caller and the kernel wrote a number into this part of the union.
    unsafe { attr.batch.count }.try_into().unwrap_or(usize::MAX)
}

/// A typed map has keys and values of the sizes that it was made with, which aya compares (`check_kv_size`).
fn batch(map: &MapData, count: usize) -> io::Result<bpf_attr> {
    let mut attr = zeroed();
    attr.batch.map_fd = descriptor(map.fd().as_fd())?;
    attr.batch.count = u32::try_from(count).map_err(io::Error::other)?;
    Ok(attr)
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
