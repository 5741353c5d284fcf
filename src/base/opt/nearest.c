#include "base/opt/nearest.h"

#include "base/mem.h"

#include <stdint.h>
#include <string.h>

struct nearest nearest_init(const char *text, size_t len)
{
    size_t most = MAX(len / 3, 1); /* with more changes, any word is near any other */
    return (struct nearest){.text = text, .len = len, .distance = most + 1};
}

/*
 * Optimal string alignment: row i, column j is the number of changes from the first i of `a` to the
 * first j of `b`.
 */
static size_t distance_of(const char *a, size_t a_len, const char *b, size_t b_len)
{
    uint8_t rows[3][NEAREST_MAX_BYTES + 1]; /* the last three */
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = (uint8_t)j;
    for (size_t i = 1; i <= a_len; i++) {
        uint8_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = (uint8_t)i;
        for (size_t j = 1; j <= b_len; j++) {
            uint8_t other = (uint8_t)(above[j - 1] + (a[i - 1] != b[j - 1]));
            uint8_t more_or_less = (uint8_t)(MIN(above[j], row[j - 1]) + 1);
            row[j] = MIN(other, more_or_less);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = MIN(row[j], (uint8_t)(two_above[j - 2] + 1));
        }
    }
    return rows[a_len % 3][b_len];
}

static void offer(struct nearest *n, const char *word, size_t len)
{
    if (n->len == 0 || n->len > NEAREST_MAX_BYTES || len > NEAREST_MAX_BYTES)
        return;
    size_t distance = distance_of(n->text, n->len, word, len);
    if (distance < n->distance && distance < n->len) {
        n->distance = distance;
        n->best = word;
    }
}

void nearest_offer(struct nearest *n, const char *word)
{
    offer(n, word, strlen(word));
}

void nearest_offer_list(struct nearest *n, const char *list)
{
    while (*list) {
        size_t len = strcspn(list, "|");
        offer(n, list, len);
        list += len + (list[len] == '|');
    }
}

size_t nearest_len(const struct nearest *n)
{
    return n->best ? strcspn(n->best, "|") : 0;
}
