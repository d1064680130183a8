//! The report's colours, for light and for dark: text that can be read, curves that can be told apart.
//!
//! The series were searched for, from Okabe and Ito's, so that every two of them lie far apart for the usual eye and for the
//! three kinds of colour blindness, and none too near to the page; the tests say how far. Where there are more curves than
//! colours, dashes tell those of one colour apart.

/// Colours of curves before they repeat.
pub(super) const SERIES: usize = 8;

/// One scheme; each colour as `#rrggbb`.
#[derive(Debug)]
struct Scheme {
    page: &'static str,
    /// Behind what stands out.
    card: &'static str,
    ink: &'static str,
    /// For what may be read later.
    muted: &'static str,
    line: &'static str,
    better: &'static str,
    worse: &'static str,
    series: [&'static str; SERIES],
}

const LIGHT: Scheme = Scheme {
    page: "#ffffff",
    card: "#f1f4f7",
    ink: "#1b1f24",
    muted: "#545d68",
    line: "#d5dae0",
    better: "#0b6b3a",
    worse: "#a32d05",
    series: ["#5b6470", "#1746c6", "#a32d05", "#3b8e5b", "#ab66b7", "#809f00", "#3a8aff", "#1d1d1d"],
};

const DARK: Scheme = Scheme {
    page: "#161a1f",
    card: "#222830",
    ink: "#e8ebee",
    muted: "#aab4bf",
    line: "#3a424c",
    better: "#5fd38d",
    worse: "#ff9a76",
    series: ["#a9b4c0", "#a4e0ff", "#ef5d25", "#64987c", "#b876d1", "#dde04d", "#4263ec", "#fffff2"],
};

/// The curves' colours on white as red, green and blue, for pictures that are not part of a page.
pub(crate) fn light_series() -> [(u8, u8, u8); SERIES] {
    let part = |colour: &str, at: usize| u8::from_str_radix(&colour[at..at + 2], 16).unwrap_or(0);
    LIGHT.series.map(|colour| (part(colour, 1), part(colour, 3), part(colour, 5)))
}

impl Scheme {
    fn variables(&self) -> String {
        let named = [
            ("page", self.page),
            ("card", self.card),
            ("ink", self.ink),
            ("muted", self.muted),
            ("line", self.line),
            ("better", self.better),
            ("worse", self.worse),
        ];
        let named = named.iter().map(|(name, colour)| format!("--{name}: {colour};"));
        let series = self.series.iter().enumerate().map(|(index, colour)| format!("--series-{index}: {colour};"));
        named.chain(series).collect::<Vec<_>>().join(" ")
    }
}

/// The colours as variables of a style sheet. Paper is light.
pub(super) fn style() -> String {
    let (light, dark) = (LIGHT.variables(), DARK.variables());
    format!(
        ":root {{ {light} }}\n@media screen and (prefers-color-scheme: dark) {{ :root:not(.printing) {{ {dark} }} }}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Linear red, green and blue of `#rrggbb`, each in [0, 1].
    fn linear(colour: &str) -> [f64; 3] {
        [1, 3, 5].map(|at| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        })
    }

    /// The contrast ratio of WCAG 2: 1 for equals, 21 for black and white.
    fn contrast(one: &str, other: &str) -> f64 {
        let luminance = |colour| {
            let [red, green, blue] = linear(colour);
            0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05
        };
        let (one, other) = (luminance(one), luminance(other));
        one.max(other) / one.min(other)
    }

    type Matrix = [[f64; 3]; 3];

    fn times(matrix: &Matrix, vector: [f64; 3]) -> [f64; 3] {
        [0, 1, 2].map(|row| (0..3).map(|column| matrix[row][column] * vector[column]).sum())
    }

    /// Linear colours as they look to eyes without one kind of cone (Machado, Oliveira and Fernandes 2009, severity 1), and
    /// to the usual eye.
    const EYES: [Matrix; 4] = [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    ];

    /// Ottosson's Oklab, in which equal distances look about equal; white is 1 from black.
    fn oklab(colour: &str, eye: &Matrix) -> [f64; 3] {
        let cones = [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ];
        let lab = [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ];
        times(&lab, times(&cones, times(eye, linear(colour))).map(|cone| cone.max(0.0).cbrt()))
    }

    #[test]
    fn text_has_contrast() {
        for scheme in [LIGHT, DARK] {
            for text in [scheme.ink, scheme.muted, scheme.better, scheme.worse] {
                for ground in [scheme.page, scheme.card] {
                    let contrast = contrast(text, ground);
                    assert!(contrast >= 4.5, "{text} on {ground}: {contrast:.2}");
                }
            }
        }
    }

    #[test]
    fn curves_stand_out_and_can_be_told_apart() {
        for scheme in [LIGHT, DARK] {
            for (index, colour) in scheme.series.iter().enumerate() {
                // What WCAG 2 asks of graphics.
                let contrast = contrast(colour, scheme.page);
                assert!(contrast >= 3.0, "{colour}: {contrast:.2}");
                for other in &scheme.series[..index] {
                    for eye in &EYES {
                        let (one, two) = (oklab(colour, eye), oklab(other, eye));
                        let distance = (0..3).map(|at| (one[at] - two[at]).powi(2)).sum::<f64>().sqrt();
                        // About five times what is just seen between large patches: thin curves need more.
                        assert!(distance >= 0.1, "{colour} and {other}: {distance:.3}");
                    }
                }
            }
        }
    }
}
