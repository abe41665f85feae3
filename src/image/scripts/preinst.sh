# Runs the preinst scripts in the working directory, `<package>[:<architecture>].preinst`, as dpkg does (deb-preinst(5)).
arch=$(dpkg --print-architecture)
running=$(dpkg-query --showformat '${Version}' --show dpkg)
for script in *.preinst; do
    [ -e "$script" ] || continue
    package=${script%.preinst}
    DPKG_MAINTSCRIPT_PACKAGE=${package%%:*} DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1 DPKG_MAINTSCRIPT_ARCH=$arch \
        DPKG_MAINTSCRIPT_NAME=preinst DPKG_RUNNING_VERSION=$running DPKG_ADMINDIR=/var/lib/dpkg DPKG_ROOT= \
        DEBCONF_PACKAGE=${package%%:*} "./$script" install
done
cd /
