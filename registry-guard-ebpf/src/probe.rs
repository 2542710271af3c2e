//! Questions of the agent, put into the metadata before a packet by `BPF_PROG_TEST_RUN`.
#![expect(unsafe_code, reason = "metadata is reached through raw pointers that the verifier checks")]

use aya_ebpf::programs::XdpContext;
use registry_guard_common::{Judgement, PROBE_BYTES, Probe};

/// Answers in place if this run is a question, and says whether it was one.
#[inline(always)]
pub(crate) fn answer(ctx: &XdpContext, judgement: &Judgement) -> bool {
    let Some(probe) = metadata(ctx) else {
        return false;
    };
    // SAFETY: `metadata` checked the range, and metadata may be written; no alignment is asked for.
    unsafe { probe.write_unaligned(Probe::answer(judgement)) };
    true
}

#[inline(always)]
fn metadata(ctx: &XdpContext) -> Option<*mut Probe> {
    let start = ctx.metadata();
    if start + PROBE_BYTES > ctx.metadata_end() {
        return None;
    }
    let probe = start as *mut Probe;
    // SAFETY: the range was just compared with the end of the metadata, which the verifier proves again; every bit
    // pattern is a valid `Probe`, and no alignment is asked for.
    unsafe { probe.read_unaligned() }.is_question().then_some(probe)
}
