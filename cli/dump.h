/* SPDX-License-Identifier: MIT */
/* cli/dump.h - the report of a living process. */
#ifndef AP_CLI_DUMP_H
#define AP_CLI_DUMP_H

#include <stdbool.h>

#include "monitor/store.h"

struct ap_dump {
	const char *output; /* NULL: stdout */
	const char *debug_dir;
	bool json, debuginfod;
};

/** ap_dump_possible() - is it the readable spool of a living process? Complains if not. */
bool ap_dump_possible(const struct ap_store_entry *entry);
/** ap_dump() - print its report up to now. Complains. Return: 0 or negative. */
int ap_dump(const struct ap_store_entry *entry, const struct ap_dump *how);

#endif
