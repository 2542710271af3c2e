//! The addresses that `bench-ebpf` takes sources from, written all at once.
#![expect(unsafe_code, reason = "a map of the kernel is written through shared memory")]

use std::num::NonZeroUsize;
use std::os::fd::AsFd as _;
use std::ptr::copy_nonoverlapping;

use anyhow::{Context as _, Result, bail, ensure};
use aya::Ebpf;
use aya::maps::{Map, MapData};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

use crate::shape::{Shape, What};

/// How many addresses the map holds: all of them are taken in turn.
pub(crate) const COUNT: usize = 1 << 20;

/// Addresses as the map holds them.
pub(crate) struct Values {
    map: &'static str,
    bytes: Vec<u8>,
}

impl Values {
    /// Those of SYNs of this shape.
    pub(crate) fn new(shape: Shape, addresses: &[u128]) -> Self {
        match shape {
            Shape::V4 | Shape::Vxlan => {
                let sum = header_sum(&shape.frame(What::Syn)[shape.frame_at()..]);
                let bytes = addresses.iter().flat_map(|address| ipv4_source(*address, sum)).collect();
                Self { map: "SOURCES_V4", bytes }
            }
            Shape::V6 => {
                Self { map: "SOURCES_V6", bytes: addresses.iter().flat_map(|address| address.to_be_bytes()).collect() }
            }
        }
    }

    /// Has the programs of `ebpf` take their sources from here.
    pub(crate) fn fill(&self, ebpf: &Ebpf) -> Result<()> {
        let Some(Map::Array(map)) = ebpf.map(self.map) else {
            bail!("no array `{}`", self.map);
        };
        let info = map.info()?;
        let size = info.value_size() as usize * info.max_entries() as usize;
        ensure!(self.bytes.len() == size, "{} has {size} bytes, not {}", self.map, self.bytes.len());
        write(map, &self.bytes).with_context(|| format!("writing {}", self.map))
    }
}

/// Address, header checksum and nothing, as `bench-ebpf` wants them.
fn ipv4_source(address: u128, sum: u32) -> [u8; 8] {
    let [.., a, b, c, d] = address.to_be_bytes();
    let sum = sum + u32::from(u16::from_be_bytes([a, b])) + u32::from(u16::from_be_bytes([c, d]));
    let folded = (sum & 0xffff) + (sum >> 16);
    let [_, _, high, low] = (!((folded & 0xffff) + (folded >> 16))).to_be_bytes();
    [a, b, c, d, high, low, 0, 0]
}

/// The sum of the words of an IPv4 header behind an Ethernet header, without its checksum and its source.
fn header_sum(frame: &[u8]) -> u32 {
    let words = frame[14..34].chunks_exact(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])));
    words.enumerate().filter(|(place, _)| !matches!(place, 5..=7)).map(|(_, word)| word).sum()
}

fn write(map: &MapData, values: &[u8]) -> Result<()> {
    let length = NonZeroUsize::new(values.len()).context("nothing to write")?;
    let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: a new mapping at an address that the kernel chooses, of a map that was made for it (`BPF_F_MMAPABLE`).
    let memory = unsafe { mmap(None, length, protection, MapFlags::MAP_SHARED, map.fd().as_fd(), 0)? };
    // SAFETY: the mapping is as long as `values`, and no program runs while sources are replaced.
    unsafe { copy_nonoverlapping(values.as_ptr(), memory.as_ptr().cast::<u8>(), values.len()) };
    // SAFETY: nothing refers to it any more.
    unsafe { munmap(memory, values.len())? };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::tests::packet::{Ethernet, Ipv4, Tcp};

    #[test]
    fn the_checksum_is_the_one_that_belongs_to_the_source() {
        let frame = Shape::V4.frame(What::Syn);
        let right = (Ethernet::default() / Ipv4::from("198.51.100.7") / Tcp::syn(443)).bytes();
        let source = ipv4_source(u128::from(u32::from_be_bytes([198, 51, 100, 7])), header_sum(&frame));
        assert_eq!(source[..4], right[26..30]);
        assert_eq!(source[4..6], right[24..26]);
    }
}
