//! What to say where the kernel is too old for the programs.

use std::fs;

/// The first Linux that loads them: `guard_xdp` wants to stand on interfaces with packets in several buffers
/// (`BPF_F_XDP_HAS_FRAGS`).
const OLDEST: (u32, u32) = (5, 18);
const RELEASE: &str = "/proc/sys/kernel/osrelease";

/// An end for the error about a program that was refused; empty where the kernel's age does not explain it. A distribution may
/// have brought the feature to an older kernel, so nobody is refused for a number.
pub(super) fn too_old() -> String {
    fs::read_to_string(RELEASE).map_or_else(|_| String::new(), |release| too_old_if(release.trim()))
}

fn too_old_if(release: &str) -> String {
    let (major, minor) = OLDEST;
    match numbers(release) {
        Some(this) if this < OLDEST => format!(
            "; this is Linux {release}, and registry-guard needs {major}.{minor} or later: XDP on packets in several buffers \
             (BPF_F_XDP_HAS_FRAGS), and questions with metadata (BPF_PROG_TEST_RUN)"
        ),
        _ => String::new(),
    }
}

fn numbers(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_kernel_is_named_with_what_it_lacks_and_a_newer_one_is_not() {
        let said = too_old_if("5.10.0-46-amd64");
        assert!(said.contains("Linux 5.10.0-46-amd64") && said.contains("needs 5.18"), "{said}");
        for release in ["5.18.0", "6.1.0-56-amd64", "7.2.13+deb14-amd64", "10.0", "unknown", "6", ""] {
            assert_eq!(too_old_if(release), "", "{release}");
        }
        assert_ne!(too_old_if("4.19.0"), "");
    }
}
