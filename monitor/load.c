/* SPDX-License-Identifier: MIT */
/* monitor/load.c - see load.h. */
#include "monitor/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int load_tree(const struct ap_tree *tree, struct ap_loaded *ret,
		     struct ap_profile_error *error)
{
	char note[256];

	int r = ap_tree_profile(tree, &ret->profile);
	if (r < 0) {
		snprintf(error->text, sizeof(error->text), "%s",
			 r == -ENOENT ? "nothing was merged" : strerror(-r));
	}
	for (unsigned n = 0; r == 0 && ap_tree_note(tree, n, note, sizeof(note)); n++) {
		r = ap_load_note(ret, note);
	}
	return r;
}

int ap_load_profile(const struct ap_load *what, struct ap_loaded *ret,
		    struct ap_profile_error *error)
{
	*ret = (struct ap_loaded){0};
	if (what->tree) {
		return load_tree(what->tree, ret, error);
	}
	return ap_profile_open(what->spool, what->known, &ret->profile, error);
}

/* The modules again, below a path where no file can be: the symbolizer then names by module and
 * offset. */
static int make_stand_ins(struct ap_loaded *loaded)
{
	const struct ap_profile *profile = loaded->profile;

	loaded->modules = calloc(profile->modules_n + 1, sizeof(*loaded->modules));
	if (!loaded->modules) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < profile->modules_n; i++) {
		struct ap_profile_module *module = &loaded->modules[i];
		const char *path = profile->modules[i].path ? profile->modules[i].path : "?";
		const char *slash = strrchr(path, '/');

		*module = profile->modules[i];
		module->build_id_bytes = 0;
		module->path = NULL;
		if (asprintf(&module->path, "/dev/null/%s", slash ? slash + 1 : path) < 0) {
			module->path = NULL;
			return -ENOMEM;
		}
	}
	return 0;
}

int ap_load_names(const struct ap_load *what, struct ap_loaded *loaded)
{
	const struct ap_profile_module *modules = loaded->profile->modules;

	if (what->nameless) {
		const int r = make_stand_ins(loaded);
		if (r < 0) {
			return r;
		}
		modules = loaded->modules;
	}
	loaded->symbolizer = ap_symbolizer_new(modules, loaded->profile->modules_n, &what->symbols);
	if (!loaded->symbolizer) {
		return -ENOMEM;
	}
	loaded->report = ap_report_new(loaded->profile, loaded->symbolizer);
	if (!loaded->report) {
		return -ENOMEM;
	}
	if (what->nameless) {
		loaded->report->module_notes_n = 0; /* they speak of the stand-ins */
		return ap_load_note(loaded, "reading the program's symbols failed or hung: "
					    "functions are named by module and offset");
	}
	return 0;
}

int ap_load_note(struct ap_loaded *loaded, const char *text)
{
	struct ap_profile_quality *quality = &loaded->profile->quality;
	char **notes = calloc(quality->notes_n + 1, sizeof(*notes));
	char *copy = strdup(text);

	if (!notes || !copy) {
		free(notes);
		free(copy);
		return -ENOMEM;
	}
	if (!loaded->own_notes) {
		loaded->their_notes = quality->notes;
		loaded->their_notes_n = quality->notes_n;
	}
	if (quality->notes_n) {
		memcpy(notes, quality->notes, quality->notes_n * sizeof(*notes));
	}
	notes[quality->notes_n++] = copy;
	free(loaded->own_notes);
	loaded->own_notes = quality->notes = notes;
	return 0;
}

/* The profile gets back what it owns, and only that. */
static void restore_notes(struct ap_loaded *loaded)
{
	struct ap_profile_quality *quality = &loaded->profile->quality;

	for (size_t i = loaded->their_notes_n; i < quality->notes_n; i++) {
		free(quality->notes[i]);
	}
	quality->notes = loaded->their_notes;
	quality->notes_n = loaded->their_notes_n;
	free(loaded->own_notes);
}

void ap_load_clear(struct ap_loaded *loaded)
{
	ap_report_free(loaded->report);
	ap_symbolizer_free(loaded->symbolizer);
	for (size_t i = 0; loaded->modules && i < loaded->profile->modules_n; i++) {
		free(loaded->modules[i].path);
	}
	free(loaded->modules);
	if (loaded->own_notes) {
		restore_notes(loaded);
	}
	ap_profile_free(loaded->profile);
	*loaded = (struct ap_loaded){0};
}
