#pragma once

/*
 * Directories of probes in the state directory. Those of killed probes are removed at the start.
 */
#define PROBE_DIR_PREFIX "probe-"
