#pragma once

/* What helps where the sandbox says this; NULL: not known. */
const char *sandbox_advice(const char *message);
