//! The addresses that packets come from, one after the other and round again.
#![expect(unsafe_code, reason = "map values are read and written through pointers that the kernel hands out")]

use aya_ebpf::bindings::BPF_F_MMAPABLE;
use aya_ebpf::btf_maps::Array;
use aya_ebpf::macros::btf_map;
use aya_ebpf::programs::XdpContext;

use crate::memory::{ETHERNET, write};

/// How many there are: a power of two, so that a mask finds the next one.
const COUNT: usize = 1 << 20;
const MASK: u32 = COUNT as u32 - 1;

/// Where header checksum and source stand in an IPv4 header, and the source in an IPv6 header.
const IPV4_CHECKSUM: usize = 10;
const IPV4_SOURCE: usize = 12;
const IPV6_SOURCE: usize = 8;

/// As on the wire; the header checksum is that of the frame they are written into.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Ipv4Source {
    address: u32,
    checksum: u16,
    unused: u16,
}

/// As on the wire.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Ipv6Source([u64; 2]);

#[btf_map]
static SOURCES_V4: Array<Ipv4Source, COUNT, { BPF_F_MMAPABLE as usize }> = Array::new();

#[btf_map]
static SOURCES_V6: Array<Ipv6Source, COUNT, { BPF_F_MMAPABLE as usize }> = Array::new();

/// How many were taken; one CPU at a time does so.
#[btf_map]
static TAKEN: Array<u32, 1> = Array::new();

#[inline(always)]
fn next() -> Option<u32> {
    let taken = TAKEN.get_ptr_mut(0)?;
    // SAFETY: the element lives as long as the map, and only one CPU runs these programs.
    unsafe {
        let index = *taken;
        *taken = index.wrapping_add(1);
        Some(index & MASK)
    }
}

/// Writes the next source into the IPv4 header of the Ethernet frame that begins at `frame`.
#[inline(always)]
pub(crate) fn place_ipv4(ctx: &XdpContext, frame: usize) -> Option<()> {
    let source = SOURCES_V4.get(next()?)?;
    write(ctx, frame + ETHERNET + IPV4_SOURCE, source.address)?;
    write(ctx, frame + ETHERNET + IPV4_CHECKSUM, source.checksum)
}

/// Writes the next source into the IPv6 header behind the Ethernet header.
#[inline(always)]
pub(crate) fn place_ipv6(ctx: &XdpContext) -> Option<()> {
    let source = SOURCES_V6.get(next()?)?;
    write(ctx, ETHERNET + IPV6_SOURCE, source.0)
}
