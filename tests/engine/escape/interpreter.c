/* In the place of the dynamic loader, which the kernel starts with the host's program as /proc/self/exe when a script
 * asks for that as its interpreter. Keeps it open for `tries reopen`. No C library: the program's headers are not ours. */

static long call(long number, long a, long b, long c)
{
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}

void _start(void)
{
    static const char *const arguments[] = { "tries", "reopen", 0 };
    static const char *const environment[] = { 0 };
    call(1, 1, (long)"loaded\n", 7);
    call(2, (long)"/proc/self/exe", 0, 0);
    call(59, (long)"/tmp/tries", (long)arguments, (long)environment);
    call(60, 3, 0, 0);
}
