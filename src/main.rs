//! The program `farm`: all that it does is in the library of that name.

fn main() -> std::process::ExitCode {
    #[cfg(target_os = "linux")]
    if let Some(code) = farm::engine::run_helper() {
        return code;
    }
    farm::cli::main()
}
