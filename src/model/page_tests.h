#pragma once

/* The table of a report page, with a row for each test: those that did not pass come first. */

#include "model/html.h"
#include "model/report.h"
#include "model/result.h"

struct page_counts {
    size_t of[REPORT_XFAILED + 1];
};

void page_tests_count(const struct result *result, struct page_counts *ret_counts);

/* Writes at most `max_rows` rows and about `max_bytes`, and the number of the other tests. */
void page_tests_write(struct html *h, const struct result *result, size_t max_rows, uint64_t max_bytes);
