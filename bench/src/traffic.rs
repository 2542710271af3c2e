//! What an allowed client notices: connections per second, and how fast a layer comes.

mod server;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use socket2::SockRef;
use tests::net::Network;

use self::server::{CLOSE, LAYER, SEND, Server};
use crate::case::{Case, Cases};
use crate::cpu;
use crate::figure::Figures;
use crate::filter::{Filter, Link};
use crate::options::Options;
use crate::shape::Shape;

/// How long connections are opened for one figure.
const LONG_ENOUGH: Duration = Duration::from_millis(600);

/// An allowed client behind one filter.
pub(crate) struct Row {
    pub(crate) case: Case,
    /// Connections per second.
    pub(crate) connections: Figures,
    /// The same over those without a guard in the same round.
    pub(crate) connections_ratio: Figures,
    /// Megabytes per second.
    pub(crate) pull: Figures,
    /// The same over those without a guard in the same round.
    pub(crate) pull_ratio: Figures,
}

/// Measures every filter in turn, twice as many rounds as elsewhere, since what is compared differs by little; each round begins
/// with another one.
pub(crate) fn measure(cases: &mut Cases, options: &Options) -> Result<Vec<Row>> {
    let sizes = options.sizes().into_iter().filter(|size| matches!(size, 100 | 1_000_000));
    let guards = sizes.map(|size| cases.case(Filter::Guard, size, Shape::V4)).collect::<Result<Vec<Case>>>()?;
    for case in &guards {
        case.link.guard()?.allow(Link::CLIENT)?;
    }
    let mut cases_in_turn = vec![cases.case(Filter::None, 0, Shape::V4)?, cases.case(Filter::Pass, 0, Shape::V4)?];
    cases_in_turn.extend(guards);
    let _servers: Vec<Server> =
        cases_in_turn.iter().map(|case| Server::start(case.link.host())).collect::<Result<_>>()?;
    let row = |case| Row {
        case,
        connections: Figures::new(),
        connections_ratio: Figures::new(),
        pull: Figures::new(),
        pull_ratio: Figures::new(),
    };
    let mut rows: Vec<Row> = cases_in_turn.into_iter().map(row).collect();
    let count = rows.len();
    for round in 0..options.rounds() * 2 {
        eprintln!("traffic: round {} of {}", round + 1, options.rounds() * 2);
        let mut figures = vec![(0.0, 0.0); count];
        for turn in 0..count {
            let place = (round + turn) % count;
            figures[place] = (connections(&rows[place].case)?, pull(&rows[place].case)?);
        }
        let (connections, pull) = figures[0];
        for (row, own) in rows.iter_mut().zip(figures) {
            row.connections.push(own.0);
            row.connections_ratio.push(own.0 / connections);
            row.pull.push(own.1);
            row.pull_ratio.push(own.1 / pull);
        }
    }
    Ok(rows)
}

/// Connections per second, one after the other: opened, asked, answered, closed.
fn connections(case: &Case) -> Result<f64> {
    at_client(case, || {
        let begun = Instant::now();
        let mut count = 0_u32;
        while begun.elapsed() < LONG_ENOUGH {
            let mut connection = ask(CLOSE)?;
            connection.read_exact(&mut [0])?;
            // A reset leaves nothing behind at either end.
            SockRef::from(&connection).set_linger(Some(Duration::ZERO))?;
            count += 1;
        }
        Ok(f64::from(count) / begun.elapsed().as_secs_f64())
    })
}

/// Megabytes per second of one layer.
fn pull(case: &Case) -> Result<f64> {
    at_client(case, || {
        let mut connection = ask(SEND)?;
        let begun = Instant::now();
        let mut buffer = vec![0; 1 << 18];
        let mut received = 0;
        loop {
            match connection.read(&mut buffer)? {
                0 => break,
                some => received += some,
            }
        }
        ensure!(received == LAYER, "{received} bytes came of {LAYER}");
        Ok(f64::from(u32::try_from(LAYER)?) / 1e6 / begun.elapsed().as_secs_f64())
    })
}

fn at_client<R: Send>(case: &Case, work: impl FnOnce() -> Result<R> + Send) -> Result<R> {
    let ran = case.link.client().namespace().within(|| cpu::stay_on(cpu::SENDER).and_then(|()| work()))?;
    ran.with_context(|| format!("behind {}", case.filter.name()))
}

/// Opens a connection and says what is wanted.
fn ask(what: u8) -> Result<TcpStream> {
    let registry = SocketAddr::from((Network::REGISTRY_V4, 443));
    let mut connection = TcpStream::connect_timeout(&registry, Duration::from_secs(5)).context("connecting")?;
    connection.set_read_timeout(Some(Duration::from_secs(10)))?;
    connection.write_all(&[what])?;
    Ok(connection)
}
