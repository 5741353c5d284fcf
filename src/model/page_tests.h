#pragma once

/* The part of a report with a row for each test: those that did not pass first. */

#include "model/html.h"
#include "model/report.h"
#include "model/result.h"

struct page_counts {
    size_t of[REPORT_XFAILED + 1];
};

void page_tests_count(const struct result *result, struct page_counts *ret_counts);

/* At most `max_rows` of them, and about `max_bytes`; of the others, it says how many there are. */
void page_tests_write(struct html *h, const struct result *result, size_t max_rows, uint64_t max_bytes);
