//! Which denials are logged, and how many were not: for each registry, what the kernel counted less what was accounted for.

use std::collections::BTreeMap;
use std::mem::take;

/// What the kernel has counted of one registry since it counts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counted {
    /// Packets denied on the NIC, admitted ones included.
    pub(super) denied: u64,
    /// Denied SYNs that went on to be told why.
    pub(super) admitted: u64,
    /// Datagrams refused at the socket.
    pub(super) datagrams: u64,
    /// Packets handed to the responder, which bounds its answers.
    pub(super) handed: u64,
}

/// What became of a packet that the kernel tells about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It ended on the NIC.
    Stopped,
    /// A SYN that went on to the second layer.
    Admitted,
    /// A datagram that the second layer refused.
    Datagram,
}

/// The accounts of all registries, and what may still be logged in this second.
#[derive(Debug)]
pub(super) struct Accounts {
    per_second: u32,
    events: u32,
    answers: u32,
    responder_present: bool,
    registries: BTreeMap<u32, Account>,
}

#[derive(Debug, Default)]
struct Account {
    stopped: Ledger,
    /// Only while no responder is present. While one is, an admitted SYN is reported by it, or never becomes a connection.
    admitted: Ledger,
    datagrams: Ledger,
    /// Answers that were logged, or counted as left out.
    answered: u64,
    /// Reports that came and were not logged.
    unlogged_answers: u64,
    /// Answers that the responder says it did not report.
    unreported_answers: u64,
    /// Found to be left out before the second was over.
    left_out: u64,
}

/// Something that is counted in the kernel, and accounted for when it is logged or found to be left out.
#[derive(Debug, Default)]
struct Ledger {
    /// Up to a second ago: what was counted by then has been read by now, if it was told at all.
    counted: u64,
    accounted: u64,
}

impl Ledger {
    fn start(counted: u64) -> Self {
        Self { counted, accounted: counted }
    }

    /// How many were left out until a second ago.
    fn settle(&mut self, now: u64) -> u64 {
        let left_out = self.counted.saturating_sub(self.accounted);
        self.accounted += left_out;
        self.counted = now;
        left_out
    }
}

impl Accounts {
    /// Accounts in which at most `per_second` events, and as many answers, are logged in each second: none before the first
    /// second begins. Neither the responder nor a flood can so push the other's lines out of the log.
    pub(super) fn new(per_second: u32) -> Self {
        Self { per_second, events: 0, answers: 0, responder_present: false, registries: BTreeMap::new() }
    }

    /// What was counted before now was accounted for, whoever did it.
    pub(super) fn start(&mut self, responder_present: bool, counted: &BTreeMap<u32, Counted>) {
        self.responder_present = responder_present;
        for (&registry, counted) in counted {
            let account = self.registries.entry(registry).or_default();
            account.stopped = Ledger::start(counted.denied.saturating_sub(counted.admitted));
            account.admitted = Ledger::start(counted.admitted);
            account.datagrams = Ledger::start(counted.datagrams);
            account.answered = counted.handed;
        }
    }

    /// Whether an event is to be logged. One that is not for lack of room is left out, as the kernel's counters will tell.
    pub(super) fn log_event(&mut self, registry: u32, fate: Fate) -> bool {
        if fate == Fate::Admitted && self.responder_present {
            return false;
        }
        let Some(rest) = self.events.checked_sub(1) else { return false };
        self.events = rest;
        let account = self.registries.entry(registry).or_default();
        let ledger = match fate {
            Fate::Stopped => &mut account.stopped,
            Fate::Admitted => &mut account.admitted,
            Fate::Datagram => &mut account.datagrams,
        };
        ledger.accounted += 1;
        true
    }

    /// Whether an answer of the responder is to be logged. `unreported` is how many it says it did not report before it.
    pub(super) fn log_answer(&mut self, registry: u32, unreported: u64) -> bool {
        let account = self.registries.entry(registry).or_default();
        account.unreported_answers = account.unreported_answers.saturating_add(unreported);
        let room = self.answers.checked_sub(1);
        match room {
            Some(rest) => {
                self.answers = rest;
                account.answered += 1;
            }
            None => account.unlogged_answers = account.unlogged_answers.saturating_add(1),
        }
        room.is_some()
    }

    /// The responder has come or gone. Events up to now have been read.
    pub(super) fn turn(&mut self, responder_present: bool, counted: &BTreeMap<u32, Counted>) {
        if responder_present == self.responder_present {
            return;
        }
        self.responder_present = responder_present;
        for (&registry, counted) in counted {
            let account = self.registries.entry(registry).or_default();
            if responder_present {
                account.left_out += counted.admitted.saturating_sub(account.admitted.accounted);
            }
            account.admitted = Ledger::start(counted.admitted);
        }
    }

    /// A new second begins. Returns how many denials of each registry were left out, where any were.
    pub(super) fn second(&mut self, counted: &BTreeMap<u32, Counted>) -> Vec<(u32, u64)> {
        (self.events, self.answers) = (self.per_second, self.per_second);
        for &registry in counted.keys() {
            self.registries.entry(registry).or_default();
        }
        let settled = self.registries.iter_mut().map(|(&registry, account)| {
            let counted = counted.get(&registry).copied().unwrap_or_default();
            (registry, account.settle(&counted, self.responder_present))
        });
        settled.filter(|(_, left_out)| *left_out > 0).collect()
    }
}

impl Account {
    fn settle(&mut self, counted: &Counted, responder_present: bool) -> u64 {
        let stopped = self.stopped.settle(counted.denied.saturating_sub(counted.admitted));
        let datagrams = self.datagrams.settle(counted.datagrams);
        let admitted = if responder_present { 0 } else { self.admitted.settle(counted.admitted) };
        // It has not answered more than it was handed, whatever it says.
        let claimed = take(&mut self.unlogged_answers).saturating_add(take(&mut self.unreported_answers));
        let unlogged = claimed.min(counted.handed.saturating_sub(self.answered));
        // One connection may have had several answers.
        self.answered = (self.answered + unlogged).min(counted.handed);
        stopped + datagrams + admitted + unlogged + take(&mut self.left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTOSO: u32 = 3;

    fn counted(denied: u64, admitted: u64) -> BTreeMap<u32, Counted> {
        BTreeMap::from([(CONTOSO, Counted { denied, admitted, ..Counted::default() })])
    }

    fn handed(handed: u64) -> BTreeMap<u32, Counted> {
        BTreeMap::from([(CONTOSO, Counted { handed, ..Counted::default() })])
    }

    fn started(per_second: u32, responder_present: bool, counted: &BTreeMap<u32, Counted>) -> Accounts {
        let mut accounts = Accounts::new(per_second);
        accounts.start(responder_present, counted);
        assert!(accounts.second(counted).is_empty());
        accounts
    }

    fn log(accounts: &mut Accounts, fate: Fate, times: usize) -> usize {
        (0..times).filter(|_| accounts.log_event(CONTOSO, fate)).count()
    }

    /// Two seconds without traffic, and what was left out in them.
    fn settled(accounts: &mut Accounts, counted: &BTreeMap<u32, Counted>) -> u64 {
        let left_out = [accounts.second(counted), accounts.second(counted)].concat();
        assert!(accounts.second(counted).is_empty(), "nothing is left out twice");
        left_out.iter().map(|(registry, left_out)| if *registry == CONTOSO { *left_out } else { 0 }).sum()
    }

    #[test]
    fn what_was_logged_is_not_left_out_and_the_rest_is() {
        let mut accounts = started(10, false, &counted(1_000, 0));
        assert_eq!(log(&mut accounts, Fate::Stopped, 7), 7);
        assert_eq!(settled(&mut accounts, &counted(1_100, 0)), 93);
    }

    #[test]
    fn events_beyond_the_second_are_left_out() {
        let mut accounts = started(10, false, &counted(0, 0));
        assert_eq!(log(&mut accounts, Fate::Stopped, 25), 10);
        assert_eq!(accounts.second(&counted(25, 0)), [], "they may still be read");
        assert_eq!(log(&mut accounts, Fate::Stopped, 1), 1, "one of the next second");
        assert_eq!(settled(&mut accounts, &counted(26, 0)), 15);
    }

    #[test]
    fn nothing_is_logged_before_the_first_second() {
        let mut accounts = Accounts::new(10);
        assert!(!accounts.log_event(CONTOSO, Fate::Stopped));
        assert!(!accounts.log_answer(CONTOSO, 0));
    }

    #[test]
    fn admitted_packets_are_denials_while_there_is_no_responder() {
        let mut accounts = started(10, false, &counted(50, 20));
        assert_eq!(log(&mut accounts, Fate::Admitted, 4), 4);
        assert_eq!(log(&mut accounts, Fate::Stopped, 3), 3);
        assert_eq!(settled(&mut accounts, &counted(50 + 40, 20 + 30)), 33);
    }

    #[test]
    fn admitted_packets_are_not_left_out_while_the_responder_tells_of_them() {
        let mut accounts = started(10, true, &counted(50, 20));
        assert_eq!(log(&mut accounts, Fate::Admitted, 5), 0, "its own report is the line");
        assert_eq!(log(&mut accounts, Fate::Stopped, 2), 2);
        assert!(accounts.log_answer(CONTOSO, 0));
        // 30 admitted, of which one was answered and 29 were spoofed; 10 stopped.
        assert_eq!(settled(&mut accounts, &counted(50 + 40, 20 + 30)), 8);
    }

    #[test]
    fn each_way_is_counted_by_itself() {
        let mut accounts = started(100, true, &counted(0, 0));
        assert_eq!(log(&mut accounts, Fate::Datagram, 60), 60);
        let of_all = Counted { denied: 50, admitted: 0, datagrams: 60, handed: 0 };
        assert_eq!(settled(&mut accounts, &BTreeMap::from([(CONTOSO, of_all)])), 50);
    }

    #[test]
    fn a_responder_that_comes_leaves_the_admitted_ones_before_it_counted() {
        let mut accounts = started(10, false, &counted(0, 0));
        assert_eq!(log(&mut accounts, Fate::Admitted, 3), 3);
        accounts.turn(true, &counted(20, 20));
        assert_eq!(settled(&mut accounts, &counted(100, 100)), 17);
    }

    #[test]
    fn a_responder_that_goes_leaves_the_admitted_ones_after_it_to_be_counted() {
        let mut accounts = started(10, true, &counted(0, 0));
        accounts.turn(false, &counted(20, 20));
        assert_eq!(log(&mut accounts, Fate::Admitted, 3), 3);
        assert_eq!(settled(&mut accounts, &counted(27, 27)), 4);
    }

    #[test]
    fn a_responder_that_is_said_to_be_there_twice_changes_nothing() {
        let mut accounts = started(10, false, &counted(0, 0));
        accounts.turn(false, &counted(20, 20));
        assert_eq!(settled(&mut accounts, &counted(20, 20)), 20);
    }

    #[test]
    fn answers_have_a_budget_of_their_own() {
        let mut accounts = started(10, true, &counted(0, 0));
        assert_eq!((0..1_000).filter(|_| accounts.log_answer(CONTOSO, 0)).count(), 10);
        assert_eq!(log(&mut accounts, Fate::Stopped, 10), 10, "a responder that lies hides nothing");
        let of_all = Counted { denied: 10, admitted: 0, datagrams: 0, handed: 1_000 };
        assert_eq!(settled(&mut accounts, &BTreeMap::from([(CONTOSO, of_all)])), 990);
    }

    #[test]
    fn answers_that_were_not_reported_are_left_out() {
        let mut accounts = started(10, true, &handed(5));
        assert!(accounts.log_answer(CONTOSO, 7));
        assert_eq!(settled(&mut accounts, &handed(5 + 8)), 7);
    }

    #[test]
    fn the_responder_cannot_claim_more_answers_than_it_was_handed_packets() {
        let mut accounts = started(10, true, &handed(5));
        assert!(accounts.log_answer(CONTOSO, u64::MAX));
        assert!(accounts.log_answer(CONTOSO, u64::MAX));
        assert_eq!(settled(&mut accounts, &handed(5 + 6)), 4);
        assert_eq!((0..1_000).filter(|_| accounts.log_answer(CONTOSO, 0)).count(), 10);
        assert_eq!(settled(&mut accounts, &handed(5 + 6 + 30)), 20, "10 of them were logged");
    }

    #[test]
    fn a_connection_with_several_answers_leaves_no_debt() {
        let mut accounts = started(10, true, &handed(0));
        assert_eq!((0..10).filter(|_| accounts.log_answer(CONTOSO, 0)).count(), 10);
        assert_eq!(settled(&mut accounts, &handed(1)), 0);
        assert_eq!((0..15).filter(|_| accounts.log_answer(CONTOSO, 0)).count(), 10);
        assert_eq!(settled(&mut accounts, &handed(1 + 15)), 5);
    }

    #[test]
    fn registries_are_told_apart() {
        let mut accounts = started(10, false, &counted(0, 0));
        let both = BTreeMap::from([(CONTOSO, 20), (9, 30)])
            .into_iter()
            .map(|(registry, denied)| (registry, Counted { denied, ..Counted::default() }))
            .collect();
        assert!(accounts.log_event(9, Fate::Stopped));
        assert!(accounts.second(&both).is_empty());
        assert_eq!(accounts.second(&both), [(CONTOSO, 20), (9, 29)]);
    }
}
