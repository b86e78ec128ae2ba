/* SPDX-License-Identifier: MIT */
/* monitor/load.h - from a spool to a report in memory: profile, names, findings. For guarded
 * children. */
#ifndef AP_MONITOR_LOAD_H
#define AP_MONITOR_LOAD_H

#include <stdbool.h>

#include "monitor/tree.h"
#include "profile/profile.h"
#include "report/report.h"
#include "symbolize/symbolize.h"

/** What to load. Zeroed members: nothing known, no names from elsewhere. */
struct ap_load {
	const char *spool;
	const struct ap_tree *tree; /* instead of a spool */
	const struct ap_profile_known_end *known;
	struct ap_symbolizer_options symbols;
	bool nameless; /* open no file of the program: names are module+0x1234, a note says so */
};

/** What was loaded; `profile` is set after ap_load_profile(), the rest after ap_load_names(). */
struct ap_loaded {
	struct ap_profile *profile;
	struct ap_profile_module *modules; /* stand-ins of a nameless load */
	struct ap_symbolizer *symbolizer;
	struct ap_report *report;
	char **own_notes; /* the profile's, and ours after them */
	char **their_notes;
	size_t their_notes_n;
};

/** ap_load_profile() - read the spool, or what was merged. Return: as ap_profile_open(); 0: finish with
 * ap_load_clear(). */
int ap_load_profile(const struct ap_load *what, struct ap_loaded *ret,
		    struct ap_profile_error *error);
/** ap_load_names() - symbolize, find. Return: 0 or -ENOMEM. */
int ap_load_names(const struct ap_load *what, struct ap_loaded *loaded);
/** ap_load_note() - add a line to the report's data quality. Return: 0 or -ENOMEM. */
int ap_load_note(struct ap_loaded *loaded, const char *text);
/** ap_load_clear() - takes zeroed objects. */
void ap_load_clear(struct ap_loaded *loaded);

#endif
