use rand::Rng as _;

use super::SmallRng;

/// Changes a frame a little: some bytes or bits, its end, or a piece in the middle.
pub fn mutate(rng: &mut SmallRng, frame: &mut Vec<u8>) {
    for _ in 0..rng.random_range(1..=3) {
        if frame.is_empty() {
            return;
        }
        let at = rng.random_range(0..frame.len());
        match rng.random_range(0..7) {
            0 | 1 => frame[at] = rng.random(),
            2 | 3 => frame[at] ^= 1 << rng.random_range(0..8),
            4 => frame.truncate(at),
            5 => frame.extend((0..rng.random_range(1..40)).map(|_| rng.random::<u8>())),
            _ => _ = frame.remove(at),
        }
    }
}
