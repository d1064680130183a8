//! The arguments of `reweight completions`.

use clap::Args;
use clap_complete::Shell;

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  reweight completions bash > ~/.local/share/bash-completion/completions/reweight
  reweight completions zsh > ~/.zfunc/_reweight
      with ~/.zfunc in fpath before compinit is called
  reweight completions fish > ~/.config/fish/completions/reweight.fish
  reweight completions powershell >> $PROFILE";

/// Arguments of `reweight completions`.
#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub struct CompletionsArguments {
    /// The shell.
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: Shell,
}
