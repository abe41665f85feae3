# The unprivileged user that builds, made without tools that a minimal base may lack.
grep -q '^builder:' /etc/group || echo 'builder:x:2000:' >>/etc/group
grep -q '^builder:' /etc/passwd || echo 'builder:x:2000:2000:farm:/build:/bin/sh' >>/etc/passwd
mkdir -p /build
chown 2000:2000 /build
