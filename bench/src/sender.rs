//! The attacker: frames with changing sources, sent as fast as one CPU can.

use std::time::Duration;

use anyhow::{Context as _, Result};
use aya::Ebpf;
use aya::maps::Array;
use aya::programs::{TestRun as _, TestRunAttrs, TestRunOptions};
use tests::net::Client;

use crate::cpu;
use crate::object;
use crate::shape::Shape;
use crate::source_map::Values;

/// Frames that the kernel makes at once (`TEST_XDP_MAX_BATCH`).
const BATCH: u32 = 256;

/// Nanoseconds that the sender rests after each frame, at least. Without, it asks a ring that is full again and again whether it still
/// is, and takes the ring's memory from the receiver each time, whose figures then tell of that.
const REST: u64 = 50;

/// Sends live frames (`BPF_F_TEST_XDP_LIVE_FRAMES`, Linux 5.18): no socket and no queue is in the way.
pub(crate) struct Sender {
    ebpf: Ebpf,
}

impl Sender {
    pub(crate) fn load() -> Result<Self> {
        let mut ebpf = object::load(&["send_v4", "send_v6", "send_vxlan"])?;
        let mut rest = Array::<_, u64>::try_from(ebpf.map_mut("REST").context("no map of rests")?)?;
        rest.set(0, REST, 0)?;
        Ok(Self { ebpf })
    }

    /// Has frames come from these addresses from now on.
    pub(crate) fn aim(&self, sources: &Values) -> Result<()> {
        sources.fill(&self.ebpf)
    }

    /// Sends `frame` from `client`, `times` times.
    pub(crate) fn send(&mut self, client: &Client, shape: Shape, frame: &[u8], times: u32) -> Result<()> {
        let end = u32::try_from(frame.len())?;
        // data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex
        let context: Vec<u8> =
            [0, end, 0, client.interface_index()?, 0, 0].iter().flat_map(|word: &u32| word.to_ne_bytes()).collect();
        let name = match shape {
            Shape::V4 => "send_v4",
            Shape::V6 => "send_v6",
            Shape::Vxlan => "send_vxlan",
        };
        let program = &*object::program(&mut self.ebpf, name)?;
        client.namespace().within(|| {
            cpu::stay_on(cpu::SENDER)?;
            program
                .test_run(TestRunOptions {
                    data_in: Some(frame),
                    ctx_in: Some(&context),
                    repeat: times,
                    attrs: TestRunAttrs::new().xdp_live_frames(BATCH),
                    ..TestRunOptions::default()
                })
                .context("sending live frames")
        })??;
        // What still stands in the ring is looked at within this time.
        std::thread::sleep(Duration::from_millis(2));
        Ok(())
    }
}
