//! How the processor of a machine comes about.

use std::{fmt, fs, fs::File, io};

/// By the processor's own virtualization, or in software.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Accelerator {
    /// By the processor.
    Kvm,
    /// In software (qemu's TCG): ten to thirty times as slow.
    Tcg(WithoutKvm),
}

/// Why the processor's own virtualization is not used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum WithoutKvm {
    /// `/dev/kvm` cannot be opened.
    Device(io::ErrorKind),
    /// There is a `/dev/kvm`, yet the processor shows neither VMX nor SVM: what stands behind it (such as PVM) runs only kernels
    /// that are made for it.
    Processor,
}

impl Accelerator {
    /// The faster one that can run any kernel.
    pub(super) fn find() -> Self {
        if let Err(error) = File::options().read(true).write(true).open("/dev/kvm") {
            return Self::Tcg(WithoutKvm::Device(error.kind()));
        }
        let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        if is_able(&processor) { Self::Kvm } else { Self::Tcg(WithoutKvm::Processor) }
    }

    /// What to tell qemu.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg(_) => "tcg,thread=multi",
        }
    }

    /// What a time limit for real hardware is multiplied by.
    pub(super) const fn patience(self) -> u32 {
        match self {
            Self::Kvm => 1,
            Self::Tcg(_) => 10,
        }
    }
}

impl fmt::Display for Accelerator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kvm => write!(formatter, "virtual machines by KVM"),
            Self::Tcg(why) => write!(formatter, "virtual machines in software (TCG), since {why}"),
        }
    }
}

impl fmt::Display for WithoutKvm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(problem) => write!(formatter, "/dev/kvm cannot be opened: {problem}"),
            Self::Processor => write!(formatter, "the processor shows neither vmx nor svm, whatever /dev/kvm is"),
        }
    }
}

/// Whether the processor can run a kernel that knows nothing of it.
fn is_able(cpuinfo: &str) -> bool {
    let flags = cpuinfo.lines().find_map(|line| line.strip_prefix("flags")).unwrap_or_default();
    flags.split_ascii_whitespace().any(|flag| flag == "vmx" || flag == "svm")
}

#[cfg(test)]
mod tests {
    use super::is_able;

    #[test]
    fn a_processor_with_vmx_or_svm_is_able_and_one_that_hides_it_is_not() {
        assert!(is_able("processor\t: 0\nflags\t\t: fpu vmx sse\n"));
        assert!(is_able("flags\t\t: fpu svm\nflags\t\t: fpu\n"));
        assert!(!is_able("flags\t\t: fpu hypervisor svm_lock\n"));
        assert!(!is_able(""));
    }
}
