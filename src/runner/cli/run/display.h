#pragma once

/*
 * Output of `ostest-runner run`: a line for each finished test and, on a terminal, a progress line
 * below them (stage, bar, running test, elapsed time).
 */

#include "model/progress.h"
#include "model/result.h"

#include <stdbool.h>
#include <stdio.h>

enum display_color { DISPLAY_COLOR_AUTO, DISPLAY_COLOR_ALWAYS, DISPLAY_COLOR_NEVER };

struct display;

/*
 * Writes to `out`, which is borrowed. AUTO: colors on a terminal, unless NO_COLOR is set
 * (no-color.org).
 */
struct display *display_new(FILE *out, enum display_color color);
void display_free(struct display *d);

/* Shows an event. */
void display_take(struct display *d, const struct progress *p);

/* Shows a sentence, such as a warning. */
void display_say(struct display *d, const char *text);

/* Redraws the progress line. Returns the time until the next call in ms; -1: no call needed. */
int display_tick(struct display *d);

/* Removes the progress line. */
void display_end(struct display *d);

/* Shows the failed tests with their texts, the numbers and the verdict. */
void display_result(struct display *d, const struct result *result);
