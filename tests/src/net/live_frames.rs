use anyhow::{Context, Result};
use aya::Ebpf;
use aya::programs::{TestRun as _, TestRunAttrs, TestRunOptions, Xdp};

use super::bpf_object::object;
use super::client::Client;
use super::namespace::Namespace;

const NAME: &str = "shuffle";
/// Frames that the kernel sends at once (`TEST_XDP_MAX_BATCH`).
const BATCH: u32 = 256;
/// `struct xdp_md` of the kernel's interface to user space.
const XDP_MD_WORDS: usize = 6;

/// Where a program writes 16 random bits, and where what makes up for them in the checksums: offsets into the frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shuffled {
    /// Random bits.
    pub(super) random: u16,
    /// Their complement, so that every checksum over both stays as it was for zeros.
    pub(super) complements: [u16; 2],
    /// The frame is at least so long.
    pub(super) length: u16,
}

/// Sends one frame again and again out of a client's interface, each time with other random bits, as fast as the kernel can
/// (`BPF_F_TEST_XDP_LIVE_FRAMES`, Linux 5.18): no socket and no queue is in the way.
pub(super) struct LiveFrames {
    ebpf: Ebpf,
    namespace: Namespace,
    ifindex: u32,
}

impl LiveFrames {
    /// Makes frames from `client`.
    pub(super) fn of(client: &Client, shuffled: Shuffled) -> Result<Self> {
        let mut ebpf = Ebpf::load(&object("xdp", NAME, &program(shuffled))?).context("loading the sender")?;
        let program: &mut Xdp = ebpf.program_mut(NAME).context("the program")?.try_into()?;
        program.load()?;
        Ok(Self { ebpf, namespace: client.namespace().clone(), ifindex: client.interface_index()? })
    }

    /// Sends `frame` `times` times. The namespace's thread does it: interfaces are found in that of the caller.
    pub(super) fn send(&mut self, frame: &[u8], times: u32) -> Result<()> {
        let end = u32::try_from(frame.len())?;
        // data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex
        let context: [u32; XDP_MD_WORDS] = [0, end, 0, self.ifindex, 0, 0];
        let context: Vec<u8> = context.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let program: &mut Xdp = self.ebpf.program_mut(NAME).context("the program")?.try_into()?;
        let program = &*program;
        self.namespace
            .within(|| {
                program.test_run(TestRunOptions {
                    data_in: Some(frame),
                    ctx_in: Some(&context),
                    repeat: times,
                    attrs: TestRunAttrs::new().xdp_live_frames(BATCH),
                    ..TestRunOptions::default()
                })
            })?
            .context("sending live frames")?;
        Ok(())
    }
}

/// As a compiler would have written it: random bits go into the frame, which is sent back out of its interface.
fn program(shuffled: Shuffled) -> Vec<u8> {
    let Shuffled { random, complements: [first, second], length } = shuffled;
    let code: [(u8, u8, u16, i32); 15] = [
        (0xbf, 0x16, 0, 0),                 // r6 = r1
        (0x85, 0x00, 0, 7),                 // r0 = bpf_get_prandom_u32()
        (0x61, 0x62, 0, 0),                 // r2 = data
        (0x61, 0x63, 4, 0),                 // r3 = data_end
        (0xbf, 0x24, 0, 0),                 // r4 = r2
        (0x07, 0x04, 0, i32::from(length)), // r4 += length
        (0x2d, 0x34, 6, 0),                 // if r4 > r3 goto the last but one
        (0x6b, 0x02, random, 0),            // *(u16 *)(r2 + random) = r0
        (0xa7, 0x00, 0, 0xffff),            // r0 ^= 0xffff
        (0x6b, 0x02, first, 0),             // *(u16 *)(r2 + first) = r0
        (0x6b, 0x02, second, 0),            // *(u16 *)(r2 + second) = r0
        (0xb7, 0x00, 0, 3),                 // r0 = XDP_TX
        (0x95, 0x00, 0, 0),                 // exit
        (0xb7, 0x00, 0, 1),                 // r0 = XDP_DROP
        (0x95, 0x00, 0, 0),                 // exit
    ];
    let instruction = |(opcode, registers, offset, immediate): (u8, u8, u16, i32)| {
        let mut bytes = vec![opcode, registers];
        bytes.extend(offset.to_ne_bytes());
        bytes.extend(immediate.to_ne_bytes());
        bytes
    };
    code.into_iter().flat_map(instruction).collect()
}
