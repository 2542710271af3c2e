//! LLVM's major version, as the two tools tell it.

/// The LLVM major version that compiler and linker must share.
///
/// It is the one of the pinned nightly and of Debian 12's `llvm-22-dev`, and the first that lets the linker assume
/// unaligned loads (see `registry-guard-ebpf/build.rs`).
pub const LLVM_MAJOR: u32 = 22;

/// The number right after the first `prefix` that is followed by one.
pub(crate) fn number_after(bytes: &[u8], prefix: &[u8]) -> Option<u32> {
    bytes
        .windows(prefix.len())
        .enumerate()
        .filter(|(_, window)| *window == prefix)
        .find_map(|(at, _)| leading_number(&bytes[at + prefix.len()..]))
}

/// A decimal number of at most three digits that ends in a dot, as in `22.1.4`.
fn leading_number(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 || digits > 3 || bytes.get(digits) != Some(&b'.') {
        return None;
    }
    str::from_utf8(&bytes[..digits]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::number_after;

    #[test]
    fn a_version_is_read_after_its_prefix() {
        assert_eq!(number_after(b"host: x\nLLVM version: 22.1.4\n", b"LLVM version: "), Some(22));
        assert_eq!(number_after(b"\0libLLVM.so.21.1\0", b"libLLVM.so."), Some(21));
    }

    #[test]
    fn a_prefix_without_a_version_is_passed_over() {
        assert_eq!(number_after(b"LLVMContext LLVM22.1.8", b"LLVM"), Some(22));
        assert_eq!(number_after(b"LLVM22", b"LLVM"), None);
        assert_eq!(number_after(b"LLVM2222.1", b"LLVM"), None);
        assert_eq!(number_after(b"", b"LLVM"), None);
    }
}
