//! What charts look like on light, on dark and on paper, and text made harmless for markup.

use crate::report::escape;

/// By line: its colour on light, then on dark. Okabe and Ito's, the light ones darker and grey for black.
const COLORS: [(&str, &str); 8] = [
    ("#0072b2", "#58a6e0"),
    ("#d55e00", "#ff8a4c"),
    ("#009e73", "#36c79a"),
    ("#b8558f", "#e39ac6"),
    ("#b57c00", "#f2b33d"),
    ("#3a9bd8", "#9bdcff"),
    ("#5f6670", "#c3cad3"),
    ("#8f8300", "#e6dd5a"),
];

const DASHES: [&str; 8] = ["", "8 3", "2 2.5", "9 3 2 3", "14 4", "4 2", "9 3 2 3 2 3", "1 4"];

/// What everything but the lines looks like. Programs that know no custom properties take the values before them.
const STYLE: &str = "\
.chart text{font-family:system-ui,-apple-system,\"Segoe UI\",sans-serif;font-size:12px;fill:#1f2328;fill:var(--ink)}
.chart .heading{font-size:15px;font-weight:600}
.chart .faint{fill:#57606a;fill:var(--faint)}
.chart .ticks{font-variant-numeric:tabular-nums}
.chart .paper{fill:#fff;fill:var(--paper)}
.chart .grid{stroke:#e3e6ea;stroke:var(--grid);stroke-width:1}
.chart .axis{stroke:#8c959f;stroke:var(--axis);stroke-width:1}
.chart polyline,.chart .sample{fill:none;stroke-width:1.8;stroke-linejoin:round}
.chart .band{stroke:none;fill-opacity:.16}
.chart .bars{fill:none;stroke-width:1.2;stroke-opacity:.75}
.chart .mark{stroke:#fff;stroke:var(--paper)}
.chart .ring{fill:none;stroke-width:1.6}
.chart .line-front{stroke:#1f2328;stroke:var(--ink)}
.chart .fill-front{fill:#1f2328;fill:var(--ink)}
.chart .leader{stroke-width:1;stroke-dasharray:none}
.chart .letter{font-weight:700;font-size:13px;text-anchor:middle;paint-order:stroke;stroke:#fff;\
stroke:var(--paper);stroke-width:4px;stroke-linejoin:round}
";

/// The colours of paper, text and lines, for `:root`: those of the page that a chart is in are the same.
pub(super) fn style() -> String {
    let lines = |pick: fn(&(&'static str, &'static str)) -> &'static str| -> String {
        COLORS.iter().enumerate().map(|(line, pair)| format!("--line{line}:{};", pick(pair))).collect()
    };
    let light = format!(
        ":root{{--paper:#fff;--ink:#1f2328;--faint:#57606a;--grid:#e3e6ea;--axis:#8c959f;{}}}",
        lines(|pair| pair.0)
    );
    let dark = format!(
        ":root{{--paper:#0f1318;--ink:#e6eaef;--faint:#9aa4af;--grid:#262c33;--axis:#6b7580;{}}}",
        lines(|pair| pair.1)
    );
    let colors: String = COLORS
        .iter()
        .enumerate()
        .map(|(line, (light, _))| {
            format!(
                ".chart .line{line}{{stroke:{light};stroke:var(--line{line})}}\n\
                 .chart .fill{line}{{fill:{light};fill:var(--line{line})}}\n"
            )
        })
        .collect();
    format!("{light}\n@media (prefers-color-scheme:dark){{{dark}}}\n@media print{{{light}}}\n{STYLE}{colors}")
}

/// Text for SVG and HTML: control characters spelled out, markup and what XML knows no way to hold as well.
pub(super) fn xml(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in escape(text).chars() {
        match character {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '\'' => safe += "&#39;",
            '\u{fffe}' | '\u{ffff}' => safe.extend(character.escape_unicode()),
            character => safe.push(character),
        }
    }
    safe
}

/// The class that gives a line, or what is filled, its colour.
pub(super) fn color(kind: &str, line: usize) -> String {
    format!("{kind}{}", line % COLORS.len())
}

/// The pattern of a line: those of the same colour differ in it.
pub(super) fn dash(line: usize) -> String {
    match DASHES[(line + line / COLORS.len()) % DASHES.len()] {
        "" => String::new(),
        dash => format!(" stroke-dasharray=\"{dash}\""),
    }
}
