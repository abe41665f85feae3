//! One conformance suite for every engine: Docker, Podman, farm's own, and the fake in memory. A driver is what passes it.
//!
//! Docker is found as farm finds it (`DOCKER_HOST`, contexts, the usual sockets). Podman is tested where
//! `FARM_TEST_PODMAN` names its socket (`unix:///run/podman/podman.sock`), a cluster where `FARM_TEST_CLUSTER` has its URL
//! and farm is built with the feature `kubernetes`. What is not there is skipped with a loud
//! line, or fails where `CI` is set. The image is made from this host's own programs, see `guest`.

// Helpers of tests are no tests to clippy; a skip has to be said.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

#[cfg(target_os = "linux")]
mod alike;
mod bench;
mod build;
mod cases;
#[cfg(target_os = "linux")]
mod escape;
mod guest;
#[cfg(target_os = "linux")]
mod hostile;
mod import;
mod isolation;
#[cfg(target_os = "linux")]
mod killed;
mod lease;
mod memory;
mod pull;
mod registry;
mod scripts;
#[path = "../support/mod.rs"]
mod support;
mod terminal;
#[cfg(target_os = "linux")]
mod user;

use bench::{Bench, Kind};

/// Each case is a test for each engine, `docker::exit_codes` and so on; those of `machine` for engines that are on a machine and
/// no cluster, the last ones for farm's own alone.
macro_rules! conformance {
    (every: $($every:path as $name:ident),+; isolating: $($isolating:path as $isolating_name:ident),+;
     machine: $($machine:path as $machine_name:ident),+; own: $($own:path as $own_name:ident),+;) => {
        /// How many tests every engine that isolates passes.
        #[cfg(target_os = "linux")]
        const CASES: usize = [$(stringify!($name),)+ $(stringify!($isolating_name),)+ $(stringify!($machine_name),)+].len();

        mod fake {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() { on(Kind::Fake, $every).await; })+
        }
        mod docker {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() { on(Kind::Docker, $every).await; })+
            $(#[tokio::test(flavor = "multi_thread")] async fn $isolating_name() { on(Kind::Docker, $isolating).await; })+
            $(#[tokio::test(flavor = "multi_thread")] async fn $machine_name() { on(Kind::Docker, $machine).await; })+
        }
        mod native {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() { on(Kind::Native, $every).await; })+
            $(#[tokio::test(flavor = "multi_thread")] async fn $isolating_name() { on(Kind::Native, $isolating).await; })+
            $(#[tokio::test(flavor = "multi_thread")] async fn $machine_name() { on(Kind::Native, $machine).await; })+
            $(#[cfg(target_os = "linux")] #[tokio::test(flavor = "multi_thread")] async fn $own_name() { on(Kind::Native, $own).await; })+
        }
        mod kubernetes {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() { on(Kind::Kubernetes, $every).await; })+
            $(#[tokio::test(flavor = "multi_thread")] async fn $isolating_name() { on(Kind::Kubernetes, $isolating).await; })+
        }
        mod podman {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() { on(Kind::Podman, $every).await; })+
            $(#[tokio::test(flavor = "multi_thread")] async fn $isolating_name() { on(Kind::Podman, $isolating).await; })+
            $(#[tokio::test(flavor = "multi_thread")] async fn $machine_name() { on(Kind::Podman, $machine).await; })+
        }
    };
}

conformance! {
    every:
        cases::ping_says_who_it_is as ping_says_who_it_is,
        cases::images_are_imported_listed_and_removed as images_are_imported_listed_and_removed,
        cases::an_unknown_image_is_refused as an_unknown_image_is_refused,
        cases::files_go_in_before_and_after_the_start as files_go_in_before_and_after_the_start,
        cases::exit_codes as exit_codes,
        cases::output_is_bytes as output_is_bytes,
        cases::much_output as much_output,
        cases::environment_user_and_folder as environment_user_and_folder,
        cases::a_cancelled_process_ends as a_cancelled_process_ends,
        cases::an_error_of_the_sink_ends_the_process as an_error_of_the_sink_ends_the_process,
        cases::paths_that_are_not_there as paths_that_are_not_there,
        cases::a_source_that_breaks_off_is_its_own_error as a_source_that_breaks_off_is_its_own_error,
        cases::links_owners_and_modes_survive as links_owners_and_modes_survive,
        cases::long_and_odd_names_survive as long_and_odd_names_survive,
        cases::a_commit_keeps_files_and_its_own_labels as a_commit_keeps_files_and_its_own_labels,
        cases::reaping_takes_its_own_run_only as reaping_takes_its_own_run_only,
        cases::what_is_removed_stays_removed as what_is_removed_stays_removed,
        cases::eight_at_once as eight_at_once;
    isolating:
        alike::what_a_test_suite_finds as what_a_test_suite_finds,
        isolation::signals_are_exit_codes as signals_are_exit_codes,
        isolation::running_out_of_memory_is_counted as running_out_of_memory_is_counted,
        isolation::memory_of_every_kind_is_limited as memory_of_every_kind_is_limited,
        isolation::no_program_gains_privileges as no_program_gains_privileges,
        isolation::a_daemon_does_not_hold_up_its_starter as a_daemon_does_not_hold_up_its_starter,
        isolation::a_slow_sink_slows_the_process as a_slow_sink_slows_the_process,
        isolation::a_container_that_ends_is_told_apart as a_container_that_ends_is_told_apart,
        lease::a_killed_client_leaves_no_container as a_killed_client_leaves_no_container,
        lease::a_dropped_container_ends as a_dropped_container_ends,
        memory::streams_do_not_grow_the_process as streams_do_not_grow_the_process,
        terminal::a_shell_has_a_terminal as a_shell_has_a_terminal,
        terminal::a_terminal_that_is_left_ends_its_processes as a_terminal_that_is_left_ends_its_processes,
        terminal::what_does_not_run_at_a_terminal_says_so as what_does_not_run_at_a_terminal_says_so,
        import::a_root_file_system_is_an_image as a_root_file_system_is_an_image,
        import::a_saved_image_is_an_image as a_saved_image_is_an_image;
    machine:
        isolation::no_network_means_none as no_network_means_none,
        isolation::the_cpu_set_is_what_nproc_says as the_cpu_set_is_what_nproc_says,
        isolation::too_many_processes_fail as too_many_processes_fail,
        isolation::a_killed_session_leaves_nothing as a_killed_session_leaves_nothing,
        isolation::orphans_are_collected as orphans_are_collected,
        pull::a_pull_that_fails_says_why as a_pull_that_fails_says_why,
        pull::pulls_use_the_credentials_of_the_docker_configuration as pulls_use_the_credentials_of_the_docker_configuration,
        registry::images_of_a_real_registry_are_pulled as images_of_a_real_registry_are_pulled,
        isolation::containers_share_no_folder as containers_share_no_folder,
        isolation::caches_of_an_earlier_farm_go as caches_of_an_earlier_farm_go,
        build::a_dockerfile_is_an_image as a_dockerfile_is_an_image,
        build::a_stage_is_built_alone as a_stage_is_built_alone,
        build::what_is_wrong_with_a_dockerfile_is_its_own_error as what_is_wrong_with_a_dockerfile_is_its_own_error,
        build::a_build_has_the_network_and_the_limits_it_was_given as a_build_has_the_network_and_the_limits_it_was_given,
        build::a_step_that_takes_too_much_memory_fails as a_step_that_takes_too_much_memory_fails,
        build::an_image_that_is_not_to_be_had_is_no_fault_of_the_dockerfile as an_image_that_is_not_to_be_had_is_no_fault_of_the_dockerfile,
        build::a_cancelled_build_leaves_nothing as a_cancelled_build_leaves_nothing,
        build::a_context_that_breaks_off_is_its_own_error as a_context_that_breaks_off_is_its_own_error,
        import::a_root_file_system_is_added_to_nothing as a_root_file_system_is_added_to_nothing;
    own:
        isolation::a_full_disk_is_told_apart as a_full_disk_is_told_apart,
        user::an_ordinary_user_passes_the_same as an_ordinary_user_passes_the_same,
        escape::refused_system_calls as escape_refused_system_calls,
        escape::system_calls_of_other_abis as escape_system_calls_of_other_abis,
        escape::system_calls_newer_than_the_list as escape_system_calls_newer_than_the_list,
        escape::programs_of_i386 as escape_programs_of_i386,
        escape::leaked_folders as escape_leaked_folders,
        escape::abstract_sockets_of_the_host as escape_abstract_sockets_of_the_host,
        escape::privileges_do_not_come_back as escape_privileges_do_not_come_back,
        escape::folders_of_the_host as escape_folders_of_the_host,
        escape::another_containers_files as escape_another_containers_files,
        escape::processes_of_the_host as escape_processes_of_the_host,
        escape::its_ids_are_nobodys as escape_its_ids_are_nobodys,
        escape::its_first_process as escape_its_first_process,
        escape::the_hosts_program as escape_the_hosts_program,
        escape::files_of_the_kernel as escape_files_of_the_kernel,
        escape::devices as escape_devices,
        hostile::uploads_stay_inside as hostile_uploads_stay_inside,
        hostile::layers_stay_inside as hostile_layers_stay_inside,
        hostile::attributes_and_devices_are_left_out as hostile_attributes_and_devices_are_left_out,
        hostile::links_in_the_image as hostile_links_in_the_image,
        hostile::downloads_hold_no_other_names as hostile_downloads_hold_no_other_names,
        hostile::sparse_files_end as hostile_sparse_files_end,
        build::files_are_copied_by_the_rules as build_files_are_copied_by_the_rules,
        build::hostile_contexts_stay_inside as build_hostile_contexts_stay_inside,
        build::refusals_say_where_and_what_instead as build_refusals_say_where_and_what_instead,
        memory::copies_do_not_grow_the_process as copies_do_not_grow_the_process,
        killed::at_any_moment as killed_at_any_moment,
        killed::keepers_are_missed as killed_keepers_are_missed,
        killed::rot_is_found as rot_is_found;
}

async fn on<F: Future<Output = ()>>(kind: Kind, case: impl FnOnce(Bench) -> F) {
    if let Some(bench) = Bench::new(kind).await {
        case(bench).await;
    }
}
