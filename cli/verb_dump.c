/* SPDX-License-Identifier: MIT */
/* cli/verb_dump.c - `autoprof dump PID`: the profile of a running process up to now,
 * undisturbed. */
#include <stddef.h>
#include <stdio.h>

#include "cli/dump.h"
#include "cli/options.h"
#include "cli/render.h"
#include "cli/spools.h"
#include "monitor/page.h"

struct values {
	const char *dir;
	struct ap_dump how;
};

#define AT(member) offsetof(struct values, member)
static const struct ap_option options[] = {
	{"output", 'o', AP_OPTION_TEXT, AT(how.output), "FILE",
	 "write to a file; its extension picks the format", NULL},
	{"json", 'j', AP_OPTION_FLAG, AT(how.json), NULL, "JSON instead of text", NULL},
	{"dir", 'd', AP_OPTION_TEXT, AT(dir), "DIR", "where spools are looked for", NULL},
	{"debug-dir", 0, AP_OPTION_TEXT, AT(how.debug_dir), "DIR",
	 "separate debug files are here too", NULL},
	{"debuginfod", 0, AP_OPTION_FLAG, AT(how.debuginfod), NULL,
	 "ask the servers in DEBUGINFOD_URLS", NULL},
	{0},
};
#undef AT

/* Fresh figures of the process: it refreshes its own only when it has something else to do. */
static void sample(const struct ap_store_entry *entry)
{
	struct ap_spool_header *page;

	if (ap_page_open(entry->path, &page) == 0) {
		ap_page_sample(page, (pid_t)entry->head.pid);
		ap_page_close(page);
	}
}

bool ap_dump_possible(const struct ap_store_entry *entry)
{
	if (!entry->readable) {
		ap_spools_complain(entry);
	} else if (!entry->alive) {
		ap_complain("process %u has ended; 'autoprof report %s' shows what it left",
			    entry->pid, entry->path);
	}
	return entry->readable && entry->alive;
}

int ap_dump(const struct ap_store_entry *entry, const struct ap_dump *how)
{
	const struct ap_writer *writer = how->output ? ap_writer_for(how->output) : NULL;
	const struct ap_render render = {
		.load = {.spool = entry->path, .symbols = {how->debug_dir, how->debuginfod}},
		.show = {.color = !how->output && ap_render_color()},
		.writer = how->json ? &ap_writer_json
			  : writer  ? writer
				    : &ap_writer_text,
	};

	sample(entry);
	return how->output ? ap_render_file(&render, how->output, false)
			   : ap_render(&render, stdout);
}

static int dump(const struct ap_verb *verb, int argc, char **argv)
{
	struct values values = {0};
	struct ap_store store;
	int status;

	const int first = ap_options_parse(verb, argc, argv, &values, &status);
	if (first < 0) {
		return status;
	}
	if (argc - first != 1) {
		ap_complain("dump takes the pid of one running process");
		return AP_EXIT_TROUBLE;
	}
	status = ap_spools_find(argv + first, 1, values.dir, &store) < 0 ? AP_EXIT_TROUBLE
									 : AP_EXIT_OK;
	for (size_t i = 0; i < store.n; i++) {
		const struct ap_store_entry *entry = &store.entries[i];
		if (!ap_dump_possible(entry) || ap_dump(entry, &values.how) < 0) {
			status = AP_EXIT_TROUBLE;
		}
	}
	ap_store_clear(&store);
	return status;
}

const struct ap_verb ap_verb_dump = {
	.name = "dump",
	.summary = "report on a running process up to now, and leave it alone",
	.operands = "PID",
	.options = options,
	.trouble = AP_EXIT_TROUBLE,
	.run = dump,
};
