#include "model/lease.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FORMAT "lease=%s host=%s status=%u result=%d size=%" PRIu64 " sum=%016" PRIx64 "\n"

void lease_name(uint64_t random, char ret_lease[LEASE_SIZE])
{
    snprintf(ret_lease, LEASE_SIZE, "%016" PRIx64, random);
}

bool lease_is_name(const char *text)
{
    return strspn(text, "0123456789abcdef") == LEASE_DIGITS && text[LEASE_DIGITS] == '\0';
}

void lease_set_host(struct lease_end *end, const char *host)
{
    size_t len = 0;
    for (; *host && len < LEASE_HOST_SIZE - 1; host++)
        if (isascii(*host) && (isalnum((unsigned char)*host) || *host == '-' || *host == '.'))
            end->host[len++] = *host;
    if (!len)
        end->host[len++] = '-';
    end->host[len] = '\0';
}

char *lease_format(const struct lease_end *end)
{
    return mem_printf(FORMAT, end->lease, end->host, end->status, end->has_result, end->size, end->sum);
}

bool lease_parse(const char *text, size_t len, struct lease_end *ret_end)
{
    struct lease_end end = {0};
    int has_result = 0;
    if (len >= LEASE_MAX_BYTES)
        return false;
    if (sscanf(text, "lease=%16s host=%64s status=%3u result=%1d size=%20" SCNu64 " sum=%16" SCNx64,
               end.lease, end.host, &end.status, &has_result, &end.size, &end.sum) != 6)
        return false;
    end.has_result = has_result;
    CLEANUP(mem_freep) char *whole = lease_format(&end);
    if (strlen(whole) != len || memcmp(whole, text, len) != 0 || !lease_is_name(end.lease))
        return false;
    *ret_end = end;
    return true;
}
