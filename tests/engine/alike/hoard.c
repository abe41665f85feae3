/* Takes much memory in one of the ways there are, 16 MiB at a time: `anonymous`, `memfd`, `shared`, `processes`. */

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIECE (16 << 20)
#define PIECES 16

static char *piece(void)
{
    char *memory = malloc(PIECE);
    if (!memory)
        exit(9);
    memset(memory, 'x', PIECE);
    return memory;
}

int main(int count, char **arguments)
{
    const char *way = count > 1 ? arguments[1] : "";
    int number, file, status, failed = 0, gate[2], ready[2];
    char byte;
    if (!strcmp(way, "anonymous")) {
        for (number = 0; number < PIECES; number++)
            piece();
        return 0;
    }
    if (!strcmp(way, "memfd") || !strcmp(way, "shared")) {
        char *from = piece();
        file = *way == 'm' ? memfd_create("hoard", 0) : shm_open("/hoard", 66 /* O_RDWR | O_CREAT */, 0600);
        shm_unlink("/hoard");
        for (number = 0; number < PIECES; number++)
            if (write(file, from, PIECE) != PIECE)
                return 8;
        return 0;
    }
    if (strcmp(way, "processes") || pipe(gate) || pipe(ready))
        return 2;
    for (number = 0; number < PIECES; number++) {
        if (fork() == 0) {
            close(gate[1]);
            piece();
            /* Kept until all have theirs, or are no more. */
            close(ready[1]);
            _exit(read(gate[0], &byte, 1) == 0 ? 0 : 7);
        }
    }
    close(gate[0]);
    close(ready[1]);
    while (read(ready[0], &byte, 1) > 0)
        ;
    close(gate[1]);
    while (wait(&status) > 0)
        failed += status != 0;
    return failed ? 137 : 0;
}
