//! What is told of a packet at a glance, beside what the whole parser tells of it.

use registry_guard_common::{Frame, Reason, Tables, decide, open, parse};

/// Panics unless both say the same of `frame`, and returns it. `bytes` are what the frame consists of, to be shown.
///
/// # Errors
///
/// Why the frame opens nothing.
pub fn assert_same(frame: &(impl Frame + ?Sized), bytes: &[u8], tables: &impl Tables) -> Result<(), Reason> {
    let (at_a_glance, thorough) = (open(frame, tables), parse(frame, tables.vxlan_port()));
    match (&at_a_glance, &thorough) {
        (Err(Reason::NotGuarded), Ok((flow, _))) => {
            assert_eq!(decide(flow, tables).reason, Reason::NotGuarded, "{flow:?}\n{bytes:02x?}");
        }
        _ => assert_eq!(at_a_glance, thorough, "{bytes:02x?}"),
    }
    at_a_glance.map(drop)
}
