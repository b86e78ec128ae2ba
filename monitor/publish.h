/* SPDX-License-Identifier: MIT */
/* monitor/publish.h - from the spool of a process to its report files. */
#ifndef AP_MONITOR_PUBLISH_H
#define AP_MONITOR_PUBLISH_H

#include <limits.h>
#include <stdbool.h>

#include "monitor/tree.h"
#include "profile/profile.h"
#include "symbolize/symbolize.h"

/* Report files of one process; further ones are left out, with a line in the log. */
#define AP_PUBLISH_FILES 8

/** What to publish. Borrows all strings. */
struct ap_publish {
	const char *spool;
	const struct ap_tree *tree;		  /* instead of a spool: one report of many */
	const struct ap_profile_known_end *known; /* NULL: nothing */
	struct ap_symbolizer_options symbols;
	/* Patterns, and what they are relative to; NULL: those of the spool. The program can write
	 * there: who may do more than it can now (a service that gave up root) must have its own. */
	const char *output, *cwd;
	bool whatever; /* also a report of a process that did nothing of note */
};

enum ap_publish_outcome {
	AP_PUBLISH_FAILED = 0, /* also what is left of a child that died early */
	AP_PUBLISH_NOTHING,    /* nothing worth a report */
	AP_PUBLISH_WRITTEN,    /* at least one file */
};

struct ap_published {
	enum ap_publish_outcome outcome;
	unsigned done; /* patterns dealt with */
	unsigned files_n;
	char files[AP_PUBLISH_FILES][PATH_MAX];
	char problem[512]; /* the last one, one line; empty: none */
};

/**
 * ap_publish() - write the reports of one spool, which stays, or of a tree
 * @ret: always set
 *
 * The reading is done in a guarded child. When that dies, another tries without symbols. A file
 * that cannot be written where it should be goes beside the spool. Problems go to the log of
 * the spool's directory.
 *
 * Return: 0 (see @ret->outcome) or the errno of having no child. */
int ap_publish(const struct ap_publish *what, struct ap_published *ret);

#endif
