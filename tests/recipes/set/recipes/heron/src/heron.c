#include <dlfcn.h>
#include <pond.h>
#include <reed.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    char words[80] = "";
    FILE *file = fopen(argc > 1 ? argv[1] : "/usr/share/pond/words", "r");
    if (!file)
        return 1;
    if (!fgets(words, sizeof words, file))
        words[0] = 0;
    words[strcspn(words, "\n")] = 0;
    fclose(file);
    printf("%d deep, reed %d high: %s", pond_depth(), reed_height(), words);

    void *plugin = dlopen(LIBDIR "/heron/fish.so", RTLD_NOW);
    if (plugin) {
        int (*count)(void) = (int (*)(void))dlsym(plugin, "fish_count");
        if (count)
            printf(", %d of them", count());
    }
    puts("");
    return 0;
}
