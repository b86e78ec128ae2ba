/* SPDX-License-Identifier: MIT */
/* monitor/sandbox.h - what a reader of hostile input may still ask of the kernel. */
#ifndef AP_MONITOR_SANDBOX_H
#define AP_MONITOR_SANDBOX_H

#include <stdbool.h>

/**
 * ap_sandbox_enter() - for good, in this process: no new privileges, and only the system calls that
 * reading files, memory and writing reports take; any other fails with EPERM
 *
 * No process or thread can be made, no program run, no socket opened, no signal sent, nothing
 * traced, mounted or given to another owner.
 *
 * Return: is the filter in place? (not on a kernel or machine without such filters). */
bool ap_sandbox_enter(void);

#endif
