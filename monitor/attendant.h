/* SPDX-License-Identifier: MIT */
/* monitor/attendant.h - the process that attends one profiled program: samples it, and reports
 * after any end. */
#ifndef AP_MONITOR_ATTENDANT_H
#define AP_MONITOR_ATTENDANT_H

#include <sys/types.h>

#include "profile/profile.h"

/**
 * ap_attend() - attend a process until its end, write its reports, remove its spool
 * @spool:  of that process
 * @pid:    as it believes
 * @wishes: where the reports go; NULL: as the program wants it now (not at its end: it may be
 *          another user's by then, who must not choose what we write where)
 *
 * Runs for as long as the program does. Says nothing to anyone but the log beside the spool and
 * the report state in it. The spool stays when no report could be written, and with
 * report=none.
 *
 * Return: 0; -EBADMSG no spool, or another process's; -EBUSY it has an attendant; or an errno. */
int ap_attend(const char *spool, pid_t pid, const struct ap_profile_wishes *wishes);

#endif
