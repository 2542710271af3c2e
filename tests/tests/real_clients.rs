//! The registry and its real clients without a guard: what each of them does where nobody stands in its way.
//!
//! A client that cannot run on this machine is `SKIPPED`, with the reason.

use std::time::Duration;

use anyhow::{Result, ensure};
use tests::net::{Ctr, Curl, Docker, DockerRegistry, Http, Image, Login, Network, Ran, Skopeo};

const MINUTE: Duration = Duration::from_mins(1);

/// A network with a registry that asks for a login, and the image `app:v1` in it.
fn stocked(network: &mut Network) -> Result<DockerRegistry> {
    let builder = network.client("builder", &["198.51.100.2"])?;
    let registry = DockerRegistry::start_with_login(network)?;
    let image = Image::make(&network.folder().join("image"), 1_000_000)?;
    let skopeo = Skopeo::new(network, &builder, registry.certificate());
    skopeo.login(Login::BUILDER, MINUTE)?.expect_success()?;
    skopeo.push(&image, "app:v1", MINUTE)?.expect_success()?;
    Ok(registry)
}

fn report(what: &str, ran: &Ran) {
    println!("{what}: {:?}", ran.took);
}

#[test]
fn docker_logs_in_and_pulls() -> Result<()> {
    let mut network = Network::new()?;
    let registry = stocked(&mut network)?;
    let office = network.client("office", &["198.51.100.7"])?;
    let docker = match Docker::start(&network, &office, registry.certificate()) {
        Ok(docker) => docker,
        Err(error) => {
            println!("SKIPPED: no docker daemon can run here: {error:#}");
            return Ok(());
        }
    };
    let refused = docker.pull("app:v1", MINUTE)?;
    ensure!(!refused.success() && refused.stderr.contains("no basic auth credentials"), "{refused:?}");
    report("docker login", &docker.login(Login::BUILDER, MINUTE)?.expect_success()?);
    report("docker pull", &docker.pull("app:v1", MINUTE)?.expect_success()?);
    Ok(())
}

#[test]
fn ctr_pulls() -> Result<()> {
    let mut network = Network::new()?;
    let registry = stocked(&mut network)?;
    let office = network.client("office", &["198.51.100.7"])?;
    let ctr = match Ctr::start(&network, &office, registry.certificate()) {
        Ok(ctr) => ctr,
        Err(error) => {
            println!("SKIPPED: no containerd can run here: {error:#}");
            return Ok(());
        }
    };
    let refused = ctr.pull("app:v1", MINUTE)?;
    ensure!(!refused.success() && refused.stderr.contains("401"), "{refused:?}");
    report("ctr images pull", &ctr.pull_as(Login::BUILDER, "app:v1", MINUTE)?.expect_success()?);
    Ok(())
}

#[test]
fn curl_speaks_either_version_of_http() -> Result<()> {
    let mut network = Network::new()?;
    let registry = stocked(&mut network)?;
    let office = network.client("office", &["198.51.100.7"])?;
    let curl = Curl { client: &office, certificate: registry.certificate() };
    for (http, last) in [(Http::One, "401 HTTP/1.1"), (Http::Two, "401 HTTP/2")] {
        let answer = curl.show("/v2/", http, MINUTE)?.expect_success()?;
        ensure!(answer.stdout.lines().last() == Some(last), "{http:?}: {answer:?}");
        ensure!(answer.stdout.to_ascii_lowercase().contains("\nwww-authenticate: basic"), "{http:?}: {answer:?}");
        report(last, &answer);
    }
    Ok(())
}
