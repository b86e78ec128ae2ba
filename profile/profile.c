/* SPDX-License-Identifier: MIT */
/* profile/profile.c - from a spool to the model: the steps of reader.h in their order. */
#include "profile/profile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "profile/file.h"
#include "profile/notes.h"
#include "profile/reader.h"
#include "profile/since.h"
#include "spool/names.h"

static int run_steps(struct ap_reader *r, const struct ap_profile_known_end *known)
{
	static int (*const steps[])(struct ap_reader *) = {
		ap_reader_header,   ap_reader_tables, ap_reader_counters,  ap_reader_threads,
		ap_reader_fibers,   ap_reader_gates,  ap_reader_pending,   ap_reader_open_calls,
		ap_reader_patched,  ap_reader_weigh,  ap_reader_stretches, ap_reader_compensate,
		ap_reader_estimate,
	};
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		const int e = steps[i](r);
		if (e < 0) {
			return e;
		}
	}
	ap_reader_figures(r);
	ap_reader_identity(r);
	int e = ap_reader_process(r, known);
	e = e < 0 ? e : ap_reader_filters(r);
	return e < 0 ? e : ap_reader_notes(r);
}

static void finish(struct ap_reader *r)
{
	for (size_t i = 0; r->threads && i < r->profile->threads_n; i++) {
		ap_stack_clear(&r->threads[i].fold.stack);
		ap_stack_clear(&r->threads[i].fold.own);
		free(r->threads[i].gates);
	}
	for (size_t i = 0; i < r->fibers_n; i++) {
		ap_stack_clear(&r->fibers[i].stack);
	}
	ap_reader_filters_finish(r);
	free(r->fibers);
	free(r->threads);
	free(r->node_sums);
	free(r->function_sums);
	ap_map_finish(&r->function_by_address);
	ap_map_finish(&r->node_by_path);
}

static int parse(const void *bytes, size_t size, const struct ap_profile_known_end *known,
		 bool is_past, struct ap_profile **ret, struct ap_profile_error *error)
{
	struct ap_reader r = {.error = error, .is_past = is_past};

	r.profile = calloc(1, sizeof(*r.profile));
	if (!r.profile) {
		return ap_reader_no_memory(error);
	}
	ap_input_init(&r.in, bytes, size);
	const int e = run_steps(&r, known);
	finish(&r);
	if (e < 0) {
		ap_profile_free(r.profile);
		return e == -ENOMEM ? ap_reader_no_memory(error) : e;
	}
	*ret = r.profile;
	return 0;
}

int ap_profile_parse(const void *bytes, size_t size, const struct ap_profile_known_end *known,
		     struct ap_profile **ret, struct ap_profile_error *error)
{
	return parse(bytes, size, known, false, ret, error);
}

static int read_spool(const char *path, const struct ap_profile_known_end *known, bool is_past,
		      struct ap_profile **ret, struct ap_profile_error *error)
{
	void *bytes = NULL;
	size_t bytes_n;
	uint64_t size;
	int fd = -1;

	int e = ap_file_open(path, &fd, &size, error);
	if (e == 0) {
		e = ap_file_load(fd, size, &bytes, &bytes_n, error);
	}
	ap_file_close(fd);
	if (e == 0) {
		e = parse(bytes, bytes_n, known, is_past, ret, error);
	}
	free(bytes);
	return e;
}

static int note_no_reset(struct ap_profile *p, const char *why)
{
	char *note = NULL;

	if (asprintf(&note, "it was reset, but what there was before cannot be taken out: %s",
		     why) < 0) {
		note = NULL;
	}
	return ap_lines_add(&p->quality.notes, &p->quality.notes_n, note);
}

/* A copy of the spool, as it was then, is beside it. */
static int subtract_reset(const char *path, struct ap_profile *p)
{
	struct ap_profile_error error;
	struct ap_profile *past;
	char reset[4096];
	struct stat st;

	if (ap_names_beside(reset, sizeof(reset), path, AP_RESET_SUFFIX) < 0 ||
	    lstat(reset, &st) < 0) {
		return 0;
	}
	int e = read_spool(reset, NULL, true, &past, &error);
	if (e < 0) {
		return e == -ENOMEM ? e : note_no_reset(p, error.text);
	}
	if (past->process.pid != p->process.pid || past->process.spool_id != p->process.spool_id) {
		e = note_no_reset(p, "the copy beside it is of another process");
	} else {
		e = ap_profile_since(p, past);
	}
	ap_profile_free(past);
	return e;
}

int ap_profile_open(const char *path, const struct ap_profile_known_end *known,
		    struct ap_profile **ret, struct ap_profile_error *error)
{
	struct ap_profile *p;

	int e = read_spool(path, known, false, &p, error);
	if (e < 0) {
		return e;
	}
	e = subtract_reset(path, p);
	if (e < 0) {
		ap_profile_free(p);
		return ap_reader_no_memory(error);
	}
	*ret = p;
	return 0;
}

static void free_functions(struct ap_profile *p)
{
	for (size_t i = 0; p->functions && i < p->functions_n; i++) {
		ap_histogram_clear(&p->functions[i].total);
		ap_histogram_clear(&p->functions[i].self);
	}
	free(p->functions);
}

static void free_modules(struct ap_profile *p)
{
	for (size_t i = 0; p->modules && i < p->modules_n; i++) {
		free(p->modules[i].path);
	}
	free(p->modules);
}

static void free_threads(struct ap_profile *p)
{
	for (size_t i = 0; p->threads && i < p->threads_n; i++) {
		free(p->threads[i].open);
	}
	free(p->threads);
}

static void free_processes(struct ap_profile *p)
{
	for (size_t i = 0; p->processes && i < p->processes_n; i++) {
		free(p->processes[i].exe);
	}
	free(p->processes);
}

struct ap_profile *ap_profile_free(struct ap_profile *p)
{
	if (!p) {
		return NULL;
	}
	free_functions(p);
	free_modules(p);
	free_threads(p);
	free_processes(p);
	free(p->nodes);
	free(p->process.exe);
	free(p->process.cwd);
	free(p->process.output);
	ap_lines_free(p->quality.options_ignored, p->quality.options_ignored_n);
	free(p->quality.filters);
	ap_lines_free(p->quality.notes, p->quality.notes_n);
	free(p);
	return NULL;
}
