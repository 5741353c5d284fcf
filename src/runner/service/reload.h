#pragma once

/* Reload of the configuration (SIGHUP). The outcome is logged. */

#include "runner/config/options.h"

/* Returns true if any option has changed. */
bool reload_options(struct options *options);
