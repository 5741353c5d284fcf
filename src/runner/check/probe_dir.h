#pragma once

/* Directories of probes below the state directory; what killed ones left is removed at the start (preflight).
 */
#define PROBE_DIR_PREFIX "probe-"
