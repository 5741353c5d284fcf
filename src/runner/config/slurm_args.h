#pragma once

/* Checks --slurm-args, the options that the operator adds to sbatch. Of type opt_check_fn. */
const char *slurm_args_check(const char *text);
