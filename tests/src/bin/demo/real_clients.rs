use std::time::Duration;

use anyhow::Result;
use tests::net::{Client, Ran, Skopeo};

use crate::actors::Actors;
use crate::screen;
use crate::tally::Tally;

const LIMIT: Duration = Duration::from_secs(30);
/// How long the one who gets no answer is left waiting; skopeo itself would wait for minutes.
const DENIED_LIMIT: Duration = Duration::from_secs(3);

/// skopeo pushes and pulls an image, and a stranger's does not.
pub(crate) fn show(actors: &Actors, tally: &mut Tally) -> Result<()> {
    let skopeo = |client| Skopeo::new(&actors.network, client, actors.registry.certificate());
    let mut table = screen::table(&["who", "what", "expected", "got", ""]);
    let mut row = |who: &str, what: &str, may: bool, ran: &Ran| {
        let got = match (ran.success(), ran.status) {
            (true, _) => format!("done in {}", screen::ms(ran.took)),
            (false, None) => format!("no answer in {}", screen::ms(DENIED_LIMIT)),
            (false, Some(_)) => ran.stderr.lines().last().unwrap_or("failed").to_owned(),
        };
        let expected = if may { "done" } else { "no answer" };
        let right = ran.success() == may;
        table.add_row([who, what, expected, &got, tally.row(&format!("{who}: {what}"), right)]);
    };
    let pushed = skopeo(&actors.office).push(&actors.small, "app:v1", LIMIT)?;
    row("office", "skopeo push, 1 MB", true, &pushed);
    let pullers: [(&str, &Client, bool); 3] =
        [("lab", &actors.lab, true), ("app in VXLAN 5001", &actors.app, true), ("stranger", &actors.stranger, false)];
    for (who, client, may) in pullers {
        let pulled = skopeo(client).pull("app:v1", if may { LIMIT } else { DENIED_LIMIT })?;
        row(who, "skopeo pull, 1 MB", may, &pulled);
    }
    screen::show(&table.to_string());
    Ok(())
}
