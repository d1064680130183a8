//! The form of configs: the JSON schema, and how each config is written.

use reweight::LossConfig;

#[test]
fn schema() {
    let schema = LossConfig::schema();
    insta::assert_json_snapshot!(schema);
}

const CONFIGS: [(&str, &str); 6] = [
    ("plain", "objective = \"bce\""),
    (
        "alpha_focal",
        "objective = \"bce\"\nreduction = \"positives\"\n[[weighter]]\nkind = \"alpha-balance\"\nalpha = 0.25\n[[weighter]]\nkind = \"focal\"\ngamma = 2.0",
    ),
    (
        "two_gammas",
        "objective = \"bce\"\nreduction = \"none\"\n[[weighter]]\nkind = \"focal\"\ngamma_pos = 0.0\ngamma_neg = 4.0",
    ),
    (
        "class_balance",
        "objective = \"softmax-ce\"\nignore_index = -100\nlabel_smoothing = 0.1\n[[weighter]]\nkind = \"alpha-balance\"\ncounts = [900, 90, 9]\nscheme = \"effective-number\"\nbeta = 0.999",
    ),
    (
        "ghm",
        "objective = \"bce\"\nreduction = \"weighted-mean\"\n[[weighter]]\nkind = \"ghm\"\nbins = 30\nmomentum = 0.75\npreset = \"corrected\"\ncap = 10.0\nmean_one = true",
    ),
    (
        "modifiers",
        "objective = \"softmax-ce\"\nreduction = { divisor = 128.0 }\n[[weighter]]\nkind = \"focal\"\ndetached = true\nscale = 2.0\nclamp = [0.1, 1.5]\ngammas = [0.5, 1.0]",
    ),
];

#[test]
fn written_as_toml_and_json() {
    for (name, text) in CONFIGS {
        let config = LossConfig::from_toml(text).expect("right");
        let (toml, json) = (config.to_toml().expect("written"), config.to_json().expect("written"));
        assert_eq!(LossConfig::from_toml(&toml).expect("read back"), config, "{name}");
        assert_eq!(LossConfig::from_json(&json).expect("read back"), config, "{name}");
        let text = format!("{toml}\n---\n{json}\n");
        insta::assert_snapshot!(name, text);
    }
}
