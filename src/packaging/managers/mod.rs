//! Package managers: one descriptor each, so that nobody else asks which one it is. A new one is a file here, its scripts,
//! its row in [`manager`] and in `types::PackageManager`.

mod apt;
mod descriptor;
mod dnf;
mod rpm_on_debian;
mod rpms;
mod zypper;

use crate::distro::Distro;
use crate::types::PackageManager;

use descriptor::Manager;

/// The descriptor of a package manager.
pub(super) fn manager(manager: PackageManager) -> &'static Manager {
    match manager {
        PackageManager::Apt => &apt::MANAGER,
        PackageManager::Dnf => &dnf::MANAGER,
        PackageManager::Zypper => &zypper::MANAGER,
    }
}

/// Whether requirements have to be names of packages, for the distribution's package manager.
pub(crate) fn takes_names_only(distro: &Distro) -> bool {
    manager(distro.manager).by_name_only
}
