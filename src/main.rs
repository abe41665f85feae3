fn main() -> std::process::ExitCode {
    #[cfg(target_os = "linux")]
    if let Some(code) = farm::engine::run_helper() {
        return code;
    }
    farm::cli::main()
}
