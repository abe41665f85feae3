fn main() {
    match std::env::args().nth(2).as_deref() {
        Some("man") => println!(".TH RG 1\n.SH NAME\nrg \\- searches folders for a pattern"),
        Some(shell) => println!("# {shell}"),
        None => println!("ripgrep {}", env!("CARGO_PKG_VERSION")),
    }
}
