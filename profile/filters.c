/* SPDX-License-Identifier: MIT */
/* profile/filters.c - what the program left out, and why: for events that the reader folds, and for the report. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/reader.h"
#include "spool/filter.h"

static const char *const keys[AP_FILTER_LISTS] = {
	[AP_FILTER_LIST_FILTER] = "filter",
	[AP_FILTER_LIST_NOTRACE] = "notrace",
	[AP_FILTER_LIST_MODULES] = "modules",
};

int ap_reader_filter_module(struct ap_reader *r, size_t id, const struct ap_module *record)
{
	const size_t bytes = (size_t)record->matches_n * sizeof(uint64_t);

	if (!r->hdr.filters) {
		return 0;
	}
	if (!r->filters) {
		r->filters = calloc(r->profile->modules_n, sizeof(*r->filters));
	}
	if (!r->filters) {
		return -ENOMEM;
	}
	struct ap_reader_filter *to = &r->filters[id];
	to->level = record->filter_level;
	if (bytes == 0) {
		return 0;
	}
	if (bytes > r->in.budget) { /* before memory is taken for them */
		ap_reader_damage(r, AP_DAMAGE_MODULE);
		return 0;
	}
	to->matches = calloc(record->matches_n, sizeof(*to->matches));
	if (!to->matches) {
		return -ENOMEM;
	}
	if (ap_input_copy(&r->in, record->matches, 0, to->matches, bytes)) {
		to->matches_n = record->matches_n;
	} else {
		ap_reader_damage(r, AP_DAMAGE_MODULE);
	}
	return 0;
}

void ap_reader_filters_finish(struct ap_reader *r)
{
	for (size_t i = 0; r->filters && i < r->profile->modules_n; i++) {
		free(r->filters[i].matches);
	}
	free(r->filters);
}

static struct ap_filter_place place_below(const struct ap_profile *p, uint32_t parent)
{
	struct ap_filter_place place = {p->nodes[parent].function, 0};

	for (uint32_t id = parent; id > AP_ID_ROOT; id = p->nodes[id].parent) {
		if (p->nodes[id].function == AP_ID_DEEPER) {
			place.above = AP_MAX_PATH_DEPTH;
		}
		place.above += p->nodes[id].function >= AP_ID_FIRST;
	}
	return place;
}

uint32_t ap_reader_left_out(const struct ap_reader *r, uint32_t parent, int32_t module,
			    uint64_t address)
{
	uint32_t level = 0;

	if (r->filters && module >= 0) {
		const struct ap_reader_filter *f = &r->filters[module];
		level = f->level | ap_filter_level_in(f->matches, f->matches_n, address);
	}
	return ap_filter_verdict(r->hdr.filters, r->hdr.filter_depth, level,
				 place_below(r->profile, parent));
}

/* --- what the report says of them ----------------------------------------------------------------------- */

/* Name the patterns of @names that were the name of nothing. */
static int note_missed(struct ap_reader *r, int list, char *names)
{
	static const char *const what[AP_FILTER_LISTS] = {
		[AP_FILTER_LIST_FILTER] = "function",
		[AP_FILTER_LIST_NOTRACE] = "function",
		[AP_FILTER_LIST_MODULES] = "file",
	};
	uint64_t missed = r->hdr.filter_missed[list];
	char *rest = names, *pattern;
	int e = 0;

	for (; e == 0 && missed && (pattern = strsep(&rest, ",")); missed >>= 1) {
		if (missed & 1) {
			e = ap_reader_note(r, "%s: there was no %s '%s'", keys[list], what[list],
					   pattern);
		}
	}
	return e;
}

/* Append to what @r says of its filters. */
__attribute__((format(printf, 2, 3))) static int tell(struct ap_reader *r, const char *format, ...)
{
	char **filters = &r->profile->quality.filters, *added = NULL, *whole;
	const size_t before = *filters ? strlen(*filters) : 0;
	va_list args;

	va_start(args, format);
	if (vasprintf(&added, format, args) < 0) {
		added = NULL;
	}
	va_end(args);
	whole = added ? reallocarray(*filters, before + strlen(added) + 2, 1) : NULL;
	if (whole) {
		*filters = whole;
		strcpy(whole + before, before ? ":" : "");
		strcat(whole, added);
	}
	free(added);
	return whole ? 0 : -ENOMEM;
}

static int take_list(struct ap_reader *r, int list)
{
	char *names = NULL;
	int e = ap_input_text(&r->in, &r->hdr.filter_names[list], &names);

	if (e == -EBADMSG) {
		ap_reader_damage(r, AP_DAMAGE_TEXT);
		return 0;
	}
	if (e == 0 && *names) {
		e = tell(r, "%s=%s", keys[list], names);
		e = e < 0 ? e : note_missed(r, list, names);
	}
	free(names);
	return e;
}

int ap_reader_filters(struct ap_reader *r)
{
	int e = 0;

	for (int list = 0; r->hdr.filters && list < AP_FILTER_LISTS && e == 0; list++) {
		e = take_list(r, list);
	}
	return e == 0 && r->hdr.filters && r->hdr.filter_depth
		       ? tell(r, "depth=%" PRIu32, r->hdr.filter_depth)
		       : e;
}
