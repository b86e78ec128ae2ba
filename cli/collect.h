/* SPDX-License-Identifier: MIT */
/* cli/collect.h - the spools of one `autoprof run`: sampled while they live, reported when they
 * are dead. */
#ifndef AP_CLI_COLLECT_H
#define AP_CLI_COLLECT_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "cli/launch.h"
#include "symbolize/symbolize.h"

/** A run and what has become of it. */
struct ap_collect {
	const char *dir;
	const char *output; /* patterns: by what we were told, not by what the program says */
	pid_t root;	    /* the command itself: its spool waits for ap_collect_root() */
	struct ap_symbolizer_options symbols;
	bool quiet;
	unsigned others; /* reports of other processes */
	char first_other[PATH_MAX];
	unsigned roots;	  /* reports of the command, through all its execs */
	unsigned kept;	  /* spools left because of report=none */
	unsigned failed;  /* spools that gave no report, and stay */
	unsigned silent;  /* spools without anything to report */
	unsigned alive;	  /* processes handed to attendants */
	int inert_reason; /* errno of a runtime that stopped, 0 none */
};

/** ap_collect_tick() - sample living processes, report dead ones but the root. Once a second or
 * so. */
void ap_collect_tick(struct ap_collect *collect);
/** ap_collect_dying() - the root is dead and not reaped: take its last figures. */
void ap_collect_dying(struct ap_collect *collect);
/** ap_collect_root() - report everything that is dead; who still lives gets an attendant. */
void ap_collect_root(struct ap_collect *collect, const struct ap_launch_end *end);

#endif
