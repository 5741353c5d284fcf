#pragma once

/*
 * A run on a screen: on a terminal a line for each test that has ended, and below them one that moves (stage,
 * bar, running test, elapsed time); elsewhere plain lines, and nothing that moves.
 */

#include "model/progress.h"
#include "model/result.h"

#include <stdbool.h>
#include <stdio.h>

enum display_color { DISPLAY_COLOR_AUTO, DISPLAY_COLOR_ALWAYS, DISPLAY_COLOR_NEVER };

struct display;

/* To `out`, borrowed. auto: colours on a terminal, unless NO_COLOR is set (no-color.org). */
struct display *display_new(FILE *out, enum display_color color);
void display_free(struct display *d);

/* Something has happened. */
void display_take(struct display *d, const struct progress *p);

/* A sentence beside it, such as a warning. */
void display_say(struct display *d, const char *text);

/* Time has passed: draws the moving line again. How long until the next call is wanted, -1: for ever. */
int display_tick(struct display *d);

/* Nothing moves any more. */
void display_end(struct display *d);

/* The end: failed tests with their texts, the numbers, the verdict. */
void display_result(struct display *d, const struct result *result);
