/* SPDX-License-Identifier: MIT */
/* monitor/guard.h - work on hostile input in a child of its own, so that a crash or a hang
 * costs the child. */
#ifndef AP_MONITOR_GUARD_H
#define AP_MONITOR_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** What the child may use; 0: the default. */
struct ap_guard_limits {
	uint64_t extra_memory_bytes; /* beyond 2 GiB of address space */
	unsigned cpu_s;		     /* 60 */
	unsigned wall_s;	     /* 60; 600 with network */
	bool network;		     /* asked for by the user: no filter on system calls */
};

/**
 * ap_guard_run() - fork, call @work(@arg) under limits, wait for it
 *
 * The child gains no privileges, writes no core and runs no exit handlers; beyond files and memory
 * it may ask nothing of the kernel (sandbox.h). What it has to say it leaves in shared memory or
 * files.
 *
 * Return: what @work returned (0..255); -ECHILD when the child died of a signal; -ETIMEDOUT
 * when it had to be killed; or the errno of fork(). */
int ap_guard_run(int (*work)(void *arg), void *arg, const struct ap_guard_limits *limits);
/** ap_guard_start() - the same without waiting; of @limits the time is ours to keep. Return: the child, or the errno of fork(). */
pid_t ap_guard_start(int (*work)(void *arg), void *arg, const struct ap_guard_limits *limits);
/** ap_guard_look() - what became of it? @end: end it now, whatever it does. Return: as ap_guard_run(); -EAGAIN: it works. */
int ap_guard_look(pid_t child, bool end);

#endif
