//! Time of the programs alone (`BPF_PROG_TEST_RUN`), on packets whose source changes each time.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use aya::Ebpf;
use aya::maps::{MapData, ProgramArray};
use aya::programs::{TestRun as _, TestRunOptions, Xdp, loaded_programs};
use aya_obj::programs::XdpAttachType;

use crate::aim::Aim;
use crate::case::{Case, Cases};
use crate::cpu;
use crate::figure::{Figures, nanoseconds_of_each};
use crate::filter::{Filter, Program};
use crate::object;
use crate::options::Options;
use crate::shape::{Shape, What};
use crate::source_map::Values;

/// How long one figure is measured, about.
const LONG_ENOUGH: Duration = Duration::from_millis(40);
/// Runs that are timed to know how many are long enough.
const TRIAL: u32 = 50_000;

/// `enum xdp_action` of the kernel's interface to user space.
const XDP_DROP: u32 = 1;
const XDP_PASS: u32 = 2;

/// The guard with so many prefixes, judging SYNs from one kind of sources.
pub(crate) struct Judged {
    pub(crate) case: Case,
    pub(crate) aim: Aim,
    /// Nanoseconds beyond those of a program that does nothing.
    pub(crate) cost: Figures,
    /// The same of the parse floor, measured right before.
    pub(crate) floor: Figures,
}

/// The guard with so many prefixes, and packets that are none of its business.
pub(crate) struct NotGuarded {
    pub(crate) case: Case,
    pub(crate) what: What,
    /// Nanoseconds, those of the kernel's own loop among them.
    pub(crate) cost: Figures,
    /// The same of the parse floor, measured right before.
    pub(crate) floor: Figures,
    /// The same of a program that only passes, measured right before.
    pub(crate) pass: Figures,
    /// The guard's over those of the floor.
    pub(crate) ratio: Figures,
}

/// SYNs to the registry, denied and allowed, by program time.
pub(crate) fn measure_judged(cases: &mut Cases, options: &Options) -> Result<Vec<Judged>> {
    let mut rows = Vec::new();
    for case in guards(cases, options, &options.shapes())? {
        rows.extend([Aim::Fixed, Aim::Uniform, Aim::Near, Aim::Allowed].map(|aim| Judged {
            case: case.clone(),
            aim,
            cost: Figures::new(),
            floor: Figures::new(),
        }));
    }
    let mut turner = Turner::load()?;
    for round in 1..=options.rounds() {
        eprintln!("program time of SYNs: round {round} of {}", options.rounds());
        for row in &mut rows {
            let shape = row.case.shape;
            let frame = shape.frame(What::Syn);
            turner.aim(&cases.sources.values(shape, row.case.prefixes, row.aim))?;
            let guard = loaded(row.case.link.program_id()?)?;
            let expected = if row.aim == Aim::Allowed { XDP_PASS } else { XDP_DROP };
            let nothing = turner.time(shape, &turner.own("drop_all")?, &frame, XDP_DROP)?;
            let floor = turner.time(shape, &turner.own(Program::floor(shape))?, &frame, XDP_DROP)?;
            let own = turner.time(shape, &guard, &frame, expected)?;
            row.cost.push(own - nothing);
            row.floor.push(floor - nothing);
        }
    }
    Ok(rows)
}

/// Packets that are not guarded, by program time.
pub(crate) fn measure_not_guarded(cases: &mut Cases, options: &Options) -> Result<Vec<NotGuarded>> {
    let mut shapes = options.shapes();
    shapes.retain(|shape| *shape != Shape::Vxlan);
    let mut rows = Vec::new();
    for case in guards(cases, options, &shapes)? {
        rows.extend(What::NOT_GUARDED.map(|what| NotGuarded {
            case: case.clone(),
            what,
            cost: Figures::new(),
            floor: Figures::new(),
            pass: Figures::new(),
            ratio: Figures::new(),
        }));
    }
    let turner = Turner::load()?;
    for round in 1..=options.rounds() {
        eprintln!("program time of what is not guarded: round {round} of {}", options.rounds());
        for row in &mut rows {
            let frame = row.case.shape.frame(row.what);
            let pass = time(&turner.own("pass_all")?, &frame, XDP_PASS)?;
            let floor = time(&turner.own(Program::floor(row.case.shape))?, &frame, XDP_PASS)?;
            let own = time(&loaded(row.case.link.program_id()?)?, &frame, XDP_PASS)?;
            row.cost.push(own);
            row.floor.push(floor);
            row.pass.push(pass);
            row.ratio.push(own / floor);
        }
    }
    Ok(rows)
}

fn guards(cases: &mut Cases, options: &Options, shapes: &[Shape]) -> Result<Vec<Case>> {
    let sizes = options.sizes();
    let places = shapes.iter().flat_map(|shape| sizes.iter().map(move |size| (*shape, *size)));
    places.map(|(shape, size)| cases.case(Filter::Guard, size, shape)).collect()
}

/// The loaded program with this number.
fn loaded(id: u32) -> Result<Xdp> {
    let info = loaded_programs().flatten().find(|info| info.id() == id);
    Ok(Xdp::from_program_info(info.with_context(|| format!("no program {id}"))?, "".into(), XdpAttachType::Interface)?)
}

/// Nanoseconds of CPU time that a program takes for a packet, all of which are to be judged as `expected`; the last one is
/// looked at.
fn time(program: &Xdp, frame: &[u8], expected: u32) -> Result<f64> {
    let run = |repeat: u32| -> Result<Duration> {
        let begun = cpu::time_of_this_thread()?;
        let ran = program.test_run(TestRunOptions { data_in: Some(frame), repeat, ..TestRunOptions::default() })?;
        let took = cpu::time_of_this_thread()?.saturating_sub(begun);
        ensure!(ran.return_value == expected, "the verdict is {}, not {expected}", ran.return_value);
        Ok(took)
    };
    cpu::on(cpu::RECEIVER, || {
        let one = run(TRIAL)? / TRIAL;
        let repeat = u32::try_from(LONG_ENOUGH.as_nanos() / one.as_nanos().max(1))?;
        Ok(nanoseconds_of_each(run(repeat)?, repeat.into()))
    })?
}

/// Gives each packet another source before a program judges it.
struct Turner {
    ebpf: Ebpf,
    under_test: ProgramArray<MapData>,
}

impl Turner {
    fn load() -> Result<Self> {
        let own = ["pass_all", "drop_all", "floor_v4", "floor_v6", "floor_vxlan"];
        let mut ebpf = object::load(&[&["turn_v4", "turn_v6", "turn_vxlan"], &own[..]].concat())?;
        let under_test = ProgramArray::try_from(ebpf.take_map("UNDER_TEST").context("no map of programs")?)?;
        Ok(Self { ebpf, under_test })
    }

    /// One of the programs that measure.
    fn own(&self, name: &str) -> Result<Xdp> {
        let program: &Xdp = self.ebpf.program(name).with_context(|| format!("no program `{name}`"))?.try_into()?;
        loaded(program.info()?.id())
    }

    fn aim(&self, sources: &Values) -> Result<()> {
        sources.fill(&self.ebpf)
    }

    /// Nanoseconds of CPU time for each packet, turning included.
    fn time(&mut self, shape: Shape, program: &Xdp, frame: &[u8], expected: u32) -> Result<f64> {
        self.under_test.set(0, program.fd()?, 0)?;
        let turn = match shape {
            Shape::V4 => "turn_v4",
            Shape::V6 => "turn_v6",
            Shape::Vxlan => "turn_vxlan",
        };
        time(object::program(&mut self.ebpf, turn)?, frame, expected)
    }
}
