//! What can happen to the second layer and the namespaces that it stands in.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use tests::net::{GuardConfig, LookupProgram, PlainRegistry, address};

use crate::agent::detach;
use crate::scene::{DENIED, Scene, rest};
use crate::table::Outcome;

/// The first layer alone, then a second layer that is not alone.
pub(crate) fn one_layer_missing() -> Result<Outcome> {
    let mut scene = Scene::set()?;
    let lookups = scene.agent.pins().join("lookups");
    scene
        .under_flood(|scene| {
            let pin = fs::read_dir(&lookups)?.next().context("nothing is pinned")??.path();
            detach(&pin)?;
            scene.wait_for("ENFORCING")?;
            let foreign = LookupProgram::attach(scene.network.host())?;
            scene.wait_for_problem("other sk_lookup programs decide there too")?;
            ensure!(scene.status()?.0 == "DEGRADED", "{:?}", scene.status()?);
            drop(foreign);
            scene.wait_for("ENFORCING")
        })
        .map(Outcome::Stood)
}

/// The registry's container is started anew, in another namespace, with and without an agent.
pub(crate) fn container_made_anew() -> Result<Outcome> {
    const PORT: u16 = 5000;
    let mut container = None;
    let mut scene = Scene::with(|network| {
        let published = network.published("inner", PORT)?;
        let listen = published.listen();
        let config =
            GuardConfig::of(network).netns(&published.namespace().path(), &listen.each_ref().map(String::as_str));
        container = Some(published);
        Ok(config)
    })?;
    let container = container.context("there is a container")?;
    let inside = PlainRegistry::start(container.namespace(), PORT)?;
    let mut running = Some((inside, container));
    scene
        .under_flood_with_gaps(|scene| {
            for without_agent in [false, true] {
                if without_agent {
                    scene.agent.kill9()?;
                }
                running = None;
                // Unless the namespace has taken its end of the link with it already.
                _ = scene.network.host().ip("link del published");
                let container = scene.network.published("inner", PORT)?;
                let inside = PlainRegistry::start(container.namespace(), PORT)?;
                rest();
                if without_agent {
                    scene.agent.run()?;
                }
                scene.wait_for("ENFORCING")?;
                let denied = inside.visits_from(address(DENIED));
                ensure!(denied == 0, "{denied} connections of a denied client reached the new container");
                running = Some((inside, container));
            }
            Ok(())
        })
        .map(Outcome::Stood)
}
