/* SPDX-License-Identifier: MIT */
/* monitor/reset.h - forget what a living program has recorded: a copy of its spool, which readers take out. */
#ifndef AP_MONITOR_RESET_H
#define AP_MONITOR_RESET_H

/** ap_reset() - copy the spool to the place beside it where readers look (spool/names.h); a copy that is there goes.
 * The program is not touched. Return: 0 or errno. */
int ap_reset(const char *spool);

#endif
