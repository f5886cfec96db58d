//! The report as a table and as JSON.

use std::fmt::Write;

use super::corten::{Report, Row};
use super::figures::VMX_SHARE;

/// The report for people.
pub(super) fn table(report: &Report) -> String {
    let mut text = String::new();
    push(
        &mut text,
        format_args!(
            "{:<36}{:>12}{:>12}{:>12}{:>16}{:>10}  {}\n",
            "", "AMD-V", "VT-x", "bare", "best peer", "goal", "unit"
        ),
    );
    for row in &report.rows {
        let figure = &row.figure;
        let peer = figure.peer.map_or("-".into(), |(value, who)| format!("{} {who}", number(value)));
        let goal = figure.goal.map_or("-".into(), number);
        push(
            &mut text,
            format_args!(
                "{:<36}{:>12}{:>12}{:>12}{:>16}{:>10}  {}{}{}\n",
                figure.name,
                shown(row.svm),
                shown(row.vmx),
                shown(row.bare),
                peer,
                goal,
                figure.unit,
                verdict("AMD-V", figure.goal, row.svm),
                verdict("VT-x", figure.goal.map(|goal| goal * VMX_SHARE), row.vmx)
            ),
        );
    }
    for (guest, exits) in report.exits.iter().filter(|(_, exits)| !exits.is_empty()) {
        push(&mut text, format_args!("\nExits of {guest} by reason:\n"));
        for (reason, count) in exits {
            push(&mut text, format_args!("  {reason:<16}{count:>12}\n"));
        }
    }
    text
}

/// The report for programs.
pub(super) fn json(report: &Report) -> String {
    let rows: Vec<String> = report.rows.iter().map(object).collect();
    let guests: Vec<String> = report
        .exits
        .iter()
        .map(|(guest, exits)| {
            let counts: Vec<String> =
                exits.iter().map(|(reason, count)| format!("\"{reason}\":{count}")).collect();
            format!("\"{guest}\":{{{}}}", counts.join(","))
        })
        .collect();
    format!("{{\"figures\":[\n{}\n],\"exits\":{{{}}}}}", rows.join(",\n"), guests.join(","))
}

fn object(row: &Row) -> String {
    let value = |value: Option<f64>| value.map_or("null".into(), |value| format!("{value}"));
    let figure = &row.figure;
    format!(
        "{{\"name\":\"{}\",\"unit\":\"{}\",\"corten\":{},\"vmx\":{},\"bare\":{},\"peer\":{},\"goal\":{}}}",
        figure.name,
        figure.unit,
        value(row.svm),
        value(row.vmx),
        value(row.bare),
        value(figure.peer.map(|(value, _)| value)),
        value(figure.goal)
    )
}

/// Says so where a goal is missed.
fn verdict(who: &str, goal: Option<f64>, ours: Option<f64>) -> String {
    match (goal, ours) {
        (Some(goal), Some(ours)) if ours > goal => format!("  {who} MISSED by {}", number(ours - goal)),
        _ => String::new(),
    }
}

fn shown(value: Option<f64>) -> String {
    value.map_or("-".into(), number)
}

/// A number with as many digits as it needs.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 || value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = text.write_fmt(arguments);
}
