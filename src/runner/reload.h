#pragma once

/* SIGHUP: the configuration is read once more. Says in the log what came of it. */

#include "runner/options.h"

/* Whether any option has another value now. */
bool reload_options(struct options *options);
