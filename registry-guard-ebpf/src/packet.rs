//! Packet memory as a [`Frame`].
#![expect(unsafe_code, reason = "packet memory is reached through raw pointers that the verifier checks")]

use core::hint::black_box;

use aya_ebpf::EbpfContext as _;
use aya_ebpf::helpers::generated::bpf_xdp_get_buff_len;
use aya_ebpf::programs::XdpContext;
use registry_guard_common::Frame;
use zerocopy::FromBytes;

/// Farther than any header can stand within the parser's bounds; the verifier wants to know one (`MAX_PACKET_OFF`).
pub(crate) const FARTHEST_HEADER: usize = 0x7fff;

/// The packet of one run of the program.
pub(crate) struct XdpPacket<'a> {
    ctx: &'a XdpContext,
}

impl<'a> XdpPacket<'a> {
    #[inline(always)]
    pub(crate) const fn new(ctx: &'a XdpContext) -> Self {
        Self { ctx }
    }
}

impl Frame for XdpPacket<'_> {
    #[inline(always)]
    fn header<H: FromBytes + Copy>(&self, offset: usize) -> Option<H> {
        if offset > FARTHEST_HEADER {
            return None;
        }
        let start = self.ctx.data() + offset;
        if start + size_of::<H>() > self.ctx.data_end() {
            return None;
        }
        // SAFETY: the range was just compared with the end of the linear packet, which the verifier proves again; every
        // bit pattern is a valid `H`, and no alignment is asked for.
        Some(unsafe { (start as *const H).read_unaligned() })
    }

    #[inline(always)]
    fn holds(&self, end: usize) -> bool {
        // LLVM must not see that this is the length which headers are compared with: what it concludes from that multiplies
        // the paths that the verifier walks.
        let linear = black_box(self.ctx.data_end() - self.ctx.data());
        // SAFETY: the context is the one this program was called with.
        end <= linear || end as u64 <= unsafe { bpf_xdp_get_buff_len(self.ctx.as_ptr().cast()) }
    }

    #[inline(always)]
    fn reaches(&self, end: usize) -> bool {
        end <= self.ctx.data_end() - self.ctx.data()
    }

    #[inline(always)]
    fn anywhere(&self, offset: usize) -> usize {
        // A number that nobody knows is added and taken away again, where LLVM cannot see that it comes to nothing.
        let unknown = self.ctx.rx_queue_index() as usize;
        let sum = black_box(offset.wrapping_add(unknown));
        sum.wrapping_sub(unknown) & FARTHEST_HEADER
    }
}
