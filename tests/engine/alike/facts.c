/* What a test suite finds in its container. Each line is a fact: all engines print the same. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

static void fact(const char *name, int holds)
{
    printf("%s %s\n", name, holds ? "yes" : strerror(errno));
}

/* A terminal, as script(1), expect and Python's pty make it. */
static void terminal(void)
{
    struct stat found;
    char buffer[64] = "";
    int slave = -1, master = posix_openpt(O_RDWR | O_NOCTTY);
    fact("terminal", master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    if (master >= 0 && ptsname(master))
        slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    fact("terminal-is-one", slave >= 0 && isatty(slave) && ttyname(slave) && fstat(slave, &found) == 0);
    if (slave < 0)
        return;
    printf("terminal-owner %s %d %o\n", found.st_uid == getuid() ? "self" : "other", (int)found.st_gid, found.st_mode & 07777);
    fact("terminal-speaks", write(master, "hello\n", 6) == 6 && read(slave, buffer, sizeof buffer) == 6 && !strcmp(buffer, "hello\n"));
}

static void shared_memory(void)
{
    struct statvfs found;
    sem_t *semaphore;
    int fd;
    statvfs("/dev/shm", &found);
    printf("shm-mib %lu\n", (unsigned long)(found.f_blocks * (found.f_frsize >> 10) >> 10));
    fd = shm_open("/farm-facts", O_CREAT | O_RDWR, 0600);
    errno = posix_fallocate(fd, 0, 160 << 20);
    fact("shm-has-room", errno == 0);
    shm_unlink("/farm-facts");
    close(fd);
    semaphore = sem_open("/farm-facts", O_CREAT, 0600, 1);
    fact("semaphore", semaphore != SEM_FAILED && sem_unlink("/farm-facts") == 0);
}

/* A server and its client on each address that the name has. */
static void network(const char *name)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all = NULL, *one;
    int failed = getaddrinfo(name, NULL, &hints, &all), number = 0;
    printf("name %s %s\n", name, failed ? gai_strerror(failed) : "resolves");
    for (one = all; one; one = one->ai_next, number++) {
        struct sockaddr_storage address;
        socklen_t length = sizeof address;
        int server = socket(one->ai_family, SOCK_STREAM, 0), client = socket(one->ai_family, SOCK_STREAM, 0);
        int bound = bind(server, one->ai_addr, one->ai_addrlen) == 0 && listen(server, 1) == 0;
        fact(one->ai_family == AF_INET ? "serve-ipv4" : "serve-ipv6", bound);
        if (bound) {
            getsockname(server, (struct sockaddr *)&address, &length);
            fact("connect", connect(client, (struct sockaddr *)&address, length) == 0);
        }
        close(server), close(client);
    }
}

static void limit(const char *name, int resource)
{
    struct rlimit found;
    getrlimit(resource, &found);
    printf("limit-%s %ld %ld\n", name, (long)found.rlim_cur, (long)found.rlim_max);
}

int main(void)
{
    struct stat found;
    sigset_t blocked;
    char host[64] = "", byte;
    int number, ignored = 0, masked = 0;

    terminal();
    shared_memory();
    gethostname(host, sizeof host);
    printf("host %s\n", host);
    network("localhost");
    network(host);
    fact("stdin-at-its-end", read(0, &byte, 1) == 0);
    limit("core", RLIMIT_CORE);
    limit("files", RLIMIT_NOFILE);
    limit("processes", RLIMIT_NPROC);
    limit("stack", RLIMIT_STACK);
    limit("memory", RLIMIT_AS);
    limit("data", RLIMIT_DATA);
    limit("file-size", RLIMIT_FSIZE);
    limit("cpu", RLIMIT_CPU);
    limit("locked", RLIMIT_MEMLOCK);
    printf("umask %o\n", umask(0));
    sigprocmask(SIG_BLOCK, NULL, &blocked);
    for (number = 1; number < NSIG; number++) {
        struct sigaction action;
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
            ignored++;
        masked += sigismember(&blocked, number) == 1;
    }
    printf("signals %d ignored, %d blocked\n", ignored, masked);
    for (number = 0; number < 6; number++) {
        static const char *const all[] = { "/dev/null", "/dev/zero", "/dev/full", "/dev/urandom", "/dev/ptmx", "/dev/shm" };
        printf("%s %o\n", all[number], stat(all[number], &found) == 0 ? found.st_mode & 07777 : 0);
    }
    fact("fd", access("/dev/fd/0", F_OK) == 0 && access("/dev/stdin", F_OK) == 0);
    return 0;
}
