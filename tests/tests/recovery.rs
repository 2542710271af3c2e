//! A store that cannot be used, good copies of it, and the way back from one.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use serde_json::{Value, json};
use tests::net::{Agent, Client, GuardConfig, Listener, Network, Outcome, eventually, expect_same};

const REGISTRY: &str = GuardConfig::REGISTRY;
const OFFICE: &str = "198.51.100.7";
const STRANGER: &str = "192.0.2.99";

/// A registry that the office may reach, and a stranger may not.
struct Host {
    network: Network,
    clients: [Client; 2],
    agent: Agent,
    _registry: Listener,
}

impl Host {
    fn new() -> Result<Self> {
        let mut network = Network::new()?;
        let clients = [network.client("office", &[OFFICE])?, network.client("stranger", &[STRANGER])?];
        let agent = Agent::start(&network, &GuardConfig::of(&network).reset().to_string())?;
        let registry = Listener::start(network.host(), "[::]:443".parse()?)?;
        let host = Self { network, clients, agent, _registry: registry };
        host.add("198.51.100.0/24")?;
        Ok(host)
    }

    fn add(&self, source: &str) -> Result<()> {
        self.agent.cli(["network-rule", "add", "-n", REGISTRY, "--ip-address", source])?.expect_success().map(drop)
    }

    /// Who gets in: the office, the stranger.
    fn get_in(&self) -> Result<[bool; 2]> {
        let mut get_in = [false; 2];
        for ((client, source), gets_in) in self.clients.iter().zip([OFFICE, STRANGER]).zip(&mut get_in) {
            let source: IpAddr = source.parse()?;
            let attempt = client.connect(source, (Network::REGISTRY_V4, 443).into(), Duration::from_secs(5))?;
            *gets_in = attempt.outcome == Outcome::Connected;
        }
        Ok(get_in)
    }

    fn store(&self) -> PathBuf {
        self.agent.state().join("policy.db")
    }

    fn copies(&self) -> Result<Vec<Value>> {
        Ok(self.agent.json(["restore", "--list"])?.as_array().context("a list")?.clone())
    }

    /// Waits until the newest good copy is that of the last revision.
    fn copied(&self) -> Result<()> {
        let revision = self.agent.json(["status"])?["revision"].clone();
        eventually("the last policy has a good copy", || {
            Ok(self.copies()?.first().is_some_and(|copy| copy["revision"] == revision))
        })
    }

    /// What is shown is what nobody knows, what is asked for is refused, and both say what to do.
    fn expect_closed(&self, words: &[&str], what: &str) -> Result<()> {
        let status = self.agent.json(["status"])?;
        assert_eq!(status["state"], "DEGRADED", "{what}: {status}");
        let problems = status["problems"].to_string();
        for words in words.iter().chain(&["registry-guard restore --from last-good", "policy.db"]) {
            ensure!(problems.contains(words), "{what}: `{words}` is not in {problems}");
        }
        assert_eq!((&status["revision"], &status["registries"][0]["ipRules"]), (&Value::Null, &Value::Null), "{what}");
        for command in [
            &["show", "-n", REGISTRY][..],
            &["list"],
            &["export"],
            &["history"],
            &["network-rule", "list", "-n", REGISTRY],
            &["network-rule", "add", "-n", REGISTRY, "--ip-address", STRANGER],
            &["update", "-n", REGISTRY, "--default-action", "Allow"],
            &["rollback", "--yes"],
            &["confirm"],
        ] {
            let ran = self.agent.cli(command)?;
            ensure!(!ran.success() && ran.stdout.is_empty(), "{what}: {command:?}: {}", ran.stdout);
            ensure!(ran.stderr.contains("registry-guard restore --from"), "{what}: {command:?}: {}", ran.stderr);
        }
        Ok(())
    }
}

#[test]
fn a_store_that_cannot_be_used_leaves_the_last_policy_in_force_and_is_left_alone() -> Result<()> {
    let mut host = Host::new()?;
    host.copied()?;
    let shown = host.agent.json(["show", "-n", REGISTRY])?;
    host.agent.stop()?;
    let path = host.store();
    let good = fs::read(&path)?;
    ensure!(!host.agent.state().join("policy.db-wal").exists(), "a stopped agent leaves one file");
    let mut of_another_program = good.clone();
    of_another_program[68..72].copy_from_slice(b"none");
    let mut newer = good.clone();
    newer[60..64].copy_from_slice(&99_u32.to_be_bytes());
    let mut garbled = good.clone();
    garbled[4096..].fill(0xa5);
    let mut kernel = host.agent.kernel_tables()?;
    for (what, bytes, words) in [
        ("an empty file", Vec::new(), ["is damaged", "cut off"]),
        ("a text file", b"interfaces = []\n".repeat(64), ["is not a policy store", "not an SQLite file"]),
        ("half of the file", good[..good.len() / 2].to_vec(), ["is damaged", "restore it"]),
        ("garbage", garbled, ["is damaged", "restore it"]),
        ("an SQLite file of another program", of_another_program, ["is not a policy store", "another program"]),
        ("a file of a later version", newer, ["layout 99", "start the version that wrote it"]),
    ] {
        fs::write(&path, &bytes)?;
        host.agent.run().context(what)?;
        host.expect_closed(&words, what)?;
        assert_eq!(host.get_in()?, [true, false], "{what}");
        ensure!(fs::read(&path)? == bytes, "{what} was touched");
        host.agent.stop()?;
        assert_eq!(host.agent.kernel_tables()?["RULES"], kernel["RULES"], "{what}");
        kernel = host.agent.kernel_tables()?;
    }
    fs::remove_file(&path)?;
    host.agent.run()?;
    host.expect_closed(&["is gone, but good copies of it are beside it"], "no file")?;
    assert_eq!(host.get_in()?, [true, false]);
    ensure!(!path.exists(), "a new store was made in the place of a lost one");
    host.agent.kill9()?;
    fs::write(&path, &good)?;
    host.agent.run()?;
    assert_eq!(host.agent.json(["show", "-n", REGISTRY])?, shown);
    assert_eq!((host.get_in()?, &host.agent.json(["status"])?["state"]), ([true, false], &json!("ENFORCING")));
    Ok(())
}

#[test]
fn after_a_boot_with_a_store_that_cannot_be_used_nobody_gets_in_until_it_is_restored() -> Result<()> {
    let mut host = Host::new()?;
    host.add("203.0.113.9")?;
    host.copied()?;
    let before = host.agent.cli(["export"])?.expect_success()?.stdout;
    host.agent.stop()?;
    host.agent.cli(["detach"])?.expect_success()?;
    fs::write(host.store(), b"nonsense")?;
    // As after a boot: nothing is left in the kernel.
    for entry in fs::read_dir(host.agent.pins())? {
        fs::remove_dir_all(entry?.path())?;
    }
    host.agent.run()?;
    host.expect_closed(&["is not a policy store"], "after a boot")?;
    assert_eq!(host.get_in()?, [false, false]);

    let ran = host.agent.cli(["restore", "--from", "last-good"])?.expect_success()?;
    ensure!(ran.stderr.contains("policy.db.unreadable-"), "{}", ran.stderr);
    assert_eq!(host.get_in()?, [true, false], "it is in force when the command returns");
    assert_eq!(host.agent.cli(["export"])?.expect_success()?.stdout, before);
    let names = fs::read_dir(host.agent.state())?.filter_map(|entry| Some(entry.ok()?.path()));
    let moved: Vec<PathBuf> = names.filter(|path| path.display().to_string().contains("unreadable")).collect();
    assert_eq!((moved.len(), fs::read(&moved[0])?), (1, b"nonsense".to_vec()));
    let history = host.agent.json(["history"])?;
    assert_eq!((history.as_array().map(Vec::len), &history[0]["revision"]), (Some(1), &json!(1002)), "{history}");
    let unknown = host.agent.cli(["rollback", "--to", "2", "--yes"])?;
    ensure!(unknown.stderr.contains("accepted: 1002 to 1002"), "{}", unknown.stderr);
    host.add("203.0.113.10")?;
    host.agent.kill9()?;
    host.agent.run()?;
    assert_eq!((&host.agent.json(["status"])?["revision"], host.get_in()?), (&json!(1003), [true, false]));
    Ok(())
}

#[test]
fn a_registry_whose_table_in_the_kernel_is_not_sure_lets_nobody_in() -> Result<()> {
    let mut host = Host::new()?;
    host.agent.stop()?;
    fs::write(host.store(), b"nonsense")?;
    // The kernel knows nothing of this address, and has a table in the slot that the registry had.
    host.agent.configure(&GuardConfig::of(&host.network).reset().wildcard().to_string())?;
    host.agent.run()?;
    assert_eq!(host.get_in()?, [false, false]);
    host.agent.stop()?;
    host.agent.configure(&GuardConfig::of(&host.network).reset().to_string())?;
    Ok(())
}

#[test]
fn a_first_start_is_no_lost_store_and_lets_nobody_in() -> Result<()> {
    let mut host = Host::new()?;
    host.agent.stop()?;
    fs::remove_dir_all(host.agent.state())?;
    host.agent.run()?;
    let status = host.agent.json(["status"])?;
    assert_eq!((&status["revision"], &status["state"]), (&json!(0), &json!("ENFORCING")));
    assert_eq!(host.get_in()?, [false, false]);
    Ok(())
}

#[test]
fn a_policy_comes_back_from_copies_revisions_and_files_and_never_from_a_damaged_one() -> Result<()> {
    let mut host = Host::new()?;
    host.copied()?;
    let first = host.agent.cli(["export"])?.expect_success()?.stdout;
    host.agent.cli(["update", "-n", REGISTRY, "--public-network-enabled", "false"])?.expect_success()?;
    host.copied()?;
    let copies = host.copies()?;
    let path = |place: usize| copies[place]["path"].as_str().map(PathBuf::from).context("a path");
    let (newest, older) = (path(0)?, path(1)?);
    // On a store that is fine it is a change like any other.
    host.agent.cli(["restore", "--from", older.to_str().context("a path")?])?.expect_success()?;
    assert_eq!((host.agent.cli(["export"])?.expect_success()?.stdout, host.get_in()?), (first.clone(), [true, false]));
    let last = host.agent.json(["history", "--top", "1"])?;
    ensure!(last[0]["what"].as_str().is_some_and(|what| what.starts_with("restored from ")), "{last}");
    host.agent.cli(["restore", "--from", "2"])?.expect_success()?;
    assert_eq!(host.get_in()?, [false, false], "revision 2 is in the history");
    host.agent.cli(["rollback", "--to", "3", "--yes"])?.expect_success()?;

    let mut damaged = fs::read(&newest)?;
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(&newest, damaged)?;
    let before = (host.agent.json(["status"])?["revision"].clone(), host.agent.kernel_tables()?);
    let refused = host.agent.cli(["restore", "--from", newest.to_str().context("a path")?])?;
    ensure!(!refused.success() && refused.stderr.contains("its SHA-256 is "), "{}", refused.stderr);
    ensure!(refused.stderr.contains(&format!("restore --from {}", older.display())), "{}", refused.stderr);
    let text = host.network.folder().join("notes");
    fs::write(&text, "of somebody")?;
    for (from, words) in [
        (text.to_str().context("a path")?, "not an SQLite file"),
        ("/nowhere/policy.db", "No such file"),
        ("77", "no good copy of the policy for `77`: revisions "),
    ] {
        let ran = host.agent.cli(["restore", "--from", from])?;
        ensure!(!ran.success() && ran.stderr.contains(words), "{from}: {}", ran.stderr);
    }
    expect_same(&before.1, &host.agent.kernel_tables()?, "a refused restore")?;
    assert_eq!(host.agent.json(["status"])?["revision"], before.0);

    // A file of the operator's own.
    let backup = host.network.folder().join("backup.db");
    fs::copy(&older, &backup)?;
    host.agent.kill9()?;
    fs::write(host.store(), b"nonsense")?;
    host.agent.run()?;
    host.agent.cli(["restore", "--from", backup.to_str().context("a path")?])?.expect_success()?;
    assert_eq!((host.agent.cli(["export"])?.expect_success()?.stdout, host.get_in()?), (first, [true, false]));
    Ok(())
}

/// A small file system that goes with the test.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn at(path: &Path) -> Result<Self> {
        fs::create_dir_all(path)?;
        mount(Some("tmpfs"), path, Some("tmpfs"), MsFlags::empty(), Some("size=1m,mode=0700"))?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}

#[test]
fn a_full_disk_refuses_a_change_and_leaves_kernel_and_store_as_they_were() -> Result<()> {
    let mut network = Network::new()?;
    let _office = network.client("office", &[OFFICE])?;
    let mut agent = Agent::prepare(&network, "agent", &GuardConfig::of(&network).reset().to_string())?;
    let disk = SmallDisk::at(&agent.state())?;
    agent.run()?;
    let add = |source: &str| agent.cli(["network-rule", "add", "-n", REGISTRY, "--ip-address", source]);
    add("198.51.100.0/24")?.expect_success()?;
    let filler = disk.0.join("filler");
    let mut size = 1 << 20;
    while size > 0 {
        let mut bytes = fs::read(&filler).unwrap_or_default();
        bytes.resize(bytes.len() + size, 7);
        if fs::write(&filler, &bytes).is_err() {
            bytes.truncate(bytes.len() - size);
            fs::write(&filler, &bytes)?;
            size /= 2;
        }
    }
    let before = (agent.cli(["export"])?.expect_success()?.stdout, agent.kernel_tables()?);
    let many: Vec<Value> =
        (0..4000).map(|n| json!({"value": format!("203.0.{}.{}", 113 + n / 256, n % 256)})).collect();
    let list = json!({"properties": {"networkRuleSet": {"ipRules": many}}}).to_string();
    for _ in 0..2 {
        let refused = agent.request("PATCH", &Agent::registry_path(REGISTRY), &[], list.as_bytes())?;
        ensure!(refused.status == 500 && refused.body.to_string().contains("full"), "{}", refused.body);
        expect_same(&before.1, &agent.kernel_tables()?, "a full disk")?;
        assert_eq!(agent.cli(["export"])?.expect_success()?.stdout, before.0);
    }
    fs::remove_file(&filler)?;
    add("203.0.113.9")?.expect_success()?;
    agent.kill9()?;
    agent.run()?;
    let rules = agent.json(["network-rule", "list", "-n", REGISTRY])?["ipRules"].clone();
    assert_eq!((rules.as_array().map(Vec::len), &agent.json(["status"])?["revision"]), (Some(2), &json!(2)));
    agent.stop()?;
    Ok(())
}

#[test]
fn what_a_killed_restore_left_is_gone_after_the_next_start() -> Result<()> {
    let network = Network::new()?;
    let mut agent = Agent::prepare(&network, "agent", &GuardConfig::on(&["port0"]).to_string())?;
    let [left, not_ours] = [".restore-a1B2c3", "restore-notes"].map(|name| agent.state().join(name));
    for folder in [&left, &not_ours] {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("policy.db"), "half of it")?;
    }
    agent.run()?;
    assert_eq!([left.exists(), not_ours.exists()], [false, true]);
    Ok(())
}
