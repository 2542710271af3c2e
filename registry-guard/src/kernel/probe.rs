//! Asks the loaded program what it would do with a packet, without a trace in counters or events.

use aya::programs::{TestRun as _, TestRunOptions};
use registry_guard_common::{PROBE_BYTES, Probe, Reason};
use zerocopy::{FromBytes as _, IntoBytes as _};

use super::{Kernel, KernelError, program};

/// What the program said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Why; its class is the verdict.
    pub reason: Reason,
    /// The slot of the registry whose endpoint the packet asked for.
    pub registry: Option<u32>,
    /// The hit counter of the rule that decided.
    pub counter: u32,
}

/// `struct xdp_md` of the kernel's interface to user space, as `BPF_PROG_TEST_RUN` takes it.
const XDP_MD_WORDS: usize = 6;

impl Kernel {
    /// Runs the program on `frame` as a question.
    pub fn ask(&mut self, frame: &[u8]) -> Result<Answer, KernelError> {
        let data: Vec<u8> = [Probe::QUESTION.as_bytes(), frame].concat();
        let end = u32::try_from(data.len()).map_err(|_| KernelError::NoAnswer)?;
        let start = u32::try_from(PROBE_BYTES).map_err(|_| KernelError::NoAnswer)?;
        // data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex
        let context: [u32; XDP_MD_WORDS] = [start, end, 0, 0, 0, 0];
        let mut out = vec![0; data.len()];
        program(&mut self.ebpf)?.test_run(TestRunOptions {
            data_in: Some(&data),
            data_out: Some(&mut out),
            ctx_in: Some(context.as_bytes()),
            ..TestRunOptions::default()
        })?;
        let (answer, _) = Probe::read_from_prefix(&out).map_err(|_| KernelError::NoAnswer)?;
        Ok(Answer {
            reason: answer.reason().ok_or(KernelError::NoAnswer)?,
            registry: answer.registry(),
            counter: answer.counter(),
        })
    }

    /// Runs the program on `frame` as if it had arrived, counted and reported, and returns the XDP action and the frame it
    /// left. For tests: nothing is sent.
    pub fn run(&mut self, frame: &[u8]) -> Result<(u32, Vec<u8>), KernelError> {
        let mut out = vec![0; frame.len().max(64)];
        let result = program(&mut self.ebpf)?.test_run(TestRunOptions {
            data_in: Some(frame),
            data_out: Some(&mut out),
            ..TestRunOptions::default()
        })?;
        out.truncate(usize::try_from(result.data_size_out).unwrap_or(0));
        Ok((result.return_value, out))
    }
}
