/* SPDX-License-Identifier: MIT */
/* cli/collect.h - the spools of one `autoprof run`: sampled while they live, merged or reported when
 * they are dead. */
#ifndef AP_CLI_COLLECT_H
#define AP_CLI_COLLECT_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "cli/launch.h"
#include "monitor/site_list.h"
#include "monitor/tree.h"
#include "symbolize/symbolize.h"

/** A run and what has become of it. */
struct ap_collect {
	const char *dir;
	const char *output; /* patterns: by what we were told, not by what the program says */
	struct ap_site_list sites; /* of one program at a time */
	unsigned early_ticks;	   /* at which a program did not want one yet */
	pid_t root;		   /* the command itself: its spool waits for ap_collect_root() */
	const char *program;	   /* its file */
	uint64_t start_unix_ns;
	struct ap_symbolizer_options symbols;
	bool quiet;
	bool per_process;    /* a report a process, not one of all */
	struct ap_tree tree; /* what ended so far */
	unsigned others;     /* reports of other processes */
	char first_other[PATH_MAX];
	unsigned roots;	  /* reports of the command, through all its execs */
	unsigned kept;	  /* spools left because of report=none */
	unsigned failed;  /* spools that gave no report, and stay */
	unsigned silent;  /* spools without anything to report */
	unsigned alive;	  /* processes handed to attendants */
	int inert_reason; /* errno of a runtime that stopped, 0 none */
};

/** ap_collect_begin() - the command is about to be started. ap_collect_end() releases. */
void ap_collect_begin(struct ap_collect *collect);
/** ap_collect_started() - it is @root. */
void ap_collect_started(struct ap_collect *collect, pid_t root);
void ap_collect_end(struct ap_collect *collect);
/** ap_collect_tick() - sample living processes; merge or report dead ones but the root. Return: in how
 * many ms it should be called again. */
int ap_collect_tick(struct ap_collect *collect);
/** ap_collect_dying() - the root is dead and not reaped: take its last figures. */
void ap_collect_dying(struct ap_collect *collect);
/** ap_collect_root() - report everything that is dead; who still lives gets an attendant. */
void ap_collect_root(struct ap_collect *collect, const struct ap_launch_end *end);

#endif
