//! The picture: what a denied SYN costs over the parse floor, by number of prefixes.

use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use plotters::prelude::*;

use crate::aim::Aim;
use crate::filter::Filter;
use crate::results::Results;
use crate::shape::Shape;

const SIZE: (u32, u32) = (1080, 520);
const PREFIXES: [usize; 5] = [1, 100, 10_000, 100_000, 1_000_000];
/// The marks of the axis; ratios beyond are off the picture.
const HIGHEST: f64 = 40.0;
const LOWEST: f64 = 0.8;

/// Colours that people with colour blindness tell apart (Okabe and Ito).
const BLUE: RGBColor = RGBColor(0, 114, 178);
const SKY: RGBColor = RGBColor(86, 180, 233);
const GREEN: RGBColor = RGBColor(0, 158, 115);
const ORANGE: RGBColor = RGBColor(230, 159, 0);
const VERMILION: RGBColor = RGBColor(213, 94, 0);
const PURPLE: RGBColor = RGBColor(204, 121, 167);

const SERIES: [(&str, Filter, Shape, RGBColor); 6] = [
    ("registry-guard, IPv4", Filter::Guard, Shape::V4, BLUE),
    ("registry-guard, IPv6", Filter::Guard, Shape::V6, SKY),
    ("registry-guard, IPv4 in VXLAN", Filter::Guard, Shape::Vxlan, GREEN),
    ("xdp-filter (single addresses)", Filter::XdpTools, Shape::V4, ORANGE),
    ("nftables, ingress hook", Filter::Nftables, Shape::V4, VERMILION),
    ("iptables raw with ipset", Filter::Iptables, Shape::V4, PURPLE),
];

/// Draws it.
pub(crate) fn draw(path: &Path, results: &Results) -> Result<()> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let root = root
        .titled("CPU time of the receiver for each denied SYN, over a program that only parses", ("sans-serif", 22))?;
    let panels = root.split_evenly((1, 2));
    for (panel, (aim, title)) in
        panels.iter().zip([(Aim::Uniform, "random sources"), (Aim::Near, "sources close to rules")])
    {
        let mut chart = ChartBuilder::on(panel)
            .caption(title, ("sans-serif", 18))
            .margin(12)
            .margin_right(38)
            .x_label_area_size(48)
            .y_label_area_size(56)
            .build_cartesian_2d((0.8_f64..1_300_000.0).log_scale(), (LOWEST..HIGHEST).log_scale())?;
        chart
            .configure_mesh()
            .x_desc("prefixes")
            .y_desc("times the parse floor (1)")
            .x_label_formatter(&|prefixes| grouped(*prefixes))
            .y_label_formatter(&|ratio| format!("{ratio:.0}"))
            .label_style(("sans-serif", 15))
            .x_labels(7)
            .light_line_style(RGBColor(240, 240, 240))
            .bold_line_style(RGBColor(210, 210, 210))
            .draw()?;
        for (name, filter, shape, colour) in SERIES {
            let points = points(results, filter, shape, aim);
            if points.is_empty() {
                continue;
            }
            chart
                .draw_series(LineSeries::new(points.clone(), colour.stroke_width(2)))?
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(3)));
            chart.draw_series(points.into_iter().map(|point| Circle::new(point, 4, colour.filled())))?;
        }
        if aim == Aim::Uniform {
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::UpperLeft)
                .background_style(WHITE.mix(0.85))
                .border_style(RGBColor(180, 180, 180))
                .label_font(("sans-serif", 15))
                .draw()?;
        }
    }
    root.present().map_err(|error| anyhow!("{error}")).with_context(|| format!("writing {}", path.display()))
}

fn points(results: &Results, filter: Filter, shape: Shape, aim: Aim) -> Vec<(f64, f64)> {
    let point = |prefixes: usize| {
        let ratio = results.ratio(filter, prefixes, shape, aim)?.spread()?.median;
        Some((f64::from(u32::try_from(prefixes).ok()?), ratio))
    };
    PREFIXES.into_iter().filter_map(point).collect()
}

fn grouped(prefixes: f64) -> String {
    let digits = format!("{prefixes:.0}");
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(",")
}
