//! Install, reboot, and see that nobody is served unguarded, from the first packet on until the package is purged.

use std::{
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::{
    conversation::Conversation,
    machine::{self, Computer, Machine},
    payload::Payload,
};
use crate::progress;

/// Boots with the guard; the first with the registry as the documentation wants it, the others with one that starts as early as it
/// can and waits for nobody.
const BOOTS: u32 = 3;
/// SYN-ACKs and answers that are enough to see that somebody is served.
const ENOUGH: u64 = 5;
/// How long something may take on real hardware.
const LIMIT: Duration = Duration::from_mins(1);

/// Whom the rule is for, as `tests/src/bin/vm-wire` has it.
const ALLOWED: &str = "198.51.100.7";

/// The sockets at both ends of the cable, in the folder of the run.
const CABLE: [&str; 2] = ["wire.sock", "machine.sock"];
/// The hardware address that `tests/src/bin/vm-wire` sends to.
const HARDWARE_ADDRESS: &str = "00:00:5e:00:53:01";

/// Tries it.
pub(super) fn run(computer: &Computer<'_>, payload: &Payload) -> Result<String> {
    let disk = computer.new_disk("boot")?;
    let drive = machine::lasting(&disk);
    let release = &computer.kernel.release;
    let patience = LIMIT * computer.accelerator.patience();

    // Without a guard everybody is served; so what comes later is the guard's doing.
    let wire = Wire::plug(computer, payload)?;
    let mut machine = computer.boot("install", &drive, &network())?;
    order(&mut machine, "install the registry")?;
    let open = wire.wait(patience, |told| told.denied("served") >= ENOUGH).context("the registry without a guard")?;
    println!("  {release}: without a guard: {open}");
    order(&mut machine, "install the guard")?;
    machine.shut_down(LIMIT)?;
    wire.unplug()?;

    let mut asked = 0;
    let mut standing = String::new();
    for boot in 1..=BOOTS {
        let wire = Wire::plug(computer, payload)?;
        let mut machine = computer.boot(&format!("boot{boot}"), &drive, &network())?;
        wire.wait(patience, |told| told.allowed("served") >= ENOUGH).with_context(|| format!("boot {boot}"))?;
        standing = stands(&mut machine).with_context(|| format!("boot {boot}"))?;
        if boot == 1 {
            order(&mut machine, "start the registry early")?;
        }
        let booted_in = machine.booted_in.as_secs();
        let is_last = boot == BOOTS;
        if is_last {
            package_comes_and_goes(&mut machine, patience)?;
        }
        let visits = order(&mut machine, "tell who came")?;
        let told = if is_last {
            let told = wire.unplug()?;
            let wire = Wire::plug(computer, payload)?;
            order(&mut machine, "purge the package")?;
            let open = wire.wait(patience, |told| told.denied("served") >= ENOUGH).context("after the purge")?;
            println!("  {release}: purged: {open}");
            machine.shut_down(LIMIT)?;
            wire.unplug()?;
            told
        } else {
            machine.shut_down(LIMIT)?;
            wire.unplug()?
        };
        println!("  {release}: boot {boot} in {booted_in} s: {told}; the registry: {visits}");
        ensure!(
            told.denied("accepted") == 0 && told.denied("served") == 0,
            "boot {boot}: somebody who is denied got through: {told}"
        );
        let strange = visits.as_object().context("no visits")?.keys().find(|who| !who.ends_with(ALLOWED));
        ensure!(strange.is_none(), "boot {boot}: the registry served {strange:?}");
        asked += told.denied("asked");
    }
    machine::remove(&disk)?;
    Ok(format!(
        "{BOOTS} boots, an upgrade of the package and its removal: of {asked} SYNs of denied sources, from the first on, none was \
         accepted; purged, it guards nothing; {standing}"
    ))
}

fn network() -> Vec<String> {
    let [wire, machine] = CABLE;
    let cable = format!("dgram,id=cable,local.type=unix,local.path={machine},remote.type=unix,remote.path={wire}");
    let card = format!("virtio-net-pci,netdev=cable,mac={HARDWARE_ADDRESS}");
    ["-netdev", &cable, "-device", &card].map(str::to_owned).to_vec()
}

/// Has the machine do something, and returns what it says of it.
fn order(machine: &mut Machine, what: &str) -> Result<Value> {
    machine.say(&json!({"do": what}))?;
    let mut said = machine.hear(LIMIT).with_context(|| what.to_owned())?;
    ensure!(said["failed"].is_null(), "{what}: {}", said["failed"].as_str().unwrap_or_default());
    Ok(said["did"].take())
}

/// While everybody goes on asking, the package is installed over itself, and then removed: the allowed one is served after each.
fn package_comes_and_goes(machine: &mut Machine, patience: Duration) -> Result<()> {
    for what in ["install the package again", "remove the package"] {
        order(machine, what)?;
        let before = visits_of_allowed(machine)?;
        let until = Instant::now() + patience;
        while visits_of_allowed(machine)? < before + ENOUGH {
            ensure!(Instant::now() < until, "{what}: the allowed one is not served any more");
            thread::sleep(Duration::from_secs(1));
        }
    }
    Ok(())
}

fn visits_of_allowed(machine: &mut Machine) -> Result<u64> {
    let visits = order(machine, "tell who came")?;
    let visits = visits.as_object().context("no visits")?;
    Ok(visits.iter().filter(|(who, _)| who.ends_with(ALLOWED)).filter_map(|(_, count)| count.as_u64()).sum())
}

/// How the guard stands, with what this kernel lacks.
fn stands(machine: &mut Machine) -> Result<String> {
    let report = order(machine, "tell how the guard stands")?;
    let interface = report["interfaces"].as_array().and_then(|all| all.iter().find(|one| one["name"] == "eth0"));
    let interface = interface.with_context(|| format!("no eth0 in {report}"))?;
    ensure!(interface["enforcing"] == true, "eth0 is not guarded: {report}");
    let note = interface["note"].as_str().map(|note| format!(" ({note})")).unwrap_or_default();
    Ok(format!(
        "{}, XDP {}{note}, problems: {}",
        report["state"].as_str().unwrap_or_default(),
        interface["mode"].as_str().unwrap_or_default(),
        report["problems"]
    ))
}

/// The other end of the cable.
struct Wire {
    router: Child,
    conversation: Conversation,
}

impl Wire {
    /// Begins to send.
    fn plug(computer: &Computer<'_>, payload: &Payload) -> Result<Self> {
        let mut command = Command::new(payload.wire());
        command.args(CABLE).current_dir(computer.folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let line = progress::command_line(&command);
        let mut router = command.spawn().with_context(|| format!("starting {line}"))?;
        let ends = router.stdin.take().zip(router.stdout.take());
        let (stdin, stdout) = ends.context("vm-wire has no standard input and output")?;
        Ok(Self { router, conversation: Conversation::begin(stdin, stdout) })
    }

    /// Waits until what it tells is enough.
    fn wait(&self, limit: Duration, is_enough: impl Fn(&Told) -> bool) -> Result<Told> {
        let until = Instant::now() + limit;
        let mut last = Told(Value::Null);
        loop {
            last = match self.conversation.hear(until) {
                Ok(said) => Told(said),
                Err(error) => return Err(error.context(format!("the last that came back: {last}"))),
            };
            if is_enough(&last) {
                return Ok(last);
            }
        }
    }

    /// Ends, and returns all that it told.
    fn unplug(mut self) -> Result<Told> {
        let last = self.conversation.rest().pop().context("vm-wire tells nothing")?;
        let status = self.router.wait().context("waiting for vm-wire")?;
        ensure!(status.success(), "vm-wire failed ({status})");
        Ok(Told(last))
    }
}

/// What was sent and came back.
struct Told(Value);

impl Told {
    fn denied(&self, what: &str) -> u64 {
        self.0["denied"][what].as_u64().unwrap_or(0)
    }

    fn allowed(&self, what: &str) -> u64 {
        self.0["allowed"][what].as_u64().unwrap_or(0)
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (who, comma) in [("denied", ", "), ("allowed", "")] {
            let count = |what: &str| self.0[who][what].as_u64().unwrap_or(0);
            let (asked, accepted) = (count("asked"), count("accepted"));
            let (served, refused) = (count("served"), count("refused"));
            write!(formatter, "{who}: {asked} SYNs, {accepted} accepted, {served} served, {refused} reset{comma}")?;
        }
        Ok(())
    }
}
