//! What can happen to the agent.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use nix::mount::{MntFlags, umount2};
use nix::net::if_::if_nametoindex;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tests::net::{Agent, AnotherBuild, GuardConfig, MemoryLimit, eventually, run};

use crate::policy::rules;
use crate::scene::{REGISTRY, Scene, rest};
use crate::table::Outcome;

const MINUTE: Duration = Duration::from_mins(1);

pub(crate) fn killed() -> Result<Outcome> {
    Scene::set()?
        .under_flood(|scene| {
            scene.agent.kill9()?;
            rest();
            scene.agent.run()
        })
        .map(Outcome::Stood)
}

pub(crate) fn upgraded_and_downgraded() -> Result<Outcome> {
    let Some(another) = AnotherBuild::Layout.path() else {
        return Ok(Outcome::NotStaged("there is no other build; `cargo xtask test` makes one"));
    };
    let own = Agent::built()?;
    Scene::set()?
        .under_flood(|scene| {
            for program in [another, own] {
                scene.agent.install(&program);
                scene.agent.restart()?;
            }
            Ok(())
        })
        .map(Outcome::Stood)
}

pub(crate) fn stopped() -> Result<Outcome> {
    Scene::set()?
        .under_flood(|scene| {
            ensure!(scene.agent.stop()?.success(), "SIGTERM is no failure");
            rest();
            scene.agent.run()
        })
        .map(Outcome::Stood)
}

/// `systemctl start` with a memory lock limit of 64 KiB.
pub(crate) fn little_locked_memory() -> Result<Outcome> {
    started_by(&["prlimit", "--memlock=65536"])
}

/// The kernel's types are hidden from the agent, as on a kernel that has none.
pub(crate) fn without_types_of_the_kernel() -> Result<Outcome> {
    let script = "mount -t tmpfs tmpfs /sys/kernel/btf; exec \"$@\"";
    started_by(&["unshare", "--mount", "--propagation", "private", "sh", "-ec", script, "sh"])
}

/// The agent is started anew by another program.
fn started_by(starter: &[&str]) -> Result<Outcome> {
    Scene::set()?
        .under_flood(|scene| {
            scene.agent.stop()?;
            scene.agent.run_through(starter)?;
            scene.wait_for("ENFORCING")
        })
        .map(Outcome::Stood)
}

/// The agent's folder of pins is on no BPF file system: it mounts one, for root only.
pub(crate) fn no_bpf_file_system() -> Result<Outcome> {
    let mut scene = Scene::prepare(|network| Ok(GuardConfig::of(network)))?;
    let pins = scene.network.folder().join("pins");
    scene.agent.pin_at(&pins);
    scene.agent.run()?;
    scene.allow()?;
    let mode = fs::metadata(&pins)?.permissions().mode() & 0o777;
    let stood = scene.under_flood(|scene| {
        scene.agent.kill9()?;
        rest();
        scene.agent.run()
    });
    // The scene's folder can go only when nothing is mounted in it.
    umount2(&pins, MntFlags::MNT_DETACH).context("unmounting what the agent has mounted")?;
    ensure!(mode == 0o700, "the folder of pins has mode {mode:o}");
    stood.map(Outcome::Stood)
}

/// It neither runs nor ends.
pub(crate) fn hung() -> Result<Outcome> {
    Scene::set()?
        .under_flood(|scene| {
            let pid = Pid::from_raw(scene.agent.pid().context("the agent does not run")?.cast_signed());
            kill(pid, Signal::SIGSTOP)?;
            rest();
            kill(pid, Signal::SIGCONT)?;
            scene.wait_for("ENFORCING")
        })
        .map(Outcome::Stood)
}

pub(crate) fn a_second_one() -> Result<Outcome> {
    Scene::set()?
        .under_flood(|scene| {
            let ran = run(&mut scene.agent.run_command(), MINUTE)?;
            let code = ran.status.and_then(|status| status.code());
            ensure!(code == Some(1) && ran.stderr.contains("another agent"), "{code:?}: {}", ran.stderr);
            scene.wait_for("ENFORCING")
        })
        .map(Outcome::Stood)
}

/// Somebody with the right to do so removes what is pinned, which takes the programs away. Nobody else can reach it.
pub(crate) fn pins_edited() -> Result<Outcome> {
    let mut scene = Scene::set()?;
    let pins = scene.agent.pins().to_owned();
    let mode = fs::metadata(scene.network.bpffs())?.permissions().mode() & 0o777;
    ensure!(mode == 0o700, "others can reach the pins: {mode:o}");
    scene
        .under_flood(|scene| {
            for entry in fs::read_dir(pins.join("lookups"))? {
                fs::remove_file(entry?.path())?;
            }
            scene.wait_for("ENFORCING")?;
            // The second layer covers for the first until the agent looks again.
            let own = scene.client.host_interface().to_owned();
            let index = scene.network.host().within(|| if_nametoindex(own.as_str()))??;
            let link = pins.join("links").join(index.to_string());
            fs::remove_file(&link)?;
            eventually("the program is back on the interface", || Ok(link.exists() && scene.status()?.0 == "ENFORCING"))
        })
        .map(Outcome::Stood)
}

/// The link at this pin loses its program.
pub(crate) fn detach(pin: &Path) -> Result<()> {
    let mut bpftool = Command::new("bpftool");
    run(bpftool.args(["link", "detach", "pinned"]).arg(pin), MINUTE)?.expect_success().map(drop)
}

/// Takes what the kernel has for one process away while a large policy is loaded.
pub(crate) fn too_little_memory() -> Result<Outcome> {
    let Some(limit) = MemoryLimit::of(24 << 20)? else {
        return Ok(Outcome::NotStaged("no memory controller can be written to here"));
    };
    let mut scene = Scene::with(|network| Ok(GuardConfig::of(network).rules(400_000)))?;
    let stood = scene.under_flood(|scene| {
        limit.hold(scene.agent.pid().context("the agent does not run")?)?;
        let asked = scene.agent.patch(REGISTRY, &rules(200_000, 0));
        ensure!(asked.is_err(), "24 MiB were enough for 200,000 rules");
        rest();
        // The kernel may have ended it for that.
        if scene.agent.has_ended()? {
            scene.agent.run()?;
        }
        scene.wait_for("ENFORCING")
    })?;
    Ok(Outcome::Stood(stood))
}
