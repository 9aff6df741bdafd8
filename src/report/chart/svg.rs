//! Charts as SVG: text stays text, and light, dark and paper are told apart by style alone.

use super::{
    Chart, Kind, Point,
    data::Data,
    plot::Plot,
    style::{style, xml},
    text::{fit, wrap},
};
use crate::report::escape;

pub(super) const WIDTH: f64 = 760.0;
/// A character of text; a little more than most are wide.
pub(super) const CHARACTER: f64 = 6.9;
/// From one line of text to the next.
pub(super) const LINE: f64 = 18.0;
/// Between charts of one file.
const GAP: f64 = 14.0;

/// The charts below each other, as a file of SVG that needs nothing else.
#[must_use]
pub fn svg(charts: &[&Chart]) -> String {
    if let [chart] = charts {
        return chart.svg();
    }
    let (mut body, mut height) = (String::new(), 0.0);
    for chart in charts {
        if height > 0.0 {
            height += GAP;
        }
        let panel = chart.panel(true);
        body += &format!(
            "<g role=\"img\" transform=\"translate(0 {})\">\n{}</g>\n",
            short(height),
            panel.told(chart)
        );
        height += panel.height;
    }
    let titles: Vec<&str> = charts.iter().map(|chart| chart.title.as_str()).collect();
    let title = xml(&titles.join("; "));
    root("group", height, &format!("<title>{title}</title>\n<style>\n{}</style>\n", style()), &body)
}

impl Chart {
    /// A file of SVG that needs nothing else.
    #[must_use]
    pub fn svg(&self) -> String {
        self.drawing(true)
    }

    /// The `svg` element; `alone`, it carries its style and its title and can be a file.
    pub(super) fn drawing(&self, alone: bool) -> String {
        let panel = self.panel(alone);
        let style = if alone { format!("<style>\n{}</style>\n", style()) } else { String::new() };
        let about = panel.about(self);
        root("img", panel.height, &(about + &style), &panel.body)
    }

    /// What is drawn, with the title and the notes if it is `alone`.
    fn panel(&self, alone: bool) -> Panel {
        let data = self.data();
        let mut canvas = Canvas { body: String::new(), y: 8.0 };
        if alone && !self.title.is_empty() {
            let title = fit(&escape(&self.title), ((WIDTH - 32.0) / (1.25 * CHARACTER)) as usize);
            canvas.y += 24.0;
            canvas.text("heading", (16.0, canvas.y - 6.0), &title);
        }
        match data.ranges {
            Some(ranges) => Plot::new(self, &data, ranges).draw(&mut canvas),
            None => {
                canvas.y += LINE;
                canvas.text("faint", (16.0, canvas.y - 4.0), "There are no points to draw.");
            }
        }
        if alone {
            let room = ((WIDTH - 32.0) / CHARACTER) as usize;
            for note in self.notes(&data).iter().flat_map(|note| wrap(note, room)) {
                canvas.y += LINE;
                canvas.text("faint", (16.0, canvas.y - 4.0), &note);
            }
        }
        Panel { height: canvas.y + 10.0, body: canvas.body, description: self.description(&data) }
    }

    /// The chart in a sentence or two, for those who do not see it.
    fn description(&self, data: &Data) -> String {
        let Some((x, y)) = data.ranges else { return "There are no points to draw.".to_owned() };
        let or =
            |label: &str, other: &str| if label.is_empty() { other.to_owned() } else { label.to_owned() };
        let names: Vec<_> = self.series.iter().map(|series| series.name.as_str()).collect();
        let are_lines = self.series.iter().all(|series| matches!(series.kind, Kind::Line | Kind::Band(_)));
        let lines = match (are_lines, names.len()) {
            (true, 1) => "line",
            (true, _) => "lines",
            (false, _) => "series",
        };
        format!(
            "A chart of {} by {}, with {} {lines}: {}. {} goes from {} to {}, {} from {} to {}.",
            or(&self.y_label, "y"),
            or(&self.x_title(), "x"),
            names.len(),
            names.join(", "),
            or(&self.x_label, "x"),
            self.x_unit.value(x.0),
            self.x_unit.value(x.1),
            or(&self.y_label, "y"),
            self.y_unit.value(y.0),
            self.y_unit.value(y.1)
        )
    }
}

/// A drawn chart.
struct Panel {
    body: String,
    height: f64,
    description: String,
}

impl Panel {
    /// What the chart is, for those who do not see it.
    fn about(&self, chart: &Chart) -> String {
        format!("<title>{}</title>\n<desc>{}</desc>\n", xml(&chart.title), xml(&self.description))
    }

    /// The drawing after what it is.
    fn told(&self, chart: &Chart) -> String {
        self.about(chart) + &self.body
    }
}

fn root(role: &str, height: f64, head: &str, body: &str) -> String {
    let height = short(height);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" role=\"{role}\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" style=\"max-width:100%;height:auto\">\n{head}\
         <rect class=\"paper\" fill=\"#fff\" width=\"{WIDTH}\" height=\"{height}\"/>\n{body}</svg>\n"
    )
}

/// What has been drawn, and how far down it reaches.
pub(super) struct Canvas {
    pub(super) body: String,
    pub(super) y: f64,
}

impl Canvas {
    pub(super) fn text(&mut self, class: &str, (x, y): Point, text: &str) {
        self.body +=
            &format!("<text class=\"{class}\" x=\"{}\" y=\"{}\">{}</text>\n", short(x), short(y), xml(text));
    }

    pub(super) fn anchored(&mut self, anchor: &str, at: Point, text: &str) {
        let (x, y) = (short(at.0), short(at.1));
        self.body += &format!(
            "<text class=\"faint ticks\" text-anchor=\"{anchor}\" x=\"{x}\" y=\"{y}\">{}</text>\n",
            xml(text)
        );
    }

    pub(super) fn line(&mut self, class: &str, from: Point, to: Point) {
        let (x1, y1, x2, y2) = (short(from.0), short(from.1), short(to.0), short(to.1));
        self.body += &format!("<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>\n");
    }

    /// A path, if there is anything in it, with the name that shows when it is pointed at.
    pub(super) fn path(&mut self, class: &str, name: Option<&str>, d: &str) {
        let name = name.map(|name| format!("<title>{}</title>", xml(name))).unwrap_or_default();
        if !d.is_empty() {
            self.body += &format!("<path class=\"{class}\" d=\"{d}\">{name}</path>\n");
        }
    }
}

/// A number with at most one decimal: a tenth of a pixel is as fine as shows.
pub(super) fn short(number: f64) -> String {
    let text = format!("{number:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}
