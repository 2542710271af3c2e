use std::time::{Duration, SystemTime};

use super::finding::Finding;
use super::target::Target;

const CHECK: &str = "clock";

/// Tokens and certificates tell the time of day; what is off by less hurts nobody.
const TOLERATED: Duration = Duration::from_mins(5);

/// Whether this machine's clock and that of the server agree.
pub(super) fn compare(target: &Target, theirs: SystemTime, ours: SystemTime) -> Finding {
    let apart = theirs.duration_since(ours).unwrap_or_else(|error| error.duration());
    if apart <= TOLERATED {
        return Finding::ok(CHECK, target, "agrees with the clock of this machine");
    }
    let message = format!("the clock of this machine is {} s from that of the server", apart.as_secs());
    let advice = "set the clock that is wrong: tokens and certificates are refused before and after their time";
    Finding::warning(CHECK, target, message, advice)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    #[test]
    fn only_a_clock_that_is_far_off_is_worth_a_word() {
        let target = "contoso.example.com".parse().unwrap();
        let ours = SystemTime::UNIX_EPOCH + Duration::from_hours(400_000);
        for (theirs, status) in [
            (ours, Status::Ok),
            (ours - Duration::from_mins(5), Status::Ok),
            (ours + Duration::from_secs(301), Status::Warning),
            (ours - Duration::from_hours(1), Status::Warning),
        ] {
            assert_eq!(compare(&target, theirs, ours).status, status);
        }
    }
}
