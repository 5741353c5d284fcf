#pragma once

/* What helps where the sandbox says this; NULL: not known. */
const char *mend_of(const char *message);
