/* What a process tries to get out of its container. Each try prints a line: its name, and how it ended. */

#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *error_name(int error)
{
    static char number[16];
    switch (error) {
    case EPERM: return "EPERM";
    case ENOSYS: return "ENOSYS";
    case EACCES: return "EACCES";
    case ENOENT: return "ENOENT";
    case ESRCH: return "ESRCH";
    case EROFS: return "EROFS";
    case ENXIO: return "ENXIO";
    case ETXTBSY: return "ETXTBSY";
    case EAFNOSUPPORT: return "EAFNOSUPPORT";
    case ENOTDIR: return "ENOTDIR";
    case EBADF: return "EBADF";
    }
    snprintf(number, sizeof number, "errno-%d", error);
    return number;
}

static void say(const char *name, long result)
{
    printf("%s %s\n", name, result < 0 ? error_name(errno) : "DONE");
    fflush(stdout);
}

#define CALL(name, ...) (errno = 0, say(#name, syscall(SYS_##name, __VA_ARGS__)))

/* System calls that are not for containers, with arguments that the kernel would take from root of the host. */
static void calls(void)
{
    int self = open("/proc/self/ns/user", O_RDONLY), mounts = open("/proc/self/ns/mnt", O_RDONLY);
    struct timeval now;
    struct timex no_change = { .modes = 0 };
    struct timespec time;
    struct { uint64_t flags, pidfd, child, parent, exit, stack, size, tls; } clone_args = { .flags = CLONE_NEWUSER, .exit = SIGCHLD };
    struct { uint32_t type, key, value, most, flags; char rest[100]; } map = { 2, 4, 4, 1, 0, "" };
    struct { uint32_t type, size; uint64_t config; char rest[100]; } event = { 1, 112, 0, "" };
    struct { uint64_t set, clear, propagation, fd; } attributes = { 0, 1, 0, 0 };
    char handle[16] = { 8, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0 };
    int pair[2];

    gettimeofday(&now, NULL);
    clock_gettime(CLOCK_REALTIME, &time);
    mkdir("/tmp/place", 0755);
    CALL(mount, "proc", "/tmp/place", "proc", 0, NULL);
    CALL(mount, "none", "/tmp/place", "tmpfs", 0, NULL);
    CALL(mount, "/", "/tmp/place", NULL, 4096 /* MS_BIND */, NULL);
    CALL(mount, NULL, "/proc/sys", NULL, 4096 | 32 /* MS_REMOUNT, writable */, NULL);
    CALL(mount, NULL, "/sys", NULL, 32, NULL);
    CALL(mount, NULL, "/", NULL, 1 << 20 /* MS_SHARED */, NULL);
    CALL(umount2, "/proc/sys", 2 /* MNT_DETACH */);
    CALL(umount2, "/proc/kcore", 2);
    CALL(umount2, "/dev", 2);
    CALL(pivot_root, "/tmp", "/tmp");
    CALL(fsopen, "tmpfs", 0);
    CALL(fspick, AT_FDCWD, "/", 0);
    CALL(fsconfig, -1, 6, NULL, NULL, 0);
    CALL(fsmount, -1, 0, 0);
    CALL(open_tree, AT_FDCWD, "/", 1 /* OPEN_TREE_CLONE */);
    CALL(move_mount, AT_FDCWD, "/dev", AT_FDCWD, "/tmp/place", 0);
    CALL(mount_setattr, AT_FDCWD, "/proc/sys", 0, &attributes, sizeof attributes);
    CALL(unshare, CLONE_NEWUSER);
    CALL(unshare, CLONE_NEWNS);
    CALL(unshare, CLONE_NEWNET);
    CALL(unshare, CLONE_FILES);
    CALL(setns, self, 0);
    CALL(setns, mounts, 0);
#if defined(__x86_64__) || defined(__aarch64__)
    CALL(clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
    CALL(clone, CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0);
#endif
    CALL(clone3, &clone_args, sizeof clone_args);
    CALL(keyctl, 0, -3 /* the session's keyring */, 1);
    CALL(add_key, "user", "farm", "x", 1, -3);
    CALL(request_key, "user", "farm", NULL, -3);
    CALL(bpf, 0, &map, sizeof map);
    CALL(perf_event_open, &event, 0, -1, -1, 0);
    CALL(init_module, "", 0, "");
    CALL(finit_module, 0, "", 0);
    CALL(delete_module, "farm", 0);
    CALL(kexec_load, 0, 0, NULL, 0);
#ifdef SYS_kexec_file_load
    CALL(kexec_file_load, 0, 0, 0, "", 0);
#endif
    CALL(reboot, 0xfee1dead, 672274793, 0 /* Ctrl-Alt-Del is a signal */, NULL);
    CALL(swapon, "/tmp/place", 0);
    CALL(swapoff, "/tmp/place");
#ifdef __x86_64__
    CALL(iopl, 3);
    CALL(ioperm, 0x80, 1, 1);
#endif
    CALL(settimeofday, &now, NULL);
    CALL(clock_settime, CLOCK_REALTIME, &time);
    CALL(adjtimex, &no_change);
    CALL(sethostname, "host", 4);
    CALL(setdomainname, "host", 4);
    CALL(syslog, 3, handle, 0);
    CALL(acct, NULL);
    CALL(quotactl, 0x800001 << 8, "/dev/null", 0, NULL);
    CALL(open_by_handle_at, open("/", O_RDONLY), handle, O_RDONLY);
    CALL(userfaultfd, 0);
    CALL(fanotify_init, 0, 0);
    CALL(io_uring_setup, 1, handle);
    CALL(vhangup, 0);
    CALL(mknodat, AT_FDCWD, "/tmp/sda", S_IFBLK | 0666, makedev(8, 0));
    CALL(mknodat, AT_FDCWD, "/tmp/mem", S_IFCHR | 0666, makedev(1, 1));
    CALL(mknodat, AT_FDCWD, "/tmp/kmsg", S_IFCHR | 0666, makedev(1, 11));
    CALL(socket, AF_VSOCK, SOCK_STREAM, 0);
    CALL(socket, AF_ALG, SOCK_SEQPACKET, 0);
    CALL(socket, AF_PACKET, SOCK_RAW, 0);
    CALL(socket, AF_KEY, SOCK_RAW, 2);
    CALL(socket, AF_RDS, SOCK_SEQPACKET, 0);
    CALL(socket, AF_TIPC, SOCK_STREAM, 0);
    CALL(socket, AF_CAN, SOCK_RAW, 1);
    CALL(socket, AF_XDP, SOCK_RAW, 0);
    CALL(socketpair, AF_TIPC, SOCK_STREAM, 0, pair);
    CALL(set_mempolicy, 0, NULL, 0);
    CALL(get_mempolicy, NULL, NULL, 0, NULL, 0);
    CALL(kcmp, getpid(), getpid(), 1 /* KCMP_VM */, 0, 0);
    CALL(personality, 0x0040000 /* ADDR_NO_RANDOMIZE */);
    CALL(personality, 0x0100000 /* MMAP_PAGE_ZERO */);
    errno = 0, say("open_tree_attr", syscall(467, AT_FDCWD, "/", 1, NULL, 0));
}

/* Calls that no list of today has: those that this kernel may have, and those that no kernel has. */
static void newer(void)
{
    struct { uint64_t flags, rest[4]; } attributes = { 0, { 0 } };
    char name[16];
    long number;
    for (number = 468; number < 480; number++) {
        snprintf(name, sizeof name, "%ld", number);
        errno = 0, say(name, syscall(number, AT_FDCWD, "/tmp", &attributes, sizeof attributes, 0));
    }
    errno = 0, say("600", syscall(600, 0, 0, 0, 0));
    errno = 0, say("100000", syscall(100000, 0, 0, 0, 0));
}

/* What programs and C libraries use of late, and what they begin with: all of that is allowed. */
static void usual(void)
{
    struct { uint32_t version; int pid; } header = { 0x20080522, 0 };
    struct { uint32_t effective, permitted, inheritable; } sets[2];
    char buffer[64];
    int pair[2], fd = open("/tmp", O_RDONLY | O_DIRECTORY);
    struct { uint64_t flags, mode, resolve; } how = { O_RDONLY, 0, 0 };
    CALL(statx, AT_FDCWD, "/", 0, 0x7ff, malloc(4096));
    CALL(faccessat2, AT_FDCWD, "/", R_OK, 0);
    CALL(openat2, AT_FDCWD, "/", &how, sizeof how);
    CALL(close_range, 60, 70, 0);
    CALL(getrandom, buffer, 16, 0);
    CALL(memfd_create, "farm", 0);
    CALL(pidfd_open, getpid(), 0);
    CALL(prlimit64, 0, RLIMIT_NOFILE, NULL, buffer);
    CALL(membarrier, 0, 0, 0);
    CALL(personality, 0xffffffff);
    CALL(capget, &header, sets);
    CALL(name_to_handle_at, AT_FDCWD, "/proc", malloc(256), &pair[0], 0), errno = 0;
    CALL(sched_getaffinity, 0, sizeof buffer, buffer);
    CALL(socket, AF_UNIX, SOCK_STREAM, 0);
    CALL(socket, AF_INET, SOCK_DGRAM, 0);
    CALL(socket, AF_INET6, SOCK_STREAM, 0);
    CALL(socket, AF_NETLINK, SOCK_RAW, 0);
    CALL(socketpair, AF_UNIX, SOCK_STREAM, 0, pair);
    CALL(inotify_init1, 0);
    CALL(timerfd_create, CLOCK_MONOTONIC, 0);
    CALL(eventfd2, 0, 0);
    CALL(epoll_create1, 0);
    CALL(renameat2, fd, "none", fd, "other", 0), errno = 0;
    CALL(mq_open, "/farm-none", 0, 0, NULL), errno = 0;
}

/* The host sends an open folder of its own, which would be a way out. */
static void leaked(const char *name)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    char byte, space[CMSG_SPACE(sizeof(int))];
    struct iovec data = { &byte, 1 };
    struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space };
    socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name);
    int listening = socket(AF_UNIX, SOCK_STREAM, 0), connected, folder;

    memcpy(address.sun_path + 1, name, strlen(name));
    if (bind(listening, (struct sockaddr *)&address, length) != 0 || listen(listening, 1) != 0) {
        say("listen", -1);
        return;
    }
    puts("listening");
    fflush(stdout);
    connected = accept(listening, NULL, NULL);
    if (recvmsg(connected, &message, 0) != 1 || !CMSG_FIRSTHDR(&message)) {
        say("receive", -1);
        return;
    }
    memcpy(&folder, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof folder);
    puts("received");
    errno = 0, say("read", openat(folder, "kept", O_RDONLY));
    errno = 0, say("write", openat(folder, "kept", O_WRONLY));
    errno = 0, say("make", openat(folder, "touched", O_CREAT | O_WRONLY, 0666));
    errno = 0, say("folder", mkdirat(folder, "touched", 0777));
    errno = 0, say("remove", unlinkat(folder, "kept", 0));
    errno = 0, say("list", openat(folder, ".", O_RDONLY | O_DIRECTORY));
    errno = 0, say("above", openat(folder, "../../../../../etc/passwd", O_RDONLY));
}

/* Privileges that do not come back, and limits that do not grow. */
static void raise_all(void)
{
    struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
    struct { uint32_t version; int pid; } header = { 0x20080522, 0 };
    struct { uint32_t effective, permitted, inheritable; } sets[2];
    struct sched_param priority = { .sched_priority = 1 };
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    CALL(setrlimit, RLIMIT_CORE, &limit);
    syscall(SYS_capget, &header, sets);
    sets[0].effective |= 1 << 21, sets[0].permitted |= 1 << 21;
    CALL(capset, &header, sets);
    errno = 0, say("ambient", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 21, 0, 0));
    errno = EPERM, say("bounding", prctl(PR_CAPBSET_READ, 21) ? 0 : -1);
    prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0);
    errno = EPERM, say("new-privileges", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) ? -1 : 0);
    errno = 0, say("nice", setpriority(PRIO_PROCESS, 0, -20));
    errno = 0, say("real-time", sched_setscheduler(0, SCHED_FIFO, &priority));
    errno = 0, say("oom-score", fd < 0 ? -1 : write(fd, "-999", 4));
    if (getuid())
        errno = 0, say("setuid", setuid(0));
}

/* Every file that can be opened for writing and is there for it, but those of processes: root in a container may open
 * what nobody can write, and every write to that is an error. The null device is none of the kernel's. */
static void walk(const char *folder)
{
    DIR *all;
    struct dirent *entry;
    char path[PATH_MAX];

    if (!(all = opendir(folder)))
        return;
    while ((entry = readdir(all))) {
        struct stat found;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")
            || snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) >= (int)sizeof path
            || lstat(path, &found) != 0)
            continue;
        if (S_ISDIR(found.st_mode)) {
            if (strcmp(folder, "/proc") || !isdigit(*entry->d_name))
                walk(path);
        } else if (!S_ISLNK(found.st_mode)) {
            int fd = open(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
            if (fd >= 0) {
                int is_null = S_ISCHR(found.st_mode) && found.st_rdev == makedev(1, 3);
                if (!is_null && ((found.st_mode & 0222) || write(fd, "", 0) == 0))
                    printf("%s %o\n", path, found.st_mode);
                close(fd);
            }
        }
    }
    closedir(all);
}

static void create(const char *name, const char *folder, const char *marker)
{
    char path[PATH_MAX];
    int fd;
    snprintf(path, sizeof path, "%s%s/touched", folder, marker);
    errno = 0;
    fd = open(path, O_CREAT | O_WRONLY, 0666);
    say(name, fd);
    if (fd >= 0)
        close(fd);
}

/* Ways to a folder of the host. */
static void reach(const char *marker)
{
    int fd;
    create("plain", "", marker);
    create("up", "/../../../../..", marker);
    create("root-of-1", "/proc/1/root", marker);
    create("folder-of-1", "/proc/1/cwd", marker);
    create("own-root", "/proc/self/root/../../..", marker);
    for (fd = 0; fd < 64; fd++) {
        char path[64], name[64];
        snprintf(path, sizeof path, "/proc/1/fd/%d", fd);
        snprintf(name, sizeof name, "fd-%d-of-1", fd);
        create(name, path, marker);
        if (fcntl(fd, F_GETFD) < 0)
            continue;
        snprintf(path, sizeof path, "/proc/self/fd/%d/../../../..", fd);
        snprintf(name, sizeof name, "own-fd-%d", fd);
        create(name, path, marker);
    }
    /* The classic one: a folder that is above the new root. */
    fd = open("/", O_RDONLY | O_DIRECTORY);
    mkdir("/tmp/jail", 0755);
    if (chroot("/tmp/jail") == 0 && fchdir(fd) == 0) {
        int i;
        for (i = 0; i < 64; i++)
            if (chdir("..") != 0)
                break;
        if (chroot(".") == 0)
            create("chroot", "", marker);
    }
    puts("tried all");
}

/* A process of the host. */
static void host_process(const char *text)
{
    pid_t pid = atoi(text);
    char byte, path[64];
    struct iovec here = { &byte, 1 }, there = { (void *)text, 1 };
    errno = 0, say("signal", kill(pid, 0));
    errno = 0, say("attach", ptrace(PTRACE_ATTACH, pid, 0, 0));
    errno = 0, say("seize", ptrace(PTRACE_SEIZE, pid, 0, 0));
    errno = 0, say("read", process_vm_readv(pid, &here, 1, &there, 1, 0));
    CALL(pidfd_open, pid, 0);
    snprintf(path, sizeof path, "/proc/%d", pid);
    errno = 0, say("proc", access(path, F_OK));
}

/* The first process of the container, which is the host's program. */
static void first_process(void)
{
    static const char *const files[] = { "exe", "mem", "root/etc", "cwd/etc", "environ", "maps", "ns/mnt", "ns/user" };
    char byte, path[64];
    struct iovec here = { &byte, 1 }, there = { &byte, 1 };
    unsigned i;
    int fd;

    errno = 0, say("attach", ptrace(PTRACE_ATTACH, 1, 0, 0));
    errno = 0, say("seize", ptrace(PTRACE_SEIZE, 1, 0, 0));
    errno = 0, say("read", process_vm_readv(1, &here, 1, &there, 1, 0));
    errno = 0, say("write", process_vm_writev(1, &here, 1, &there, 1, 0));
    fd = syscall(SYS_pidfd_open, 1, 0);
    for (i = 0; i < 4; i++)
        CALL(pidfd_getfd, fd, i, 0);
    for (i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "/proc/1/%s", files[i]);
        errno = 0, say(path, open(path, strcmp(files[i], "exe") ? O_RDONLY : O_WRONLY));
    }
    for (i = 0; i < 32; i++) {
        snprintf(path, sizeof path, "/proc/1/fd/%u", i);
        errno = 0, say(path, open(path, O_PATH));
    }
    errno = 0, say("KILL", kill(1, SIGKILL));
    sleep(0);
    puts("alive");
}

/* What a process is given beside its output. */
static void descriptors(void)
{
    int fd;
    for (fd = 0; fd < 1024; fd++) {
        char path[64], target[PATH_MAX];
        ssize_t n;
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        if ((n = readlink(path, target, sizeof target - 1)) >= 0) {
            target[n] = 0;
            printf("%d %s\n", fd, target);
        }
    }
}

#ifdef __x86_64__
static long old_call(long number, long a, long b, long c)
{
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
    return result;
}

/* Arguments of socketcall, where 32 bits reach. */
static unsigned old_vsock[3] = { AF_VSOCK, SOCK_STREAM, 0 }, old_alg[3] = { AF_ALG, SOCK_SEQPACKET, 0 };
static unsigned old_unix[3] = { AF_UNIX, SOCK_STREAM, 0 }, old_pair[4] = { AF_UNIX, SOCK_STREAM, 0, 0 };

/* The machine's other system calls, in a child: a kernel without them ends it. */
static void foreign(void)
{
    const struct { const char *name; long number, a, b; } all[] = {
        { "mount", 21, 0, 0 }, { "umount", 22, 0, 0 }, { "umount2", 52, 0, 0 }, { "unshare", 310, CLONE_NEWUSER, 0 },
        { "clone", 120, CLONE_NEWUSER | SIGCHLD, 0 }, { "clone3", 435, 0, 0 }, { "setns", 346, 0, 0 }, { "bpf", 357, 0, 0 },
        { "keyctl", 288, 0, -3 }, { "init_module", 128, 0, 0 }, { "reboot", 88, 0xfee1dead, 672274793 },
        { "fsopen", 430, 0, 0 }, { "open_tree", 428, -100, 0 }, { "iopl", 110, 3, 0 }, { "stime", 25, 0, 0 },
        { "socket-alg", 359, AF_ALG, SOCK_SEQPACKET }, { "open_by_handle_at", 342, 0, 0 }, { "io_uring_setup", 425, 1, 0 },
        { "socket-vsock", 359, AF_VSOCK, SOCK_STREAM }, { "socketpair-tipc", 360, AF_TIPC, SOCK_STREAM },
        { "socketcall-vsock", 102, 1, (long)old_vsock }, { "socketcall-alg", 102, 1, (long)old_alg },
        { "socketcall-unix", 102, 1, (long)old_unix }, { "socketcall-pair", 102, 8, (long)old_pair },
        { "personality", 136, 0x0040000, 0 }, { "userfaultfd", 374, 0, 0 }, { "kcmp", 349, 1, 1 },
        { "clock_settime64", 404, 0, 0 }, { "vm86", 166, 0, 0 }, { "file_getattr", 468, -100, 0 }, { "newer", 480, 0, 0 },
    };
    unsigned i;
    pid_t child = fork();
    if (child == 0) {
        for (i = 0; i < sizeof all / sizeof *all; i++) {
            long result = old_call(all[i].number, all[i].a, all[i].b, 0);
            errno = -(int)result;
            say(all[i].name, result);
        }
        _exit(0);
    }
    waitpid(child, NULL, 0);
    errno = 0, say("x32-mount", syscall(0x40000000 | 165, 0, 0, 0, 0, 0));
    errno = 0, say("x32-getpid", syscall(0x40000000 | 39));
    errno = 0, say("x32-unshare", syscall(0x40000000 | 272, CLONE_NEWUSER));
    errno = 0, say("x32-socket", syscall(0x40000000 | 41, AF_VSOCK, SOCK_STREAM, 0));
    errno = 0, say("x32-ioctl", syscall(0x40000000 | 514, 0, 0, 0));
    errno = 0, say("x32-execve", syscall(520, "/bin/true", NULL, NULL));
}
#else
static void foreign(void) {}
#endif

/* Given a host's program as an open file: can it be written? Started by `interpreter.c`. */
static void reopen(void)
{
    int fd;
    for (fd = 3; fd < 16; fd++) {
        char path[64];
        if (fcntl(fd, F_GETFD) < 0)
            continue;
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        errno = 0, say("reopen", open(path, O_WRONLY));
    }
}

/* What somebody on the other side of an abstract socket of the host is told of this process. */
static void connect_abstract(const char *name)
{
    struct sockaddr_un address;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    strncpy(address.sun_path + 1, name, sizeof address.sun_path - 2);
    if (connect(fd, (struct sockaddr *)&address, offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name)))
        say("connect", -1);
    else
        puts("connect done");
}

int main(int count, char **arguments)
{
    const char *what = count > 1 ? arguments[1] : "";
    if (!strcmp(what, "calls")) {
        calls();
    } else if (!strcmp(what, "newer")) {
        newer();
    } else if (!strcmp(what, "usual")) {
        usual();
    } else if (!strcmp(what, "leaked") && count > 2) {
        leaked(arguments[2]);
    } else if (!strcmp(what, "raise")) {
        raise_all();
    } else if (!strcmp(what, "walk")) {
        int i;
        for (i = 2; i < count; i++)
            walk(arguments[i]);
    } else if (!strcmp(what, "reach") && count > 2) {
        reach(arguments[2]);
    } else if (!strcmp(what, "host") && count > 2) {
        host_process(arguments[2]);
    } else if (!strcmp(what, "first")) {
        first_process();
    } else if (!strcmp(what, "descriptors")) {
        descriptors();
    } else if (!strcmp(what, "foreign")) {
        foreign();
    } else if (!strcmp(what, "reopen")) {
        reopen();
    } else if (!strcmp(what, "abstract") && count > 2) {
        connect_abstract(arguments[2]);
    } else if (!strcmp(what, "who")) {
        printf("%d %d %d %d\n", getuid(), geteuid(), getgid(), getegid());
    } else {
        return 2;
    }
    return 0;
}
