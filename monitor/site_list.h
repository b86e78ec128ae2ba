/* SPDX-License-Identifier: MIT */
/* monitor/site_list.h - the list of hooks that a program may patch (spool/patch.h), made when it wants one. */
#ifndef AP_MONITOR_SITE_LIST_H
#define AP_MONITOR_SITE_LIST_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "spool/layout.h"

/** Of one program; zeroed where nothing is under way. */
struct ap_site_list {
	pid_t child; /* that makes it */
	char spool[PATH_MAX];
	char to[PATH_MAX], temp[PATH_MAX];
	int64_t until_ms;
};

/** ap_site_list_serve() - begin where the program wants a list, see to the end of what was begun; never waits.
 * Return: is one being made? */
bool ap_site_list_serve(struct ap_site_list *list, const char *spool, struct ap_spool_header *page);
/** ap_site_list_cancel() - the program is over. */
void ap_site_list_cancel(struct ap_site_list *list);

#endif
