/* A program of the machine's other ABI, as a C compiler and a C library make it: it does what programs do, and makes
 * sockets. Each line says how that ended. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef AF_VSOCK
#define AF_VSOCK 40
#endif

static void say(const char *name, long result)
{
    printf("%s %s\n", name, result >= 0 ? "done" : errno == ENOSYS ? "ENOSYS" : errno == EAFNOSUPPORT ? "EAFNOSUPPORT" : "failed");
    fflush(stdout);
}

static void *run(void *argument) { return argument; }
static void on_signal(int number) { (void)number; }

int main(void)
{
    char place[] = "/tmp/old-XXXXXX", buffer[64];
    struct timespec now, pause = { 0, 1000 };
    struct stat found;
    int pair[2], file, status;
    pthread_t thread;
    pid_t child;

    say("thread", pthread_create(&thread, NULL, run, NULL) || pthread_join(thread, NULL) ? -1 : 0);
    if ((child = fork()) == 0)
        _exit(0);
    say("fork", waitpid(child, &status, 0));
    say("system", system("exit 7") == 7 << 8 ? 0 : -1);
    say("file", file = mkstemp(place));
    say("stat", fstat(file, &found));
    say("write", pwrite(file, "x", 1, 1LL << 20));
    say("map", mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0) == MAP_FAILED ? -1 : 0);
    say("pipe", pipe(pair));
    say("clock", clock_gettime(CLOCK_REALTIME, &now));
    say("sleep", nanosleep(&pause, NULL));
    say("signal", signal(SIGUSR1, on_signal) == SIG_ERR ? -1 : raise(SIGUSR1));
    say("read-link", readlink("/proc/self/exe", buffer, sizeof buffer));
    say("unlink", unlink(place));
    errno = 0, say("socket-unix", socket(AF_UNIX, SOCK_STREAM, 0));
    errno = 0, say("socket-inet", socket(AF_INET, SOCK_STREAM, 0));
    errno = 0, say("socket-pair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    return 0;
}
