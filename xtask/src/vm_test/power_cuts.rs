//! The power goes while the policy is changed, again and again.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use rand::Rng as _;
use serde_json::{Value, json};

use super::{
    frail_disk::FrailDisk,
    machine::{Computer, Machine},
};

/// How long a machine is left alone with its changes, on real hardware. One in software makes fewer in that time.
const LIFE: std::ops::Range<Duration> = Duration::from_millis(50)..Duration::from_millis(1500);
/// How long until it answers what policy it found, on real hardware.
const START: Duration = Duration::from_secs(30);

/// The rules, by number, as `tests/src/bin/vm-guest` has them.
type Rules = BTreeSet<u64>;

/// What the machine said up to some moment.
#[derive(Default)]
struct Known {
    /// The rules of the last acknowledged change.
    acknowledged: Rules,
    /// What was begun after it, and the rules that would be then.
    under_way: Option<(String, Rules)>,
    /// When that was begun.
    begun: Option<Instant>,
    /// How long the change before it took.
    lasted: Duration,
    /// Changes that were acknowledged since the machine was started.
    changes: usize,
    revision: String,
    marker: u64,
}

/// Cuts the power so many times, and compares.
pub(super) fn run(computer: &Computer<'_>, cuts: u32) -> Result<String> {
    let disk = FrailDisk::copy(computer.disk, computer.folder, &format!("{}-cuts", computer.kernel.release))?;
    let mut known = Known::default();
    let (mut under_way, mut all, mut forgot) = (0, 0, 0);
    for cut in 0..=cuts {
        let power = disk.power()?;
        let name = format!("cut{cut}");
        let mut machine = computer.boot(&name, &FrailDisk::drive(), &[])?;
        let seed: u64 = rand::rng().random();
        machine.say(&json!({"changes": seed}))?;
        let said = machine.hear(START).context("waiting for the policy after the cut")?;
        let found = found(&said)?;
        if cut > 0 {
            let what = known.compare(&found).with_context(|| format!("after cut {cut}"))?;
            under_way += usize::from(what == Survived::UnderWay);
            forgot += usize::from(found.marker < known.marker);
            all += known.changes;
            println!("  {}: cut {cut:2}: {}", computer.kernel.release, known.row(&found, &what, &machine));
        } else {
            ensure!(found.rules.is_empty(), "a new machine has {} rules", found.rules.len());
        }
        known = Known { acknowledged: found.rules, revision: found.revision, ..Known::default() };
        if cut == cuts {
            break;
        }
        let life = computer.accelerator.patience() * rand::rng().random_range(LIFE);
        known.follow(&mut machine, Instant::now() + life)?;
        // One moment for both: a machine that lives on without its disk would say so, and a disk could be told to keep things.
        machine.freeze()?;
        drop(power);
        for said in machine.cut() {
            known.hear(&said)?;
        }
    }
    disk.remove()?;
    Ok(format!(
        "{cuts} power cuts among {all} acknowledged changes: nothing acknowledged lost, nothing half there, the kernel enforces \
         what was found; {under_way} times the change under way was there; {forgot} times the disk forgot what it was not told to keep"
    ))
}

/// What a machine found when it came back.
struct Found {
    rules: Rules,
    revision: String,
    marker: u64,
}

fn found(said: &Value) -> Result<Found> {
    let found = &said["found"];
    ensure!(found.is_object(), "the machine says {said} and not what it found");
    ensure!(found["disagreement"].is_null(), "the kernel does not enforce the policy: {}", found["disagreement"]);
    Ok(Found {
        rules: rules(&found["rules"])?,
        revision: found["revision"].as_str().unwrap_or_default().to_owned(),
        marker: found["marker"].as_u64().context("no marker")?,
    })
}

/// Which policy a cut left.
#[derive(PartialEq, Eq)]
enum Survived {
    Acknowledged,
    UnderWay,
}

impl Known {
    /// Listens until that moment, and then until a change is about half made: anywhere from its begin to somewhat after the time
    /// that one takes.
    fn follow(&mut self, machine: &mut Machine, until: Instant) -> Result<()> {
        self.listen(machine, until)?;
        let until = Instant::now() + START;
        while self.listen_once(machine, until)? && self.begun.is_none_or(|begun| begun.elapsed() > self.lasted) {}
        self.listen(machine, Instant::now() + self.lasted.mul_f64(rand::rng().random_range(0.0..1.2)))
    }

    fn listen(&mut self, machine: &mut Machine, until: Instant) -> Result<()> {
        while self.listen_once(machine, until)? {}
        Ok(())
    }

    fn listen_once(&mut self, machine: &mut Machine, until: Instant) -> Result<bool> {
        let Some(said) = machine.hear_before(until)? else { return Ok(false) };
        self.hear(&said)?;
        Ok(true)
    }

    fn hear(&mut self, said: &Value) -> Result<()> {
        if let Some(marker) = said["marker"].as_u64() {
            self.marker = marker;
        } else if let Some(what) = said["begin"].as_str() {
            self.under_way = Some((what.to_owned(), rules(&said["rules"])?));
            self.begun = Some(Instant::now());
        } else if let Some(revision) = said["acknowledged"].as_str() {
            let (_, rules) = self.under_way.take().context("a change was acknowledged that was not begun")?;
            self.acknowledged = rules;
            self.changes += 1;
            self.lasted = self.begun.take().map_or(Duration::ZERO, |begun| begun.elapsed());
            revision.clone_into(&mut self.revision);
        } else {
            bail!("the machine says {said}");
        }
        Ok(())
    }

    /// Which of the two policies that may be there is there.
    fn compare(&self, found: &Found) -> Result<Survived> {
        if found.rules == self.acknowledged {
            return Ok(Survived::Acknowledged);
        }
        match &self.under_way {
            Some((_, rules)) if *rules == found.rules => Ok(Survived::UnderWay),
            under_way => {
                let lost = self.acknowledged.difference(&found.rules).count();
                let strange = found.rules.difference(&self.acknowledged).count();
                bail!(
                    "{lost} of the {} rules that were acknowledged at revision {} are gone and {strange} others are there; \
                     under way was {}",
                    self.acknowledged.len(),
                    self.revision,
                    under_way.as_ref().map_or("nothing", |(what, _)| what)
                );
            }
        }
    }

    fn row(&self, found: &Found, what: &Survived, machine: &Machine) -> String {
        let under_way = self.under_way.as_ref().map_or("nothing", |(what, _)| what);
        let which = match what {
            Survived::Acknowledged => "what was acknowledged is there",
            Survived::UnderWay => "that is there",
        };
        // A removal is answered without the revision.
        let last =
            if self.revision.is_empty() { "a removal".to_owned() } else { format!("revision {}", self.revision) };
        let forgotten = self.marker.saturating_sub(found.marker);
        format!(
            "{:3} changes, the last acknowledged is {last}; under way: {under_way}; {which}: {} rules at revision {}, and the \
             kernel agrees; {forgotten} unflushed writes forgotten; booted in {} s",
            self.changes,
            found.rules.len(),
            found.revision,
            machine.booted_in.as_secs()
        )
    }
}

fn rules(list: &Value) -> Result<Rules> {
    let numbers = list.as_array().context("no list of rules")?;
    numbers.iter().map(|number| number.as_u64().context("a rule without a number")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine_said(lines: &[&str]) -> Known {
        let mut known = Known::default();
        for line in lines {
            known.hear(&serde_json::from_str(line).unwrap()).unwrap();
        }
        known
    }

    fn after(rules: &[u64]) -> Found {
        Found { rules: rules.iter().copied().collect(), revision: String::new(), marker: 0 }
    }

    #[test]
    fn what_was_acknowledged_or_the_one_change_under_way_may_be_there_and_nothing_else() {
        let known = machine_said(&[
            r#"{"begin": "add", "rules": [1, 2]}"#,
            r#"{"acknowledged": "1"}"#,
            r#"{"begin": "3 rules for all", "rules": [3, 4, 5]}"#,
        ]);
        assert!(known.compare(&after(&[1, 2])).unwrap() == Survived::Acknowledged);
        assert!(known.compare(&after(&[3, 4, 5])).unwrap() == Survived::UnderWay);
        for wrong in [&[][..], &[1], &[1, 2, 3, 4, 5], &[3, 4]] {
            assert!(known.compare(&after(wrong)).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_was_acknowledged_may_not_go_while_nothing_is_under_way() {
        let known = machine_said(&[r#"{"begin": "add", "rules": [1]}"#, r#"{"acknowledged": "1"}"#]);
        assert!(known.compare(&after(&[])).is_err());
    }
}
