/* Stands before the system's resolver: names under "slow.invalid" take their time.

   "after-300.slow.invalid" is unknown after 300 milliseconds; "to-300.slow.invalid" is 127.0.0.1
   after as long. "46-0.slow.invalid" is 127.0.0.1 and then ::1, "64-0.slow.invalid" the other way
   round. Every other name is the system's. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef int look_up(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
    look_up *system = (look_up *)dlsym(RTLD_NEXT, "getaddrinfo");
    const char *end = name ? strstr(name, ".slow.invalid") : NULL;
    const char *delay = end ? strchr(name, '-') : NULL;
    if (delay == NULL)
        return system(name, service, hints, found);
    long ms = atol(delay + 1);
    struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&wait, NULL);
    if (strncmp(name, "46-", 3) == 0 || strncmp(name, "64-", 3) == 0) {
        int is_v4_first = name[0] == '4';
        struct addrinfo *second = NULL;
        int failed = system(is_v4_first ? "127.0.0.1" : "::1", service, hints, found);
        if (failed == 0)
            failed = system(is_v4_first ? "::1" : "127.0.0.1", service, hints, &second);
        if (failed != 0)
            return failed;
        struct addrinfo *last = *found;
        while (last->ai_next != NULL)
            last = last->ai_next;
        last->ai_next = second;
        return 0;
    }
    if (strncmp(name, "to-", 3) == 0)
        return system("127.0.0.1", service, hints, found);
    return EAI_NONAME;
}
