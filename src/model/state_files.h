#pragma once

/*
 * Names below --state-dir, see docs/architecture.md ("State on disk"). They are an interface:
 * operators know them, and older versions may have left files there.
 */

#define STATE_LOCK     "lock"     /* of the state directory, and of a job's directory */
#define STATE_JOBS     "jobs"     /* claims, a directory each */
#define STATE_SPOOL    "spool"    /* undelivered results */
#define STATE_REJECTED "rejected" /* refused results */
#define STATE_KEPT     "kept"     /* logs of finished tasks */
#define STATE_CACHE    "cache"
#define STATE_JOB_CONF "job.conf" /* options of ostest-job */

/* In the directory of a claim. */
#define STATE_TASK    "task.json"
#define STATE_STARTS  "starts"
#define STATE_WHY     "why"
#define STATE_RESULT  "result.json"
#define STATE_SUMMARY "summary.json"
#define STATE_PAGE    "report.html"
#define STATE_JOB_LOG "job.log"
#define STATE_STDOUT  "stdout.log"
#define STATE_STDERR  "stderr.log"

/* In the cache. */
#define STATE_CACHE_REPOS  "repos"
#define STATE_CACHE_SUITES "suites"
#define STATE_CACHE_ENVS   "envs"
#define STATE_CACHE_ETC    "etc"
