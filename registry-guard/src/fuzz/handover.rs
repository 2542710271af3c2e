use crate::handover::{MOST_TO_AGENT, ToAgent, decode, encode, read_frame};

/// As what a responder in foreign hands says to the agent: each frame is refused or understood, and what was understood says the
/// same once it is written down again.
pub fn handover(bytes: &[u8]) {
    let mut rest = bytes;
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return };
    while let Ok(Some(frame)) = runtime.block_on(read_frame(&mut rest, MOST_TO_AGENT)) {
        assert!(frame.len() <= MOST_TO_AGENT);
        let Ok(message) = decode::<ToAgent>(&frame) else { continue };
        // What was cleaned may be longer than it came, as it is written.
        if let Ok(again) = encode(&message, 8 * MOST_TO_AGENT) {
            let again = decode::<ToAgent>(again.get(4..).unwrap_or_default());
            assert_eq!(again.ok(), Some(message));
        }
    }
}
