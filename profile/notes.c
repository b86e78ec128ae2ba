/* SPDX-License-Identifier: MIT */
/* profile/notes.c - what a reader of the report should know about how the figures came to be. */
#include "profile/notes.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/reader.h"

#define LINES_MOST 256
/* The buckets were chosen with the first estimate of the clock: beyond this, percentiles suffer. */
#define RATE_OFF_MOST 0.001L

static const char *const damage_text[AP_DAMAGE_KINDS] = {
	[AP_DAMAGE_COUNT] = "impossible counts of ids in the header were cut",
	[AP_DAMAGE_MODULE] = "damaged records of modules were skipped",
	[AP_DAMAGE_FUNCTION] = "damaged records of functions were skipped",
	[AP_DAMAGE_NODE] = "damaged call paths were skipped",
	[AP_DAMAGE_COUNTERS] = "damaged counters were skipped",
	[AP_DAMAGE_HISTOGRAM] = "damaged histograms were skipped",
	[AP_DAMAGE_THREAD] = "damaged records of threads were skipped",
	[AP_DAMAGE_FRAME] = "damaged open calls were skipped",
	[AP_DAMAGE_CHUNK] = "damaged chunks of events were skipped",
	[AP_DAMAGE_TEXT] = "damaged texts were skipped",
};

void ap_reader_damage(struct ap_reader *r, enum ap_damage kind)
{
	r->damage[kind]++;
}

int ap_lines_add(char ***lines, size_t *n, char *line)
{
	char **bigger = line ? reallocarray(*lines, *n + 1, sizeof(**lines)) : NULL;
	if (!bigger) {
		free(line);
		return -ENOMEM;
	}
	*lines = bigger;
	bigger[(*n)++] = line;
	return 0;
}

int ap_lines_split(char ***lines, size_t *n, const char *text)
{
	int e = 0;

	while (*text && *n < LINES_MOST && e == 0) {
		const size_t length = strcspn(text, "\n");
		if (length) {
			e = ap_lines_add(lines, n, strndup(text, length));
		}
		text += length + (text[length] == '\n');
	}
	return e;
}

void ap_lines_free(char **lines, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(lines[i]);
	}
	free(lines);
}

int ap_reader_note(struct ap_reader *r, const char *format, ...)
{
	struct ap_profile_quality *q = &r->profile->quality;
	char *line = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&line, format, args) < 0) {
		line = NULL;
	}
	va_end(args);
	return ap_lines_add(&q->notes, &q->notes_n, line);
}

static int note_damage(struct ap_reader *r)
{
	int e = 0;

	for (int kind = 0; kind < AP_DAMAGE_KINDS && e == 0; kind++) {
		if (r->damage[kind]) {
			e = ap_reader_note(r, "%" PRIu64 " %s", r->damage[kind], damage_text[kind]);
		}
	}
	return e;
}

static int note_state(struct ap_reader *r)
{
	const struct ap_spool_header *h = &r->hdr;
	int e = 0;

	if (r->profile->process.end == AP_PROFILE_RUNNING) {
		e = ap_reader_note(
			r, "the program was still running: this is a snapshot, taken while it "
			   "counted on");
	}
	if (e == 0 && h->inert_reason) {
		e = ap_reader_note(r, "recording stopped after the start: %s",
				   strerror((int)h->inert_reason));
	}
	if (e == 0 && (h->flags & AP_SPOOL_FROZEN)) {
		e = ap_reader_note(r, "the profile's memory could not grow any more");
	}
	if (e == 0 && (h->flags & AP_SPOOL_SIGNALS_OPEN)) {
		e = ap_reader_note(r,
				   "signals could not be blocked: handlers may have lost events");
	}
	return e;
}

static int note_clock(struct ap_reader *r)
{
	const long double off = 1e9L / r->ns_per_tick / r->hdr.ticks_per_s - 1;

	if (fabsl(off) <= RATE_OFF_MOST) {
		return 0;
	}
	return ap_reader_note(
		r, "the clock ran %+.2Lf %% off its first estimate: percentiles are off by as much",
		100 * off);
}

static int note_late(struct ap_reader *r)
{
	if (!r->hdr.late_events) {
		return 0;
	}
	return ap_reader_note(
		r,
		"%" PRIu64
		" events were of code that was unloaded and replaced several times before their "
		"thread got to fold them: they may have the names of what took its place",
		r->hdr.late_events);
}

int ap_reader_notes(struct ap_reader *r)
{
	int e = note_state(r);

	if (e == 0) {
		e = note_clock(r);
	}
	if (e == 0) {
		e = note_late(r);
	}
	return e == 0 ? note_damage(r) : e;
}
